/**
 * The least of BER (ITU-T X.690 section 8) that a KMS answer needs: definite and indefinite lengths. It is laxer
 * than the DER reader on purpose, because AWS KMS writes indefinite lengths, and so it is used for nothing else.
 */
import { ParseError } from '../../src/base/errors.ts';

export interface BerElement {
  /** Identifier octet: class, constructed bit (0x20) and number. */
  readonly tag: number;
  /** Where the element begins in the input. */
  readonly offset: number;
  /** The whole element, and its contents without an end-of-contents mark. */
  readonly raw: Uint8Array;
  readonly content: Uint8Array;
  /** Offset of the contents. */
  readonly start: number;
}

const CONSTRUCTED = 0x20;
const MAX_DEPTH = 12;
const MAX_CHILDREN = 512;
const INDEFINITE = -1;

/** The one element that `bytes` is. Throws ParseError CMS_INVALID. */
export function readBer(bytes: Uint8Array): BerElement {
  const { element, next } = readAt(bytes, 0, bytes.length, 0);
  if (next !== bytes.length) bad(`${bytes.length - next} bytes after the end`, next);
  return element;
}

/** The elements inside a constructed one. `input` is what readBer was given. */
export function children(input: Uint8Array, parent: BerElement): BerElement[] {
  if ((parent.tag & CONSTRUCTED) === 0) bad('primitive where parts are expected', parent.offset);
  const end = parent.start + parent.content.length;
  const found: BerElement[] = [];
  for (let at = parent.start; at < end; ) {
    const { element, next } = readAt(input, at, end, 0);
    found.push(element);
    if (found.length > MAX_CHILDREN) bad('too many parts', at);
    at = next;
  }
  return found;
}

function readAt(
  bytes: Uint8Array,
  at: number,
  limit: number,
  depth: number,
): { element: BerElement; next: number } {
  if (depth > MAX_DEPTH) bad(`nested more than ${MAX_DEPTH} deep`, at);
  const tag = byteAt(bytes, at, limit);
  if ((tag & 0x1f) === 0x1f || tag === 0) bad(`unexpected identifier 0x${tag.toString(16)}`, at);
  const { length, start } = readLength(bytes, at + 1, limit);
  if (length !== INDEFINITE) {
    if (length > limit - start) bad(`claims ${length} bytes, ${limit - start} remain`, at);
    return { element: cut(bytes, tag, at, start, start + length, start + length), next: start + length };
  }
  if ((tag & CONSTRUCTED) === 0) bad('a primitive of indefinite length', at);
  let inner = start;
  for (let count = 0; byteAt(bytes, inner, limit) !== 0; count++) {
    if (count >= MAX_CHILDREN) bad('too many parts', inner);
    inner = readAt(bytes, inner, limit, depth + 1).next;
  }
  if (byteAt(bytes, inner + 1, limit) !== 0) bad('wrong end of contents', inner);
  return { element: cut(bytes, tag, at, start, inner, inner + 2), next: inner + 2 };
}

function cut(
  bytes: Uint8Array,
  tag: number,
  offset: number,
  start: number,
  end: number,
  next: number,
): BerElement {
  return { tag, offset, start, raw: bytes.subarray(offset, next), content: bytes.subarray(start, end) };
}

function readLength(bytes: Uint8Array, at: number, limit: number): { length: number; start: number } {
  const first = byteAt(bytes, at, limit);
  if (first < 0x80) return { length: first, start: at + 1 };
  if (first === 0x80) return { length: INDEFINITE, start: at + 1 };
  const count = first & 0x7f;
  if (count > 4) bad('length of more than four bytes', at);
  let length = 0;
  for (let i = 1; i <= count; i++) length = length * 256 + byteAt(bytes, at + i, limit);
  return { length, start: at + 1 + count };
}

function byteAt(bytes: Uint8Array, at: number, limit: number): number {
  return at < limit ? (bytes[at] as number) : bad('ends inside an element', at);
}

function bad(message: string, offset: number): never {
  throw new ParseError('CMS_INVALID', message, offset, 'cms');
}
