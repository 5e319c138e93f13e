/**
 * Faults of the simulated Intel vendor and its platforms, by name. Each changes what it says and nothing else, and
 * what it makes is still in its genuine format and signed, unless the fault is the signature.
 */
import { fail } from '../../../src/base/errors.ts';

export const INTEL_FAULTS = {
  'out-of-date': 'the TCB info says OutOfDate of this platform',
  'tcb-revoked': 'the TCB info says Revoked of this platform',
  'unsupported-tcb': 'the TCB info has no level that this platform reaches',
  revoked: 'the PCK certificate is on the revocation list of its CA',
  'revoked-ca': 'the CA of the PCK certificates is on the revocation list of the root',
  'future-pck': 'the PCK certificate begins 30 days from now',
  'relaunch-advised': 'the TDX module was updated after the TD was launched; quotes are of version 5',
  debug: 'the TD or enclave runs in debug mode',
  'body-type-4': 'quotes have the body of a TD that can be partitioned or preserved: version 5, type 4',
  'service-td': 'a service TD is bound to the TD (MRSERVICETD is not zero); quotes are of version 5',
  migratable: 'the TD may be migrated',
  'no-sept-ve-disable': 'the host may inject faults into the TD by removing its pages (SEPT_VE_DISABLE is 0)',
  'wrong-module-signer': 'the TDX module is not signed by Intel (MRSIGNERSEAM is not zero)',
  'foreign-qe': 'the attestation key belongs to an enclave of another signer than the QE identity names',
  'wrong-binding': 'the quote carries other report data than was asked for',
  'rolled-back-tcb':
    'the TCB info is of the evaluation number before, signed, in time, and without the last recovery',
  'stale-collateral': 'the signed statements and revocation lists are past their next update',
  'tampered-crl': 'an entry of the PCK revocation list was changed after it was signed',
  'tampered-tcb-info':
    'the TCB info was changed after it was signed, to UpToDate and a later evaluation number',
  'swapped-roles':
    'the TCB info is signed by the PCK key, the PCK revocation list issued by the TCB signer, both correctly',
  'same-name-root': "the root has the name of Intel's, and another key",
} as const;

export type IntelFault = keyof typeof INTEL_FAULTS;
export type IntelFaults = ReadonlySet<IntelFault>;

/** Throws SIMULATOR_FAULT_UNKNOWN. */
export function parseIntelFaults(names: readonly string[]): IntelFaults {
  const unknown = names.find((name) => !Object.hasOwn(INTEL_FAULTS, name));
  if (unknown !== undefined)
    fail(
      'SIMULATOR_FAULT_UNKNOWN',
      `${JSON.stringify(unknown)}; known are ${Object.keys(INTEL_FAULTS).join(', ')}`,
    );
  return new Set(names as readonly IntelFault[]);
}
