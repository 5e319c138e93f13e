/**
 * The 48 bytes that every quote begins with (Intel SGX ECDSA Quote Library API, appendix A; Intel TDX DCAP Quoting
 * Library API, appendix A), and in version 5 the 6 that say what body follows.
 */
import { equalBytes } from '../../base/bytes.ts';
import { fromHex } from '../../base/hex.ts';
import { struct } from '../../codec/struct.ts';
import type { QuoteCursor } from './cursor.ts';

export type Tee = 'sgx' | 'tdx';

/** 1 is a report of an enclave, 2 of a TD, 3 of a TD with TDX 1.5, 4 the same with its migration history. */
export type BodyType = 1 | 2 | 3 | 4;

export interface QuoteHeader {
  readonly version: 3 | 4 | 5;
  readonly tee: Tee;
  readonly bodyType: BodyType;
  /** Of the quoting and the certifying enclave; version 3 alone has them. */
  readonly qeSvn: number | null;
  readonly pceSvn: number | null;
  readonly userData: Uint8Array;
}

const HEADER_SIZE = 48;

const HEADER_V3 = struct('header', HEADER_SIZE, [
  ['version', 'u16le', 0, 2],
  ['keyType', 'u16le', 2, 2],
  ['teeType', 'u32le', 4, 4],
  ['qeSvn', 'u16le', 8, 2],
  ['pceSvn', 'u16le', 10, 2],
  ['vendorId', 'bytes', 12, 16],
  ['userData', 'bytes', 28, 20],
]);

const HEADER_V4 = struct('header', HEADER_SIZE, [
  ['version', 'u16le', 0, 2],
  ['keyType', 'u16le', 2, 2],
  ['teeType', 'u32le', 4, 4],
  ['reserved', 'bytes', 8, 4, 'mustBeZero'],
  ['vendorId', 'bytes', 12, 16],
  ['userData', 'bytes', 28, 20],
]);

const TEES: ReadonlyMap<number, Tee> = new Map([
  [0x00, 'sgx'],
  [0x81, 'tdx'],
]);
const ECDSA_P256 = 2;
const ECDSA_P384 = 3;
/** The vendor of Intel's quoting enclaves. */
const INTEL: Uint8Array = fromHex('939a7233f79c4ca9940a0db3957f0607');

const BODIES: Readonly<Record<BodyType, { readonly tee: Tee; readonly size: number }>> = {
  1: { tee: 'sgx', size: 384 },
  2: { tee: 'tdx', size: 584 },
  3: { tee: 'tdx', size: 648 },
  4: { tee: 'tdx', size: 885 },
};

export const bodySize = (type: BodyType): number => BODIES[type].size;

/** Whether bytes begin as a quote of any version with any of Intel's key types; nothing else is looked at. */
export function isIntelQuote(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_SIZE) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [version, keyType] = [view.getUint16(0, true), view.getUint16(2, true)];
  const known = version >= 3 && version <= 5 && (keyType === ECDSA_P256 || keyType === ECDSA_P384);
  return known && TEES.has(view.getUint32(4, true));
}

/** Of bytes that `isIntelQuote` knows: what they say they are a quote of. */
export const quoteTee = (bytes: Uint8Array): Tee => (bytes[4] === 0 ? 'sgx' : 'tdx');

/** Reads header and descriptor; what the cursor has taken then, and the body, is what is signed. */
export function readHeader(cursor: QuoteCursor): QuoteHeader {
  const base = cursor.offset;
  const bytes = cursor.take(HEADER_SIZE, 'header');
  const version = (bytes[0] as number) | ((bytes[1] as number) << 8);
  if (version !== 3 && version !== 4 && version !== 5)
    return cursor.fail('QUOTE_VERSION_UNKNOWN', `${version}: 3 to 5 are known`, 'header.version', base);
  const options = { path: cursor.path('header'), base };
  const first = version === 3 ? HEADER_V3.read(bytes, options) : null;
  const raw = first ?? HEADER_V4.read(bytes, options);
  // P-384 is defined, and no quoting enclave signs with it: Intel's own verifier refuses it too.
  if (raw.keyType !== ECDSA_P256)
    cursor.fail('QUOTE_VERSION_UNKNOWN', `${raw.keyType} is not ECDSA P-256`, 'header.keyType', base + 2);
  const tee = TEES.get(raw.teeType);
  if (tee === undefined)
    return cursor.fail('QUOTE_VERSION_UNKNOWN', `0x${raw.teeType.toString(16)}`, 'header.teeType', base + 4);
  if (first !== null && tee !== 'sgx')
    cursor.fail('QUOTE_FIELD_INVALID', 'version 3 is of SGX alone', 'header.teeType', base + 4);
  if (!equalBytes(raw.vendorId, INTEL))
    cursor.fail('QUOTE_FIELD_INVALID', 'not a quoting enclave of Intel', 'header.vendorId', base + 12);
  return {
    version,
    tee,
    bodyType: version === 5 ? readDescriptor(cursor, tee) : tee === 'sgx' ? 1 : 2,
    qeSvn: first?.qeSvn ?? null,
    pceSvn: first?.pceSvn ?? null,
    userData: raw.userData,
  };
}

function readDescriptor(cursor: QuoteCursor, tee: Tee): BodyType {
  const base = cursor.offset;
  const [type, size] = [cursor.u16('bodyType'), cursor.u32('bodySize')];
  if (type !== 1 && type !== 2 && type !== 3 && type !== 4)
    return cursor.fail('QUOTE_FIELD_INVALID', `${type}: 1 to 4 are known`, 'bodyType', base);
  const body = BODIES[type];
  if (body.tee !== tee)
    cursor.fail('QUOTE_FIELD_INVALID', `${type} is not a body of ${tee}`, 'bodyType', base);
  if (size !== body.size)
    cursor.fail('QUOTE_FIELD_INVALID', `${size} bytes, type ${type} has ${body.size}`, 'bodySize', base + 2);
  return type;
}
