/**
 * The protobuf wire format, read strictly (protobuf encoding guide): minimal varints, lengths within the message,
 * integers that JavaScript holds exactly, well-formed UTF-8. protobufjs' own reader truncates, wraps around and
 * accepts padded varints, so it is used for writing only.
 */
import { ParseError } from '../base/errors.ts';

/** A position in the outermost input, so that errors carry true offsets. */
export interface Cursor {
  readonly bytes: Uint8Array;
  /** Whether byte strings are copied out of the input. */
  readonly copy: boolean;
  at: number;
  end: number;
  depth: number;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Below this a loop is faster than a TextDecoder. */
const SHORT_TEXT = 48;

export function bad(cursor: Cursor, path: string, message: string): never {
  throw new ParseError('MESSAGE_INVALID', message, cursor.at, path);
}

/** A minimal base-128 varint of at most 2^53-1. */
export function readVarint(cursor: Cursor, path: string): number {
  const { bytes, at: start, end } = cursor;
  let value = 0;
  let scale = 1;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (byte === 0 && at > start) bad(cursor, path, 'varint is not minimal');
      if (value > Number.MAX_SAFE_INTEGER) bad(cursor, path, 'integer beyond 2^53-1');
      cursor.at = at + 1;
      return value;
    }
    // The eighth byte holds bits 49 to 55: a ninth would be beyond 2^53 whatever it holds.
    if (at - start === 7) bad(cursor, path, 'integer beyond 2^53-1');
    scale *= 128;
  }
  return bad(cursor, path, 'varint is cut short');
}

/** As `readVarint`, or ten bytes of two's complement for a negative value of at least -(2^53-1). */
export function readSigned(cursor: Cursor, path: string): number {
  const { bytes, at: start, end } = cursor;
  let continued = 0;
  while (continued < 9 && start + continued < end && (bytes[start + continued] as number) >= 0x80)
    continued++;
  if (continued < 9 || start + 9 >= end) return readVarint(cursor, path);
  let value = 0n;
  for (let i = 0; i <= 9; i++) value |= BigInt((bytes[start + i] as number) & 0x7f) << BigInt(7 * i);
  const signed = Number(BigInt.asIntN(64, value));
  const exact = bytes[start + 9] === 1 && signed < 0 && Number.isSafeInteger(signed);
  if (!exact) bad(cursor, path, 'integer beyond 2^53-1');
  cursor.at = start + 10;
  return signed;
}

/** Reads a length prefix and checks that so many bytes are there. */
export function readLength(cursor: Cursor, path: string): number {
  const size = readVarint(cursor, path);
  if (size > cursor.end - cursor.at) bad(cursor, path, `length ${size} is beyond the end`);
  return size;
}

export function readText(cursor: Cursor, path: string): string {
  const size = readLength(cursor, path);
  const start = cursor.at;
  const end = start + size;
  const { bytes } = cursor;
  let text = '';
  if (size <= SHORT_TEXT) {
    let at = start;
    for (; at < end && (bytes[at] as number) < 0x80; at++) text += String.fromCharCode(bytes[at] as number);
    if (at === end) {
      cursor.at = end;
      return text;
    }
  }
  try {
    text = strictUtf8.decode(bytes.subarray(start, end));
  } catch {
    bad(cursor, path, 'invalid UTF-8');
  }
  cursor.at = end;
  return text;
}

export function readBytes(cursor: Cursor, path: string): Uint8Array {
  const size = readLength(cursor, path);
  const start = cursor.at;
  cursor.at = start + size;
  return cursor.copy ? cursor.bytes.slice(start, cursor.at) : cursor.bytes.subarray(start, cursor.at);
}
