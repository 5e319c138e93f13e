/** Faults of a simulated AMD machine. All but `high-spl` make what a verifier must refuse, or be told to accept. */
import { fail } from '../../../src/base/errors.ts';

/** What each changes; it changes nothing else. */
export const AMD_FAULTS = {
  debug: 'POLICY lets the host debug the guest',
  'migration-agent': 'POLICY lets a migration agent move the guest, and REPORT_ID_MA names one',
  vmpl: 'the report is asked for by another privilege level than the one that was meant',
  smt: 'POLICY allows SMT, and the platform has it on',
  'alias-check-missing': 'PLATFORM_INFO does not say that memory was searched for aliases (BadRAM)',
  'old-tcb': 'the machine runs old firmware and microcode, and its certificate says so',
  'tcb-mismatch': 'the certificate has the key of the report, and other versions',
  'rolled-back-tcb': 'REPORTED_TCB is below COMMITTED_TCB, and the certificate is of the reported one',
  'provisional-firmware': 'CURRENT_TCB and the current firmware are above what is committed',
  'wrong-hwid':
    'the certificate has the key of the report, and the HWID of another chip; a VLEK has none to change',
  'masked-chip': 'CHIP_ID is zero',
  unsigned: 'SIGNATURE_ALGO is 0, SIGNING_KEY is none, and the signature is zero',
  'wrong-binding': 'REPORT_DATA is not what the guest asked for',
  'revoked-ask': 'the revocation list names ASK and ASVK',
  'stale-crl': 'the revocation list should have been replaced a day ago',
  'tampered-crl': 'the revocation list was given another number after it was signed',
  'crl-by-ask': 'the revocation list is in the name of the root and signed by ASK',
  'same-name-root':
    'all names and addresses in certificates and revocation list are those of AMD, the keys are not',
  'swapped-roles': 'ASVK issued the VCEK, and ASK the VLEK',
  'pss-salt': 'the certificate of the report key is signed with a salt of 32 bytes, and says so',
  'expired-vcek': 'the certificate of the report key ended the day before the machine was started',
  'high-spl': 'microcode of a version above 127, whose INTEGER has two octets; healthy machines have such',
} as const;

export type AmdFault = keyof typeof AMD_FAULTS;
export type AmdFaults = ReadonlySet<AmdFault>;

export const NO_AMD_FAULTS: AmdFaults = new Set();

/** Throws SIMULATOR_FAULT_UNKNOWN. */
export function parseAmdFaults(names: readonly string[]): AmdFaults {
  const known = Object.keys(AMD_FAULTS);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    fail('SIMULATOR_FAULT_UNKNOWN', `${JSON.stringify(unknown)}; known are ${known.join(', ')}`);
  return new Set(names as readonly AmdFault[]);
}
