/** Readers of configuration fields: each takes a value or throws CONFIG_INVALID naming the field. */
import { fail } from '../src/base/errors.ts';
import { fromHex } from '../src/base/hex.ts';
import type { JsonObject, JsonValue } from '../src/codec/json.ts';

export type Reader<T> = (value: JsonValue | undefined, path: string) => T;

export const bad = (path: string, wanted: string): never =>
  fail('CONFIG_INVALID', `config.json: ${path}: ${wanted}`);

export const text =
  (pattern: RegExp): Reader<string> =>
  (value, path) =>
    typeof value === 'string' && pattern.test(value)
      ? value
      : bad(path, `must be text like ${pattern.source}`);

export const integer =
  (min: number, max: number): Reader<number> =>
  (value, path) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : bad(path, `must be an integer of ${min} to ${max}`);

export const bytes =
  (length: number): Reader<Uint8Array> =>
  (value, path) =>
    typeof value === 'string' && /^[0-9a-f]+$/.test(value) && value.length === 2 * length
      ? fromHex(value)
      : bad(path, `must be ${length} bytes in lower-case hex`);

export const list =
  <T>(item: Reader<T>, max: number): Reader<T[]> =>
  (value, path) =>
    Array.isArray(value) && value.length <= max
      ? value.map((entry, index) => item(entry, `${path}[${index}]`))
      : bad(path, `must be a list of at most ${max}`);

/** Each field and its reader. */
export interface Fields {
  readonly [name: string]: Reader<unknown>;
}

export type Read<F extends Fields> = { readonly [K in keyof F]: ReturnType<F[K]> };

/** An object with exactly these fields: a missing one fails in its reader, an extra one here. */
export function object<F extends Fields>(fields: F): Reader<Read<F>> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return bad(path || 'top', 'must be an object');
    const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
    for (const name of Object.keys(value)) if (!Object.hasOwn(fields, name)) bad(at(name), 'unknown field');
    const read = Object.entries(fields).map(([name, reader]) => [
      name,
      reader((value as JsonObject)[name], at(name)),
    ]);
    return Object.freeze(Object.fromEntries(read)) as Read<F>;
  };
}
