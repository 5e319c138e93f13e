/** Is verified Nitro evidence acceptable? Debug mode, measurements, hardware, lifetimes: each a check of its own. */
import { equalBytes, isZero } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import type { Certificate } from '../../src/codec/x509.ts';
import type { Verified } from '../platform.ts';
import { CheckLog, type PlannedCheck } from '../verdict.ts';
import { AWS_TEXT, type NitroClaims } from './verify.ts';

export const NITRO_APPRAISE_CHECKS: readonly PlannedCheck[] = Object.freeze([
  { name: 'nitro.kind', clause: `${AWS_TEXT} 3.2.2.2: pcrs of an enclave, not nitrotpm_pcrs` },
  { name: 'nitro.debug', clause: 'AWS Nitro Enclaves User Guide: debug mode zeroes PCR0, PCR1 and PCR2' },
  { name: 'nitro.partition', clause: 'one root for each AWS partition' },
  { name: 'nitro.pcrs', clause: `${AWS_TEXT} 3.2.3; design 3.3` },
  { name: 'nitro.hardware', clause: 'design 3.4: PCR3 is the role, PCR4 the instance' },
  {
    name: 'nitro.revocation',
    clause:
      'AWS User Guide: "CRL must be disabled when doing the validation"; so every certificate is short-lived',
  },
]);

/** What an appraiser expects. Nothing has a default; what is not to be checked is waived by name. */
export interface NitroExpectations {
  /** Allowed values by register, 96 hex digits each. */
  readonly pcrs: 'any' | Readonly<Record<string, readonly string[]>>;
  readonly debug: 'reject' | 'allow';
  readonly partitions: 'any' | readonly string[];
  readonly hardware: 'any' | { readonly pcr3?: readonly string[]; readonly pcr4?: readonly string[] };
  /** AWS revokes nothing that a verifier should ask for, so `required` demands lifetimes that need no revocation. */
  readonly revocation: 'required' | 'any';
}

const HOUR = 3_600_000;
/** Recorded: leaf 3 hours, authorities 1 to 20 days. */
const MAX_LEAF_LIFE = 4 * HOUR;
const MAX_AUTHORITY_LIFE = 31 * 24 * HOUR;

/**
 * Judges verified claims against expectations and throws the first that is not met; each is recorded in `log`
 * (planned with NITRO_APPRAISE_CHECKS). The debug check goes before the measurements, which it explains.
 */
export function appraiseNitro(
  verified: Verified<NitroClaims>,
  expectations: NitroExpectations,
  log: CheckLog = new CheckLog(NITRO_APPRAISE_CHECKS),
): void {
  requireAll(expectations);
  const { claims } = verified;
  log.judge('nitro.kind', () => {
    if (claims.kind !== 'enclave') fail('NITRO_TPM_DOCUMENT', `${claims.moduleId} is a NitroTPM`);
  });
  if (expectations.debug === 'allow') log.waive('nitro.debug');
  else log.judge('nitro.debug', () => checkDebug(claims));
  const { partitions, pcrs, hardware } = expectations;
  // A simulated root is in no partition of AWS; the trust policy has named it itself.
  if (partitions === 'any') log.waive('nitro.partition');
  else if (verified.pin.simulated) log.notApplicable('nitro.partition');
  else
    log.judge('nitro.partition', () => {
      if (!partitions.includes(claims.partition))
        fail(
          'NITRO_PARTITION_MISMATCH',
          `signed in ${claims.partition}, allowed are ${partitions.join(', ')}`,
        );
    });
  if (pcrs === 'any') log.waive('nitro.pcrs');
  else log.judge('nitro.pcrs', () => checkPcrs(claims, pcrs));
  if (hardware === 'any') log.waive('nitro.hardware');
  else
    log.judge('nitro.hardware', () => {
      if (hardware.pcr3 === undefined && hardware.pcr4 === undefined)
        fail('EXPECTATION_MISSING', 'trust policy: hardware.ids names neither pcr3 nor pcr4 for nitro');
      checkHardware(claims, hardware);
    });
  if (expectations.revocation === 'any') log.waive('nitro.revocation');
  else log.judge('nitro.revocation', () => checkLifetimes(verified.chain.certificates));
  log.settle();
}

/** From plain JavaScript a missing expectation must not read as a waived one. */
function requireAll(expectations: NitroExpectations): void {
  for (const name of ['pcrs', 'debug', 'partitions', 'hardware', 'revocation'] as const)
    if (expectations?.[name] === undefined) fail('EXPECTATION_MISSING', `nitro.${name} is not stated`);
}

function checkDebug(claims: NitroClaims): void {
  for (const index of [0, 1, 2]) {
    const value = claims.pcrs[index];
    if (value === undefined)
      fail('NITRO_PCR_MISSING', `PCR${index} is not listed, so debug mode cannot be excluded`);
    else if (isZero(value)) fail('NITRO_DEBUG_MODE', `PCR${index} is zero`);
  }
}

function checkPcrs(claims: NitroClaims, pcrs: Readonly<Record<string, readonly string[]>>): void {
  for (const [index, allowed] of Object.entries(pcrs)) {
    const value = claims.pcrs[Number(index)];
    if (value === undefined) fail('NITRO_PCR_MISSING', `PCR${index} is not listed`);
    else if (!listed(value, allowed)) fail('NITRO_PCR_MISMATCH', `PCR${index} is ${toHex(value)}`);
  }
}

function checkHardware(claims: NitroClaims, hardware: Exclude<NitroExpectations['hardware'], 'any'>): void {
  for (const index of [3, 4] as const) {
    const allowed = hardware[`pcr${index}`];
    const value = claims.pcrs[index];
    if (allowed !== undefined && (value === undefined || !listed(value, allowed)))
      fail('NITRO_HARDWARE_MISMATCH', `PCR${index} is ${value === undefined ? 'not listed' : toHex(value)}`);
  }
}

function checkLifetimes(certificates: readonly Certificate[]): void {
  certificates.slice(1).forEach((certificate, i) => {
    const limit = i === certificates.length - 2 ? MAX_LEAF_LIFE : MAX_AUTHORITY_LIFE;
    if (certificate.notAfter - certificate.notBefore > limit)
      fail('CHAIN_LONG_LIVED', `certificate ${i + 1} of the chain lives longer than ${limit / HOUR} hours`);
  });
}

function listed(value: Uint8Array, allowed: readonly string[]): boolean {
  return allowed.some((hex) => equalBytes(fromHex(hex), value));
}
