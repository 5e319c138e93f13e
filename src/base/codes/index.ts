/**
 * The error catalogue: every code that Assay can raise, one table a subject.
 *
 * A code is stable (scripts match on it), documented here, listed in docs/errors.md and provoked by a test.
 * `kind` says what happened, and so what the process exits with (design section 3, rule 2):
 *
 * - `malformed`     bytes, a file, a flag or a request that cannot be read            exit 2
 * - `unauthentic`   readable, but a signature, a chain or a binding does not hold      exit 1
 * - `unacceptable`  authentic, but not what the trust policy or the expectation asks   exit 1
 * - `undetermined`  cannot be judged: something needed is missing, stale, unreachable  exit 4
 * - `refused`       a service or an enclave declines to act                            exit 1
 */
import { CODEC_CODES } from './codec.ts';
import { COLLATERAL_CODES } from './collateral.ts';
import { ENCLAVE_CODES } from './enclave.ts';
import { GUEST_CODES } from './guest.ts';
import { HARDWARE_CODES } from './hardware.ts';
import { HOST_CODES } from './host.ts';
import { IMAGE_CODES } from './image.ts';
import { INTEL_CODES } from './intel.ts';
import { LEDGER_CODES } from './ledger.ts';
import { LOG_CODES } from './log.ts';
import { NATIVE_CODES } from './native.ts';
import { NITRO_CODES } from './nitro.ts';
import { POLICY_CODES } from './policy.ts';
import { RPC_CODES } from './rpc.ts';
import { SIMULATOR_CODES } from './simulator.ts';
import { SNP_CODES } from './snp.ts';
import { TRUST_CODES } from './trust.ts';

export type CodeKind = 'malformed' | 'unauthentic' | 'unacceptable' | 'undetermined' | 'refused';

export interface CodeEntry {
  readonly kind: CodeKind;
  /** What it means, one sentence without a full stop. */
  readonly meaning: string;
  /** What the reader can do about it, one imperative sentence without a full stop. */
  readonly remedy: string;
}

export type Code =
  | keyof typeof CODEC_CODES
  | keyof typeof GUEST_CODES
  | keyof typeof NITRO_CODES
  | keyof typeof SNP_CODES
  | keyof typeof INTEL_CODES
  | keyof typeof COLLATERAL_CODES
  | keyof typeof TRUST_CODES
  | keyof typeof LOG_CODES
  | keyof typeof POLICY_CODES
  | keyof typeof RPC_CODES
  | keyof typeof LEDGER_CODES
  | keyof typeof NATIVE_CODES
  | keyof typeof IMAGE_CODES
  | keyof typeof SIMULATOR_CODES
  | keyof typeof ENCLAVE_CODES
  | keyof typeof HARDWARE_CODES
  | keyof typeof HOST_CODES;

export const CODES: Readonly<Record<Code, CodeEntry>> = {
  ...CODEC_CODES,
  ...GUEST_CODES,
  ...NITRO_CODES,
  ...SNP_CODES,
  ...INTEL_CODES,
  ...COLLATERAL_CODES,
  ...TRUST_CODES,
  ...LOG_CODES,
  ...POLICY_CODES,
  ...RPC_CODES,
  ...LEDGER_CODES,
  ...NATIVE_CODES,
  ...IMAGE_CODES,
  ...SIMULATOR_CODES,
  ...ENCLAVE_CODES,
  ...HARDWARE_CODES,
  ...HOST_CODES,
};

/** What the catalogue says of an error. */
export function catalogued({ code }: { readonly code: Code }): CodeEntry {
  return CODES[code];
}
