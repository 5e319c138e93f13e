/**
 * Certificates as quotes carry them: PEM one after the other, often with a NUL behind, or DER one after the other.
 * What stands around them nobody has signed, so nothing may: RFC 7468 would allow text between the blocks.
 */
import { ParseError } from '../../base/errors.ts';
import { fromBase64Lines } from '../../codec/base64.ts';
import { DerReader, TAG } from '../../codec/der.ts';

export interface ChainOptions {
  readonly max: number;
  readonly path: string;
  /** Where these bytes begin in the outermost input. */
  readonly base: number;
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const BEGIN: Uint8Array = bytesOf('-----BEGIN CERTIFICATE-----');
const END: Uint8Array = bytesOf('-----END CERTIFICATE-----');
const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;

/** DER of 1 to `max` certificates, unread. Throws ParseError QUOTE_FIELD_INVALID, PEM_INVALID or a DER_ code. */
export function splitCertificates(data: Uint8Array, options: ChainOptions): readonly Uint8Array[] {
  const { max, path, base } = options;
  const found: Uint8Array[] = [];
  if (data.length === 0) throw new ParseError('QUOTE_FIELD_INVALID', 'no certificate', base, path);
  const next = data[0] === TAG.sequence ? derBlocks(data, options) : pemBlocks(data, options);
  for (const certificate of next) {
    if (found.length === max)
      throw new ParseError('QUOTE_FIELD_INVALID', `more than ${max} certificates`, base, path);
    found.push(certificate);
  }
  return Object.freeze(found);
}

function* derBlocks(data: Uint8Array, options: ChainOptions): Generator<Uint8Array> {
  const reader = new DerReader(data, options);
  while (!reader.done) {
    const { tag, raw } = reader.any();
    if (tag !== TAG.sequence) reader.fail('DER_TYPE', 'a certificate is a SEQUENCE');
    yield raw;
  }
}

/** RFC 7468 with the one label, lines of any length that end in LF or CR LF, and canonical base64. */
function* pemBlocks(data: Uint8Array, { path, base }: ChainOptions): Generator<Uint8Array> {
  const invalid = (why: string, at: number): never => {
    throw new ParseError('PEM_INVALID', why, base + at, path);
  };
  // One NUL ends the string that the provider library of a platform gives.
  const end = data[data.length - 1] === 0 ? data.length - 1 : data.length;
  let at = 0;
  // One piece of memory for all of them: to get one takes as long as to decode a third of a certificate (measured).
  let room: Uint8Array = new Uint8Array(Math.ceil(data.length / 4) * 3);
  do {
    if (!matches(data, at, BEGIN)) invalid('no BEGIN of a certificate', at);
    const from = skipLineEnds(data, at + BEGIN.length, end);
    if (from === at + BEGIN.length) invalid('no line end after BEGIN', from);
    const to = data.indexOf(DASH, from);
    if (to === -1 || !matches(data, to, END)) invalid('no END of the certificate', at);
    const certificate = decode(data.subarray(from, to), room) ?? invalid('not canonical base64', from);
    room = room.subarray(certificate.length);
    yield certificate;
    const close = to + END.length;
    at = skipLineEnds(data, close, end);
    if (at === close && at < end) invalid('no line end after END', at);
  } while (at < end);
}

function matches(data: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (data[at + i] !== wanted[i]) return false;
  return true;
}

function skipLineEnds(data: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to) {
    if (data[at] === LF) at++;
    else if (data[at] === CR && data[at + 1] === LF) at += 2;
    else break;
  }
  return at;
}

/** Null for an empty block, or what is not base64. */
function decode(body: Uint8Array, room: Uint8Array): Uint8Array | null {
  try {
    const bytes = fromBase64Lines(body, room);
    return bytes.length === 0 ? null : bytes;
  } catch (error) {
    if (error instanceof ParseError) return null;
    throw error;
  }
}
