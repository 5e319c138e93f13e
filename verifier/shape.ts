/**
 * Descriptions of JSON that check a value and write their own JSON Schema, so that the two cannot disagree. Made for
 * trust policies: every key is required unless named optional, and unknown keys are errors.
 */
import { fail } from '../src/base/errors.ts';
import { isObject } from '../src/codec/json-shape.ts';
import type { JsonObject, JsonValue } from '../src/codec/json.ts';

export interface Shape<T> {
  /** JSON Schema draft 2020-12. */
  readonly schema: JsonObject;
  /** Throws EXPECTATION_MISSING, TRUST_KEY_UNKNOWN or TRUST_POLICY_INVALID naming the field. */
  readonly read: (value: JsonValue | undefined, path: string) => T;
}

type Values<F> = { readonly [K in keyof F]: F[K] extends Shape<infer T> ? T : never };

function invalid(path: string, wanted: string): never {
  return fail('TRUST_POLICY_INVALID', `trust policy: ${path}: ${wanted}`);
}

function present(value: JsonValue | undefined, path: string): JsonValue {
  return (
    value ??
    (value === null
      ? invalid(path, 'null is no value here')
      : fail('EXPECTATION_MISSING', `trust policy: ${path} is not stated`))
  );
}

/** One of fixed words or numbers. */
export function literal<const T extends string | number>(...words: readonly T[]): Shape<T> {
  return {
    schema: words.length === 1 ? { const: words[0] as T } : { enum: [...words] },
    read: (given, path) => {
      const value = present(given, path);
      return (
        words.find((word) => word === value) ??
        invalid(path, `must be ${words.map((word) => JSON.stringify(word)).join(' or ')}`)
      );
    },
  };
}

export function integer(min: number, max: number): Shape<number> {
  return {
    schema: { type: 'integer', minimum: min, maximum: max },
    read: (given, path) => {
      const value = present(given, path);
      return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
        ? value
        : invalid(path, `must be an integer of ${min}..${max}`);
    },
  };
}

/** `pattern` is anchored, without backtracking, and applied to at most `max` characters. */
export function text(pattern: string, max: number): Shape<string> {
  const expression = new RegExp(pattern, 'u');
  return {
    schema: { type: 'string', pattern, maxLength: max },
    read: (given, path) => {
      const value = present(given, path);
      return typeof value === 'string' && value.length <= max && expression.test(value)
        ? value
        : invalid(path, `must be text of at most ${max} characters like ${pattern}`);
    },
  };
}

/** That many bytes as hexadecimal of either case. */
export function hex(bytes: number): Shape<string> {
  return text(`^[0-9a-fA-F]{${2 * bytes}}$`, 2 * bytes);
}

/** At least one item: an empty list of what is allowed would be read as a waiver by some and as a ban by others. */
export function list<T>(item: Shape<T>, max: number): Shape<readonly T[]> {
  return {
    schema: { type: 'array', items: item.schema, minItems: 1, maxItems: max },
    read: (given, path) => {
      const value = present(given, path);
      if (!Array.isArray(value)) return invalid(path, 'must be a list');
      if (value.length === 0 || value.length > max) return invalid(path, `must have 1..${max} items`);
      return Object.freeze(value.map((entry: JsonValue, i) => item.read(entry, `${path}[${i}]`)));
    },
  };
}

/** A waiver word in place of the whole value. */
export function orWord<const W extends string, T>(waiver: W, shape: Shape<T>): Shape<W | T> {
  return {
    schema: { anyOf: [{ const: waiver }, shape.schema] },
    read: (given, path) => {
      const value = present(given, path);
      if (value === waiver) return waiver;
      if (typeof value === 'string' && shape.schema['type'] === 'object')
        return invalid(path, `must be ${JSON.stringify(waiver)} or an object`);
      return shape.read(value, path);
    },
  };
}

/** An object of exactly these keys: all of `required`, any of `optional`, and at least `min` in total. */
export function object<R extends Record<string, Shape<unknown>>, O extends Record<string, Shape<unknown>>>(
  required: R,
  optional: O,
  min = 0,
): Shape<Values<R> & Partial<Values<O>>> {
  const fields: Record<string, Shape<unknown>> = { ...required, ...optional };
  const schemas = Object.entries(fields).map(([key, shape]) => [key, shape.schema] as const);
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(schemas),
      required: Object.keys(required),
      additionalProperties: false,
      ...(min > 0 ? { minProperties: min } : {}),
    },
    read: (given, path) => {
      const value = present(given, path === '' ? 'the whole' : path);
      if (!isObject(value)) return invalid(path === '' ? 'the whole' : path, 'must be an object');
      const at = (key: string): string => (path === '' ? key : `${path}.${key}`);
      for (const key of Object.keys(value))
        if (!Object.hasOwn(fields, key))
          fail('TRUST_KEY_UNKNOWN', `trust policy: ${at(key.slice(0, 64))} is unknown`);
      const out: Record<string, unknown> = {};
      for (const [key, shape] of Object.entries(fields)) {
        const own = Object.hasOwn(value, key) ? value[key] : undefined;
        if (own === undefined && !Object.hasOwn(required, key)) continue;
        out[key] = shape.read(own, at(key));
      }
      if (Object.keys(out).length < min)
        fail(
          'EXPECTATION_MISSING',
          `trust policy: ${path} must state one of ${Object.keys(fields).join(', ')}`,
        );
      return Object.freeze(out) as Values<R> & Partial<Values<O>>;
    },
  };
}

/** An object whose keys follow a pattern. */
export function dictionary<T>(keys: string, item: Shape<T>): Shape<Readonly<Record<string, T>>> {
  const expression = new RegExp(keys, 'u');
  return {
    schema: {
      type: 'object',
      patternProperties: { [keys]: item.schema },
      additionalProperties: false,
      minProperties: 1,
    },
    read: (given, path) => {
      const value = present(given, path);
      if (!isObject(value)) return invalid(path, 'must be an object');
      const entries = Object.keys(value).map((key) => {
        if (!expression.test(key))
          fail('TRUST_KEY_UNKNOWN', `trust policy: ${path}.${key.slice(0, 64)} is unknown`);
        return [key, item.read(value[key], `${path}.${key}`)] as const;
      });
      if (entries.length === 0) fail('EXPECTATION_MISSING', `trust policy: ${path} is empty`);
      return Object.freeze(Object.fromEntries(entries));
    },
  };
}
