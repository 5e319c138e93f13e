/**
 * Writes attestation reports (AMD 56860, ATTESTATION_REPORT). This table is of widths, in order, and is not shared
 * with the reader: an offset that one of them has wrong cannot be wrong in the other unseen.
 */
import { concat } from '../../../src/base/bytes.ts';
import { fail } from '../../../src/base/errors.ts';
import type { Version } from './platform.ts';

export interface ReportFields {
  readonly version: number;
  readonly guestSvn: number;
  readonly policy: bigint;
  readonly familyId: Uint8Array;
  readonly imageId: Uint8Array;
  readonly vmpl: number;
  /** 1 for ECDSA P-384 with SHA-384, 0 for none. */
  readonly signatureAlgo: number;
  /** Each TCB_VERSION in its 8 bytes. */
  readonly currentTcb: Uint8Array;
  readonly platformInfo: bigint;
  readonly keyInfo: number;
  readonly reportData: Uint8Array;
  readonly measurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly idKeyDigest: Uint8Array;
  readonly authorKeyDigest: Uint8Array;
  readonly reportId: Uint8Array;
  readonly reportIdMa: Uint8Array;
  readonly reportedTcb: Uint8Array;
  /** Family, model and stepping; zero in version 2. */
  readonly cpu: Uint8Array;
  readonly chipId: Uint8Array;
  readonly committedTcb: Uint8Array;
  readonly currentVersion: Uint8Array;
  readonly committedVersion: Uint8Array;
  readonly launchTcb: Uint8Array;
  readonly launchMitigations: bigint;
  readonly currentMitigations: bigint;
}

/** A number is how many reserved bytes come next. */
const SIGNED: readonly (readonly [keyof ReportFields, bytes: number] | number)[] = [
  ['version', 4],
  ['guestSvn', 4],
  ['policy', 8],
  ['familyId', 16],
  ['imageId', 16],
  ['vmpl', 4],
  ['signatureAlgo', 4],
  ['currentTcb', 8],
  ['platformInfo', 8],
  ['keyInfo', 4],
  4,
  ['reportData', 64],
  ['measurement', 48],
  ['hostData', 32],
  ['idKeyDigest', 48],
  ['authorKeyDigest', 48],
  ['reportId', 32],
  ['reportIdMa', 32],
  ['reportedTcb', 8],
  ['cpu', 3],
  21,
  ['chipId', 64],
  ['committedTcb', 8],
  ['currentVersion', 3],
  1,
  ['committedVersion', 3],
  1,
  ['launchTcb', 8],
  ['launchMitigations', 8],
  ['currentMitigations', 8],
  152,
];
/** R and S, each little-endian in more room than P-384 needs; then nothing up to the end. */
const HALF = 48;
const HALF_ROOM = 72;
const AFTER_SIGNATURE = 368;

/** What the signature covers. */
export function encodeSigned(fields: ReportFields): Uint8Array {
  const parts = SIGNED.map((row) => {
    if (typeof row === 'number') return new Uint8Array(row);
    const [name, bytes] = row;
    const value = fields[name];
    if (!(value instanceof Uint8Array)) return littleEndian(BigInt(value), bytes);
    return value.length === bytes
      ? value
      : fail('INTERNAL', `${name} has ${value.length} bytes, not ${bytes}`);
  });
  return concat(...parts);
}

/** `signature`: r and s, 48 bytes each, big-endian; null leaves the field zero. */
export function encodeReport(signed: Uint8Array, signature: Uint8Array | null): Uint8Array {
  const pair = signature ?? new Uint8Array(2 * HALF);
  const halves = [pair.subarray(0, HALF), pair.subarray(HALF)].flatMap((half) => [
    half.toReversed(),
    new Uint8Array(HALF_ROOM - HALF),
  ]);
  return concat(signed, ...halves, new Uint8Array(AFTER_SIGNATURE));
}

/** Build first. */
export function encodeVersion({ major, minor, build }: Version): Uint8Array {
  return Uint8Array.of(build, minor, major);
}

function littleEndian(value: bigint, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
