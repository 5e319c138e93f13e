/** Bit fields of a report: what the guest's owner asked for (POLICY) and what the platform does (PLATFORM_INFO). */
import { ParseError } from '../../base/errors.ts';
import type { Place } from './place.ts';

/** AMD 56860, guest policy. */
export interface GuestPolicy {
  /** The least ABI of the firmware that may run the guest. */
  readonly abiMajor: number;
  readonly abiMinor: number;
  readonly smtAllowed: boolean;
  readonly migrationAgentAllowed: boolean;
  readonly debugAllowed: boolean;
  readonly singleSocketOnly: boolean;
  readonly cxlAllowed: boolean;
  readonly aes256XtsRequired: boolean;
  readonly raplDisabledRequired: boolean;
  readonly ciphertextHidingRequired: boolean;
  readonly pageSwapDisabled: boolean;
}

/** AMD 56860, PLATFORM_INFO of ATTESTATION_REPORT. */
export interface PlatformInfo {
  readonly smtEnabled: boolean;
  readonly tsmeEnabled: boolean;
  readonly eccEnabled: boolean;
  readonly raplDisabled: boolean;
  readonly ciphertextHiding: boolean;
  /** No memory aliases were found since the last reset (BadRAM, CVE-2024-21944). */
  readonly aliasCheckComplete: boolean;
  readonly iommuWriteSafe: boolean;
  readonly tioEnabled: boolean;
}

const POLICY_BITS = 26n;
const PLATFORM_BITS = 8n;
/** Bit 17 has been 1 since the first revision. */
const ALWAYS_ONE = 17n;

const has = (bits: bigint, at: bigint): boolean => ((bits >> at) & 1n) === 1n;

function reserved(what: string, place: Place): never {
  throw new ParseError('SNP_FIELD_INVALID', what, place.offset, place.path);
}

/** Throws ParseError SNP_FIELD_INVALID for a reserved bit that is set, or bit 17 that is not. */
export function readGuestPolicy(bits: bigint, place: Place): GuestPolicy {
  if (bits >> POLICY_BITS !== 0n) reserved(`0x${bits.toString(16)}: bits 26 to 63 are reserved`, place);
  if (!has(bits, ALWAYS_ONE)) reserved(`0x${bits.toString(16)}: bit 17 must be 1`, place);
  return Object.freeze({
    abiMajor: Number((bits >> 8n) & 0xffn),
    abiMinor: Number(bits & 0xffn),
    smtAllowed: has(bits, 16n),
    migrationAgentAllowed: has(bits, 18n),
    debugAllowed: has(bits, 19n),
    singleSocketOnly: has(bits, 20n),
    cxlAllowed: has(bits, 21n),
    aes256XtsRequired: has(bits, 22n),
    raplDisabledRequired: has(bits, 23n),
    ciphertextHidingRequired: has(bits, 24n),
    pageSwapDisabled: has(bits, 25n),
  });
}

/** Throws ParseError SNP_FIELD_INVALID for a reserved bit that is set. */
export function readPlatformInfo(bits: bigint, place: Place): PlatformInfo {
  if (bits >> PLATFORM_BITS !== 0n) reserved(`0x${bits.toString(16)}: bits 8 to 63 are reserved`, place);
  return Object.freeze({
    smtEnabled: has(bits, 0n),
    tsmeEnabled: has(bits, 1n),
    eccEnabled: has(bits, 2n),
    raplDisabled: has(bits, 3n),
    ciphertextHiding: has(bits, 4n),
    aliasCheckComplete: has(bits, 5n),
    iommuWriteSafe: has(bits, 6n),
    tioEnabled: has(bits, 7n),
  });
}
