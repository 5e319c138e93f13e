/** Base64 of RFC 4648 section 4: padded, canonical, no whitespace. One text for each byte string and back. */
import { ParseError } from '../base/errors.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD = 0x3d;
const INVALID = 0xff;

const DIGITS: Uint8Array = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));
const VALUES: Uint8Array = new Uint8Array(256).fill(INVALID);
for (let i = 0; i < 64; i++) VALUES[DIGITS[i] as number] = i;

const ascii = new TextDecoder('latin1');

export function toBase64(bytes: Uint8Array): string {
  const whole = Math.floor(bytes.length / 3) * 3;
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  let at = 0;
  for (let i = 0; i < whole; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number);
    out[at++] = DIGITS[group >> 18] as number;
    out[at++] = DIGITS[(group >> 12) & 63] as number;
    out[at++] = DIGITS[(group >> 6) & 63] as number;
    out[at++] = DIGITS[group & 63] as number;
  }
  const rest = bytes.length - whole;
  if (rest > 0) {
    const group = ((bytes[whole] as number) << 16) | (rest === 2 ? (bytes[whole + 1] as number) << 8 : 0);
    out[at++] = DIGITS[group >> 18] as number;
    out[at++] = DIGITS[(group >> 12) & 63] as number;
    out[at++] = rest === 2 ? (DIGITS[(group >> 6) & 63] as number) : PAD;
    out[at] = PAD;
  }
  return ascii.decode(out);
}

/**
 * Throws ParseError `BASE64_INVALID` for a foreign character, missing or extra padding, and for unused bits that
 * are not zero: with those, two texts would mean the same bytes.
 */
export function fromBase64(text: string, path = ''): Uint8Array {
  if (text.length % 4 !== 0) invalid('length is not a multiple of four', text.length, path);
  const pads = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const out = new Uint8Array((text.length / 4) * 3 - pads);
  const digits = text.length - pads;
  const whole = digits & ~3;
  let at = 0;
  for (let i = 0; i < whole; i += 4) {
    const a = VALUES[text.charCodeAt(i)] ?? INVALID;
    const b = VALUES[text.charCodeAt(i + 1)] ?? INVALID;
    const c = VALUES[text.charCodeAt(i + 2)] ?? INVALID;
    const d = VALUES[text.charCodeAt(i + 3)] ?? INVALID;
    if ((a | b | c | d) === INVALID) invalid('not base64', i, path);
    out[at++] = (a << 2) | (b >> 4);
    out[at++] = (b << 4) | (c >> 2);
    out[at++] = (c << 6) | d;
  }
  if (pads > 0) lastGroup(text, whole, pads, out, path);
  return out;
}

const LF = 0x0a;
const CR = 0x0d;

/**
 * The same of bytes, with LF or CR LF anywhere between the characters: a view of `out`, which has three bytes for every
 * four of them. Throws BASE64_INVALID as `fromBase64` does.
 */
export function fromBase64Lines(bytes: Uint8Array, out: Uint8Array, path = ''): Uint8Array {
  const value = (i: number): number => VALUES[bytes[i] as number] as number;
  let at = 0;
  let i = 0;
  // Lines are of whole groups nearly always, and then nothing is put together before it is read.
  while (i + 4 <= bytes.length) {
    const [a, b, c, d] = [value(i), value(i + 1), value(i + 2), value(i + 3)];
    if ((a | b | c | d) < 64) {
      out[at++] = (a << 2) | (b >> 4);
      out[at++] = (b << 4) | (c >> 2);
      out[at++] = (c << 6) | d;
      i += 4;
    } else if (bytes[i] === LF) i++;
    else if (bytes[i] === CR && bytes[i + 1] === LF) i += 2;
    else break;
  }
  const rest = fromBase64(ascii.decode(bytes.subarray(i)).replace(/\r?\n/g, ''), path);
  out.set(rest, at);
  return out.subarray(0, at + rest.length);
}

function lastGroup(text: string, start: number, pads: number, out: Uint8Array, path: string): void {
  const a = VALUES[text.charCodeAt(start)] ?? INVALID;
  const b = VALUES[text.charCodeAt(start + 1)] ?? INVALID;
  const c = pads === 1 ? (VALUES[text.charCodeAt(start + 2)] ?? INVALID) : 0;
  if ((a | b | c) === INVALID) invalid('not base64', start, path);
  const unused = pads === 1 ? c & 3 : b & 15;
  if (unused !== 0) invalid('unused bits are not zero', start, path);
  const at = out.length - (3 - pads);
  out[at] = (a << 2) | (b >> 4);
  if (pads === 1) out[at + 1] = (b << 4) | (c >> 2);
}

function invalid(why: string, offset: number, path: string): never {
  throw new ParseError('BASE64_INVALID', why, offset, path);
}
