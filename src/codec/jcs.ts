/** Canonical JSON (RFC 8785): the one byte string that a JSON value is hashed and signed as. */
import { fail } from '../base/errors.ts';
import type { JsonValue } from './json.ts';

const MAX_DEPTH = 128;
const encoder = new TextEncoder();

/**
 * Throws JCS_VALUE_INVALID for what JSON cannot hold (undefined, NaN, bigint, class instances, half surrogate
 * pairs) and beyond 128 levels, which also ends cycles.
 */
export function canonicalize(value: JsonValue): Uint8Array {
  return encoder.encode(canonicalText(value));
}

/** The same as text. */
export function canonicalText(value: JsonValue): string {
  return write(value, 0);
}

function write(value: JsonValue, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      // RFC 8785 section 3.2.2.3 is ECMAScript's Number.prototype.toString, and -0 is written 0.
      if (!Number.isFinite(value)) fail('JCS_VALUE_INVALID', 'number is not finite');
      return `${value}`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      break;
    default:
      fail('JCS_VALUE_INVALID', `${typeof value} has no JSON form`);
  }
  if (value === null) return 'null';
  if (depth >= MAX_DEPTH) fail('JCS_VALUE_INVALID', `nested more than ${MAX_DEPTH} deep`);
  if (Array.isArray(value)) return writeArray(value, depth + 1);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    fail('JCS_VALUE_INVALID', 'object of a class has no JSON form');
  return writeObject(value as { readonly [key: string]: JsonValue }, depth + 1);
}

function writeArray(items: readonly JsonValue[], depth: number): string {
  let out = '[';
  for (let i = 0; i < items.length; i++) {
    if (i > 0) out += ',';
    out += write(items[i] as JsonValue, depth);
  }
  return `${out}]`;
}

function writeObject(value: { readonly [key: string]: JsonValue }, depth: number): string {
  // Sorting strings compares UTF-16 code units, as RFC 8785 section 3.2.3 asks.
  const keys = Object.keys(value).sort();
  let out = '{';
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    if (i > 0) out += ',';
    out += `${quote(key)}:${write(value[key] as JsonValue, depth)}`;
  }
  return `${out}}`;
}

/** RFC 8785 section 3.2.2.2 is JSON.stringify's escaping; most strings need none. */
function quote(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) {
      if (!text.isWellFormed()) fail('JCS_VALUE_INVALID', 'text has half of a surrogate pair');
      return JSON.stringify(text);
    }
  }
  return `"${text}"`;
}
