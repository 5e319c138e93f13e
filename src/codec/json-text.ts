/** What JSON is read from, bytes or text, as text of a bounded length. */
import { ParseError } from '../base/errors.ts';
import type { JsonLimits } from './json.ts';
import { decodeUtf8 } from './utf8.ts';

/** Throws ParseError JSON_TOO_LARGE or JSON_TEXT_INVALID; half surrogate pairs in text are left to the reader. */
export function readJsonText(input: string | Uint8Array, limits: JsonLimits): string {
  const path = limits.path ?? '';
  if (typeof input !== 'string') {
    if (input.length > limits.maxBytes) tooLarge(limits.maxBytes, path);
    const text = decodeUtf8(input);
    if (text === null) throw new ParseError('JSON_TEXT_INVALID', 'not UTF-8', 0, path);
    return text;
  }
  if (
    input.length > limits.maxBytes ||
    (3 * input.length > limits.maxBytes && utf8Length(input) > limits.maxBytes)
  )
    tooLarge(limits.maxBytes, path);
  return input;
}

function tooLarge(maxBytes: number, path: string): never {
  throw new ParseError('JSON_TOO_LARGE', `longer than ${maxBytes} bytes`, maxBytes, path);
}

/** Bytes that well-formed text has in UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) length++;
    // A surrogate pair is two units here and four bytes there.
    if (code > 0x7ff && (code < 0xd800 || code > 0xdfff)) length++;
  }
  return length;
}
