/**
 * COSE_Sign1 (RFC 9052 section 4.2) as attestation documents use it: `alg` alone in the protected header, an empty
 * unprotected map, an attached payload. What is verified is built from the bytes received.
 */
import { ParseError } from '../base/errors.ts';
import { CborReader } from './cbor.ts';
import { CborWriter } from './cbor-encode.ts';

/** COSE algorithm numbers (RFC 9053). */
export const COSE_ALG = { ES256: -7, ES384: -35, EdDSA: -8 } as const;

export interface CoseSign1 {
  /** The protected header as received, inside its byte string. */
  readonly protectedBytes: Uint8Array;
  readonly alg: number;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** True when tag 18 was in front. */
  readonly tagged: boolean;
  /** Where the contents of the byte strings begin in the outermost input. */
  readonly offsets: { readonly protected: number; readonly payload: number; readonly signature: number };
}

export interface CoseOptions {
  readonly path?: string;
  readonly base?: number;
  /** Inclusive limits in bytes; a payload has at least one byte. */
  readonly maxPayload: number;
  readonly signature: number | { readonly min: number; readonly max: number };
}

const TAG_SIGN1 = 18;
const HEADER_ALG = 1;
const MAX_PROTECTED = 64;
const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * Throws ParseError: CBOR codes for encodings, COSE_INVALID for another shape. The unprotected header is not signed,
 * so anything in it is refused rather than ignored.
 */
export function parseCoseSign1(bytes: Uint8Array, options: CoseOptions): CoseSign1 {
  const path = options.path ?? '';
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const reader = new CborReader(bytes, { path, base: options.base ?? 0 });
  const tagged = reader.peek() === 'tag';
  if (tagged && reader.tag() !== TAG_SIGN1) reader.fail('COSE_INVALID', 'a tag other than 18');
  const { min, max } =
    typeof options.signature === 'number'
      ? { min: options.signature, max: options.signature }
      : options.signature;
  const offsets = { protected: 0, payload: 0, signature: 0 };
  let protectedBytes = EMPTY;
  let payload = EMPTY;
  let signature = EMPTY;
  const start = reader.offset;
  const count = reader.array(
    (index) => {
      if (index === 0) protectedBytes = reader.bytes({ min: 1, max: MAX_PROTECTED });
      else if (index === 1) emptyMap(reader, at('unprotected'));
      else if (index === 2) payload = reader.bytes({ min: 1, max: options.maxPayload });
      else signature = reader.bytes({ min, max });
      if (index === 0) offsets.protected = reader.offset - protectedBytes.length;
      if (index === 2) offsets.payload = reader.offset - payload.length;
      if (index === 3) offsets.signature = reader.offset - signature.length;
    },
    { max: 4 },
  );
  if (count !== 4) throw new ParseError('COSE_INVALID', 'not an array of four', start, path);
  reader.end();
  const alg = algorithm(protectedBytes, at('protected'), offsets.protected);
  return Object.freeze({
    protectedBytes,
    alg,
    payload,
    signature,
    tagged,
    offsets: Object.freeze(offsets),
  });
}

function emptyMap(reader: CborReader, path: string): void {
  const at = reader.offset;
  reader.map(() => {
    throw new ParseError('COSE_INVALID', 'unprotected header is not empty', at, path);
  });
}

function algorithm(bytes: Uint8Array, path: string, base: number): number {
  const reader = new CborReader(bytes, { path, base, deterministic: true });
  let alg: number | null = null;
  reader.map((key) => {
    if (key !== HEADER_ALG) reader.fail('COSE_INVALID', 'protected header holds more than alg');
    alg = reader.int();
  });
  reader.end();
  if (alg === null) throw new ParseError('COSE_INVALID', 'no alg in the protected header', base, path);
  return alg;
}

/** Sig_structure (RFC 9052 section 4.4): the bytes that the signature covers. */
export function sigStructure(
  sign1: Pick<CoseSign1, 'protectedBytes' | 'payload'>,
  externalAad: Uint8Array = EMPTY,
): Uint8Array {
  const out = new CborWriter(sign1.payload.length + sign1.protectedBytes.length + externalAad.length + 40);
  out.head(4, 4);
  out.text('Signature1');
  out.bytes(sign1.protectedBytes);
  out.bytes(externalAad);
  out.bytes(sign1.payload);
  return out.finish();
}

/** Puts the parts together: untagged, as Nitro documents are. */
export function encodeCoseSign1(
  protectedBytes: Uint8Array,
  payload: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  const out = new CborWriter(payload.length + protectedBytes.length + signature.length + 40);
  out.head(4, 4);
  out.bytes(protectedBytes);
  out.head(5, 0);
  out.bytes(payload);
  out.bytes(signature);
  return out.finish();
}

/** The protected header {1: alg}. */
export function protectedHeader(alg: number): Uint8Array {
  const out = new CborWriter(16);
  out.head(5, 1);
  out.int(HEADER_ALG);
  out.int(alg);
  return out.finish();
}
