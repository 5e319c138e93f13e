/** Canonical JSON (RFC 8785): the one byte string that a JSON value is hashed and signed as. */
import { fail } from '../base/errors.ts';
import type { JsonValue } from './json.ts';

const MAX_DEPTH = 128;
/** A buffer that a large value made grow is not kept. */
const KEEP = 65_536;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// The bytes under construction. Writing is synchronous and calls nothing of the caller's but getters, so one buffer
// serves all; a getter that canonicalizes in between is found by `busy` and gets its own.
let buffer = new Uint8Array(4096);
let at = 0;
let busy = false;

/**
 * Throws JCS_VALUE_INVALID for what JSON cannot hold (undefined, NaN, bigint, class instances, half surrogate
 * pairs) and beyond 128 levels, which also ends cycles.
 */
export function canonicalize(value: JsonValue): Uint8Array {
  const outer = busy ? { buffer, at } : null;
  if (outer !== null) buffer = new Uint8Array(4096);
  busy = true;
  at = 0;
  try {
    write(value, 0);
    return buffer.slice(0, at);
  } finally {
    if (outer !== null) ({ buffer, at } = outer);
    else {
      busy = false;
      if (buffer.length > KEEP) buffer = new Uint8Array(4096);
    }
  }
}

/** The same as text. */
export function canonicalText(value: JsonValue): string {
  return decoder.decode(canonicalize(value));
}

function write(value: JsonValue, depth: number): void {
  switch (typeof value) {
    case 'string':
      writeString(value);
      return;
    case 'number':
      // RFC 8785 section 3.2.2.3 is ECMAScript's Number.prototype.toString, and -0 is written 0.
      if (!Number.isFinite(value)) fail('JCS_VALUE_INVALID', 'number is not finite');
      writeAscii(`${value}`);
      return;
    case 'boolean':
      writeAscii(value ? 'true' : 'false');
      return;
    case 'object':
      break;
    default:
      fail('JCS_VALUE_INVALID', `${typeof value} has no JSON form`);
  }
  if (value === null) {
    writeAscii('null');
    return;
  }
  if (depth >= MAX_DEPTH) fail('JCS_VALUE_INVALID', `nested more than ${MAX_DEPTH} deep`);
  if (Array.isArray(value)) {
    writeArray(value, depth + 1);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    fail('JCS_VALUE_INVALID', 'object of a class has no JSON form');
  writeObject(value as { readonly [key: string]: JsonValue }, depth + 1);
}

function writeArray(items: readonly JsonValue[], depth: number): void {
  put(0x5b);
  for (let i = 0; i < items.length; i++) {
    if (i > 0) put(0x2c);
    write(items[i] as JsonValue, depth);
  }
  put(0x5d);
}

function writeObject(value: { readonly [key: string]: JsonValue }, depth: number): void {
  const keys = sorted(Object.keys(value));
  put(0x7b);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    if (i > 0) put(0x2c);
    writeString(key);
    put(0x3a);
    write(value[key] as JsonValue, depth);
  }
  put(0x7d);
}

/** Comparing strings compares UTF-16 code units, as RFC 8785 section 3.2.3 asks. Insertion suits the usual few keys. */
function sorted(keys: string[]): readonly string[] {
  if (keys.length > 16) return keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let j = i - 1;
    for (; j >= 0 && (keys[j] as string) > key; j--) keys[j + 1] = keys[j] as string;
    keys[j + 1] = key;
  }
  return keys;
}

/** RFC 8785 section 3.2.2.2 is JSON.stringify's escaping; most strings are ASCII and need none. */
function writeString(text: string): void {
  const length = text.length;
  reserve(length + 2);
  const start = at;
  buffer[at++] = 0x22;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) {
      at = start;
      writeEscaped(text);
      return;
    }
    buffer[at++] = code;
  }
  buffer[at++] = 0x22;
}

function writeEscaped(text: string): void {
  if (!text.isWellFormed()) fail('JCS_VALUE_INVALID', 'text has half of a surrogate pair');
  const bytes = encoder.encode(JSON.stringify(text));
  reserve(bytes.length);
  buffer.set(bytes, at);
  at += bytes.length;
}

function writeAscii(text: string): void {
  reserve(text.length);
  for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i);
}

function put(byte: number): void {
  reserve(1);
  buffer[at++] = byte;
}

function reserve(count: number): void {
  if (at + count <= buffer.length) return;
  const grown = new Uint8Array(Math.max(at + count, 2 * buffer.length));
  grown.set(buffer.subarray(0, at));
  buffer = grown;
}
