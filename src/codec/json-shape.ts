/**
 * Reads a JSON file whose keys are all known: every key is required or named optional, and no other is allowed.
 * Throws JSON_SHAPE with the path of the field.
 */
import { fail } from '../base/errors.ts';
import { fromBase64 } from './base64.ts';
import type { Bounds } from './cbor.ts';
import type { JsonObject, JsonValue } from './json.ts';

export function jsonObject(
  value: JsonValue | undefined,
  path: string,
  required: readonly string[],
  optional: readonly string[] = [],
): JsonObject {
  if (!isObject(value)) return misshapen(path, 'not an object');
  for (const key of Object.keys(value))
    if (!required.includes(key) && !optional.includes(key))
      misshapen(path, `unknown key ${JSON.stringify(key.slice(0, 64))}`);
  for (const key of required) if (!Object.hasOwn(value, key)) misshapen(path, `${key} is missing`);
  return value;
}

/** Limits count UTF-16 units; at most 65,535 unless told. */
export function jsonText(object: JsonObject, key: string, path: string, limits: Bounds = {}): string {
  const value = own(object, key);
  if (typeof value !== 'string') return misshapen(`${path}.${key}`, 'not text');
  if (value.length < (limits.min ?? 0) || value.length > (limits.max ?? 65_535))
    misshapen(`${path}.${key}`, 'text of a length that is not allowed');
  return value;
}

/** An integer of 0..max. */
export function jsonUint(
  object: JsonObject,
  key: string,
  path: string,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = own(object, key);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max)
    return misshapen(`${path}.${key}`, `not an integer of 0..${max}`);
  return value;
}

export function jsonBool(object: JsonObject, key: string, path: string): boolean {
  const value = own(object, key);
  return typeof value === 'boolean' ? value : misshapen(`${path}.${key}`, 'not true or false');
}

/** Base64 text; limits count the bytes it stands for. Throws also BASE64_INVALID. */
export function jsonBytes(
  object: JsonObject,
  key: string,
  path: string,
  size: number | Bounds = {},
): Uint8Array {
  return bytesOf(own(object, key), `${path}.${key}`, size);
}

export function jsonArray<T>(
  object: JsonObject,
  key: string,
  path: string,
  max: number,
  item: (value: JsonValue, path: string) => T,
): readonly T[] {
  const value = own(object, key);
  if (!Array.isArray(value)) return misshapen(`${path}.${key}`, 'not an array');
  if (value.length > max) misshapen(`${path}.${key}`, `more than ${max} items`);
  return Object.freeze(value.map((entry: JsonValue, i) => item(entry, `${path}.${key}[${i}]`)));
}

/** For an item of `jsonArray` that is base64 itself. */
export function bytesOf(value: JsonValue | undefined, path: string, size: number | Bounds = {}): Uint8Array {
  if (typeof value !== 'string') return misshapen(path, 'not base64 text');
  const min = typeof size === 'number' ? size : (size.min ?? 0);
  const max = typeof size === 'number' ? size : (size.max ?? 1_048_576);
  // Before decoding, so that nothing larger than allowed is allocated.
  if (value.length > Math.ceil(max / 3) * 4) misshapen(path, `more than ${max} bytes`);
  const bytes = fromBase64(value, path);
  if (bytes.length < min || bytes.length > max)
    misshapen(path, `${bytes.length} bytes, allowed are ${min === max ? min : `${min}..${max}`}`);
  return bytes;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function own(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function misshapen(path: string, why: string): never {
  return fail('JSON_SHAPE', `${path}: ${why}`);
}
