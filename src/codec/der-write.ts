/** Small DER writer: each function returns one complete element. */
import { compareBytes, concat, utf8 } from '../base/bytes.ts';
import type { Millis } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import { TAG } from './der.ts';

/** An element of this identifier octet around the content. */
export function derElement(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = content.length === 1 ? (content[0] as Uint8Array) : concat(...content);
  return concat(Uint8Array.of(tag), lengthOctets(body.length), body);
}

function lengthOctets(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Uint8Array.of(0x80 | octets.length, ...octets);
}

export function derSequence(...items: readonly Uint8Array[]): Uint8Array {
  return derElement(TAG.sequence, ...items);
}

/** SET OF, sorted as X.690 section 11.6 asks. */
export function derSetOf(...items: readonly Uint8Array[]): Uint8Array {
  return derElement(TAG.set, ...[...items].sort(compareBytes));
}

/** [n] EXPLICIT, or IMPLICIT of a constructed type when given its content. */
export function derExplicit(n: number, ...items: readonly Uint8Array[]): Uint8Array {
  return derElement(0xa0 | n, ...items);
}

/** [n] IMPLICIT of a primitive type. */
export function derImplicit(n: number, content: Uint8Array): Uint8Array {
  return derElement(0x80 | n, content);
}

/** A non-negative INTEGER from a number, a bigint or unsigned big-endian bytes. */
export function derUnsigned(value: number | bigint | Uint8Array): Uint8Array {
  const bytes = value instanceof Uint8Array ? value : bigEndian(BigInt(value));
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const body = bytes.subarray(start);
  const pad = body.length === 0 || (body[0] as number) >= 0x80;
  return derElement(TAG.integer, pad ? concat(Uint8Array.of(0), body) : body);
}

function bigEndian(value: bigint): Uint8Array {
  if (value < 0n) fail('DER_VALUE_INVALID', 'negative INTEGER');
  const octets: number[] = [];
  for (let rest = value; rest > 0n; rest >>= 8n) octets.unshift(Number(rest & 0xffn));
  return Uint8Array.from(octets);
}

export function derOid(dotted: string): Uint8Array {
  const arcs = dotted.split('.').map((arc) => {
    if (!/^(0|[1-9]\d{0,38})$/.test(arc)) fail('DER_VALUE_INVALID', 'not an object identifier');
    return BigInt(arc);
  });
  const [first, second, ...rest] = arcs;
  if (first === undefined || second === undefined || first > 2n || (first < 2n && second > 39n))
    return fail('DER_VALUE_INVALID', 'not an object identifier');
  const octets = [first * 40n + second, ...rest].flatMap((arc) => {
    const groups = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.unshift(0x80 | Number(left & 0x7fn));
    return groups;
  });
  return derElement(TAG.oid, Uint8Array.from(octets));
}

export function derBoolean(value: boolean): Uint8Array {
  return derElement(TAG.boolean, Uint8Array.of(value ? 0xff : 0));
}

export function derNull(): Uint8Array {
  return derElement(TAG.null);
}

export function derOctetString(bytes: Uint8Array): Uint8Array {
  return derElement(TAG.octetString, bytes);
}

/** A BIT STRING of whole octets. */
export function derBitString(bytes: Uint8Array): Uint8Array {
  return derElement(TAG.bitString, Uint8Array.of(0), bytes);
}

/** Named bits by their numbers, trailing zeros left out (X.690 section 11.2.2). */
export function derNamedBits(...numbers: readonly number[]): Uint8Array {
  const count = Math.max(-1, ...numbers) + 1;
  const bytes = new Uint8Array(Math.ceil(count / 8));
  for (const n of numbers) bytes[n >> 3] = (bytes[n >> 3] as number) | (0x80 >> (n & 7));
  return derElement(TAG.bitString, Uint8Array.of(8 * bytes.length - count), bytes);
}

export function derUtf8String(text: string): Uint8Array {
  return derElement(TAG.utf8String, utf8(text));
}

export function derPrintableString(text: string): Uint8Array {
  if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)) fail('DER_VALUE_INVALID', 'not a PrintableString');
  return derElement(TAG.printableString, utf8(text));
}

/** Whole seconds; the form follows the year (RFC 5280 section 4.1.2.5). */
export function derTime(at: Millis): Uint8Array {
  const date = new Date(at);
  const year = date.getUTCFullYear();
  if (!(year >= 1950 && year <= 9999)) fail('DER_TIME_INVALID', 'year outside 1950..9999');
  const digits = date.toISOString().slice(0, 19).replace(/[-:T]/g, '');
  return year < 2050
    ? derElement(TAG.utcTime, utf8(`${digits.slice(2)}Z`))
    : derElement(TAG.generalizedTime, utf8(`${digits}Z`));
}

/** ECDSA-Sig-Value (RFC 3279 section 2.2.3) of r ‖ s. */
export function ecdsaP1363ToDer(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  return derSequence(derUnsigned(signature.subarray(0, half)), derUnsigned(signature.subarray(half)));
}
