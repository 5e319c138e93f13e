/**
 * A quote in a file that somebody has written a note into, behind the quote: recorded quotes that other verifiers test
 * with have one. The note is no part of the evidence, so it is cut off before anything is judged; the reader of quotes
 * itself takes nothing but zeros there, and other bytes than a note are left for it to refuse.
 */
import { ParseError } from '../../src/base/errors.ts';
import { isIntelQuote, parseQuote } from '../../src/evidence/intel/index.ts';

const MAX_NOTE = 256;
const NEWLINE = 0x0a;

/** The quote alone where a note of whole lines of ASCII follows it, else all of the bytes. */
export function withoutNote(bytes: Uint8Array): Uint8Array {
  const end = isIntelQuote(bytes) ? endOfQuote(bytes) : null;
  if (end === null) return bytes;
  const note = bytes.subarray(end);
  const isText = note.every((byte) => byte === NEWLINE || (byte >= 0x20 && byte <= 0x7e));
  const isWhole = note[0] === NEWLINE && note[note.length - 1] === NEWLINE && note.length <= MAX_NOTE;
  return isText && isWhole ? bytes.subarray(0, end) : bytes;
}

/** Where bytes that are not zero follow a quote that is sound so far; null when nothing does. */
function endOfQuote(bytes: Uint8Array): number | null {
  try {
    parseQuote(bytes);
    return null;
  } catch (error) {
    return error instanceof ParseError && error.code === 'QUOTE_TRAILING_BYTES' ? error.offset : null;
  }
}
