/**
 * Fields of Intel's signed JSON. Members that are not asked for are passed over, because Intel adds some without a new
 * version; those that are asked for must be what they are. Throws COLLATERAL_INVALID with the path of the field.
 */
import type { Millis } from '../../base/clock.ts';
import { fail } from '../../base/errors.ts';
import { fromHex } from '../../base/hex.ts';
import { momentOf } from '../../codec/calendar.ts';
import { isObject } from '../../codec/json-shape.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';

export const MAX_U16 = 65_535;
export const MAX_U31 = 2_147_483_647;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const HEX = /^[0-9A-Fa-f]*$/;
const MAX_TEXT = 64;

export function invalid(path: string, why: string): never {
  return fail('COLLATERAL_INVALID', `${path}: ${why}`);
}

export const memberOf = (object: JsonObject, key: string): JsonValue | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;

export const objectOf = (value: JsonValue | undefined, path: string): JsonObject =>
  isObject(value) ? value : invalid(path, 'is not an object');

export function uintOf(object: JsonObject, key: string, path: string, max: number): number {
  const value = memberOf(object, key);
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max)
    return invalid(`${path}.${key}`, `is not an integer of 0..${max}`);
  return value;
}

export function textOf(object: JsonObject, key: string, path: string): string {
  const value = memberOf(object, key);
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_TEXT)
    return invalid(`${path}.${key}`, `is not text of 1..${MAX_TEXT} characters`);
  return value;
}

/** One of the words, which are all that is understood. */
export function wordOf<Word extends string>(
  object: JsonObject,
  key: string,
  path: string,
  words: readonly Word[],
): Word {
  const value = memberOf(object, key);
  const word = words.find((one) => one === value);
  return word ?? invalid(`${path}.${key}`, `is not one of ${words.join(', ')}`);
}

/** Hexadecimal of `size` bytes in either case, as lower case. */
export function hexOf(object: JsonObject, key: string, path: string, size: number): string {
  const value = memberOf(object, key);
  if (typeof value !== 'string' || value.length !== 2 * size || !HEX.test(value))
    return invalid(`${path}.${key}`, `is not ${size} bytes in hexadecimal`);
  return value.toLowerCase();
}

export const bytesOf = (object: JsonObject, key: string, path: string, size: number): Uint8Array =>
  fromHex(hexOf(object, key, path, size));

/** RFC 3339 in UTC with whole seconds: the one form that Intel writes. */
export function timeOf(object: JsonObject, key: string, path: string): Millis {
  const value = memberOf(object, key);
  if (typeof value !== 'string' || !TIME.test(value)) return notTime(path, key);
  const two = (at: number): number => 10 * value.charCodeAt(at) + value.charCodeAt(at + 1) - 11 * 0x30;
  const year = 100 * two(0) + two(2);
  return momentOf(year, two(5), two(8), two(11), two(14), two(17)) ?? notTime(path, key);
}

const notTime = (path: string, key: string): never =>
  invalid(`${path}.${key}`, 'is not a time as 2026-11-20T00:00:00Z');

/** From one to `max` items. */
export function listOf<T>(
  object: JsonObject,
  key: string,
  path: string,
  max: number,
  item: (value: JsonObject, path: string) => T,
): readonly T[] {
  const value = memberOf(object, key);
  if (!Array.isArray(value)) return invalid(`${path}.${key}`, 'is not a list');
  if (value.length === 0 || value.length > max)
    return invalid(`${path}.${key}`, `has ${value.length} items, not 1..${max}`);
  return Object.freeze(
    value.map((one: JsonValue, i) => {
      const at = `${path}.${key}[${i}]`;
      return item(objectOf(one, at), at);
    }),
  );
}
