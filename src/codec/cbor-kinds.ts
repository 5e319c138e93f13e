/** What a record field can hold. Each kind has limits, checked on the way in and on the way out. */
import { MAX_TIME, type Millis } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import { compareBytes } from '../base/bytes.ts';
import { CborWriter } from './cbor-encode.ts';
import type { Bounds, CborReader } from './cbor.ts';

export interface Kind<T> {
  readonly write: (out: CborWriter, value: T) => void;
  readonly read: (from: CborReader) => T;
  /** Set when the field may be left out: which value means absent, and what absence reads as. */
  readonly absent?: { readonly is: (value: T) => boolean; readonly make: () => T };
}

const MAX_TEXT = 65_535;
const MAX_BYTES = 65_535;

/** An integer of 0..max; max is 2^53-1 unless told. */
export function uint(max: number = Number.MAX_SAFE_INTEGER): Kind<number> {
  return {
    write: (out, value) => {
      if (!Number.isSafeInteger(value) || value < 0 || value > max) misfit(`not an integer of 0..${max}`);
      out.head(0, value);
    },
    read: (from) => from.uint(max),
  };
}

/** A point in time, in milliseconds since 1970, that RFC 3339 can name. */
export const time = (): Kind<Millis> => uint(MAX_TIME);

/** A safe integer of either sign. */
export function int(): Kind<number> {
  return {
    write: (out, value) => {
      if (!Number.isSafeInteger(value)) misfit('not a safe integer');
      out.int(value);
    },
    read: (from) => from.int(),
  };
}

/** Limits count UTF-8 bytes; at most 65,535 unless told. */
export function text(limits: Bounds = {}): Kind<string> {
  const bounds = { min: limits.min ?? 0, max: limits.max ?? MAX_TEXT };
  return {
    write: (out, value) => {
      if (typeof value !== 'string') misfit('not text');
      const before = out.length;
      out.text(value);
      const length = out.length - before - headLength(out.length - before);
      if (length < bounds.min || length > bounds.max)
        misfit(`${length} bytes of text, allowed are ${bounds.min}..${bounds.max}`);
    },
    read: (from) => from.text(bounds),
  };
}

/** The head's length within an encoded string of `total` bytes. */
function headLength(total: number): number {
  if (total <= 24) return 1;
  if (total <= 257) return 2;
  return total <= 65_538 ? 3 : 5;
}

/** Exactly n bytes, or within limits (at most 65,535 unless told). */
export function bytes(size: number | Bounds): Kind<Uint8Array> {
  const min = typeof size === 'number' ? size : (size.min ?? 0);
  const max = typeof size === 'number' ? size : (size.max ?? MAX_BYTES);
  const bounds = { min, max };
  return {
    write: (out, value) => {
      if (!(value instanceof Uint8Array)) misfit('not bytes');
      if (value.length < min || value.length > max)
        misfit(`${value.length} bytes, allowed are ${min === max ? min : `${min}..${max}`}`);
      out.bytes(value);
    },
    read: (from) => from.bytes(bounds),
  };
}

export function bool(): Kind<boolean> {
  return {
    write: (out, value) => {
      if (typeof value !== 'boolean') misfit('not a boolean');
      out.bool(value);
    },
    read: (from) => from.bool(),
  };
}

/** One of a fixed set of words, as text. */
export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  const allowed: ReadonlySet<string> = new Set(words);
  const max = Math.max(...words.map((word) => word.length));
  return {
    write: (out, value) => {
      if (!allowed.has(value)) misfit(`not one of ${words.join(', ')}`);
      out.text(value);
    },
    read: (from) => {
      const word = from.text({ max });
      if (!allowed.has(word)) from.fail('CBOR_OUT_OF_RANGE', `not one of ${words.join(', ')}`);
      return word as T;
    },
  };
}

export function list<T>(
  kind: Kind<T>,
  limits: { readonly min?: number; readonly max: number },
): Kind<readonly T[]> {
  const bounds = { min: limits.min ?? 0, max: limits.max };
  return {
    write: (out, value) => {
      if (!Array.isArray(value)) misfit('not a list');
      inBounds(value.length, bounds);
      out.head(4, value.length);
      for (const item of value as readonly T[]) kind.write(out, item);
    },
    read: (from) => {
      const items: T[] = [];
      const count = from.open('array', bounds);
      for (let i = 0; i < count; i++) {
        from.step(i);
        items.push(kind.read(from));
      }
      from.close();
      return Object.freeze(items);
    },
  };
}

/** Text keys to values. What `read` returns has no prototype, so that no key can find an inherited property. */
export function dict<T>(
  kind: Kind<T>,
  limits: { readonly min?: number; readonly max: number; readonly key?: Bounds },
): Kind<Readonly<Record<string, T>>> {
  const bounds = { min: limits.min ?? 0, max: limits.max };
  const name = text(limits.key ?? { min: 1, max: 255 });
  return {
    write: (out, value) => {
      if (typeof value !== 'object' || value === null) misfit('not a dictionary');
      const keys = Object.keys(value);
      inBounds(keys.length, bounds);
      out.head(5, keys.length);
      for (const entry of sortedKeys(keys, name)) {
        out.raw(entry.encoded);
        kind.write(out, value[entry.key] as T);
      }
    },
    read: (from) => {
      const out: Record<string, T> = Object.create(null);
      from.map((key) => {
        if (typeof key !== 'string' || key.length === 0)
          from.fail('CBOR_TYPE', 'a dictionary key is not text of the allowed length');
        out[key] = kind.read(from);
      }, bounds);
      return Object.freeze(out);
    },
  };
}

function sortedKeys(keys: readonly string[], name: Kind<string>): { key: string; encoded: Uint8Array }[] {
  const scratch = new CborWriter(64);
  const entries = keys.map((key) => {
    name.write(scratch, key);
    return { key, encoded: scratch.finish() };
  });
  return entries.sort((a, b) => compareBytes(a.encoded, b.encoded));
}

/** A field that may be left out: null and absence are the same, and null is never written. */
export function optional<T>(kind: Kind<T>): Kind<T | null> {
  return {
    write: (out, value) => kind.write(out, value as T),
    read: (from) => kind.read(from),
    absent: { is: (value) => value === null, make: () => null },
  };
}

/** A list, dictionary or text whose empty value is written by leaving the field out. */
export function emptyIsAbsent<T extends string | readonly unknown[] | Readonly<Record<string, unknown>>>(
  kind: Kind<T>,
  empty: T,
): Kind<T> {
  const frozen = typeof empty === 'object' ? Object.freeze(empty) : empty;
  return { ...kind, absent: { is: isEmpty, make: () => frozen } };
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'string' || Array.isArray(value)) return value.length === 0;
  if (typeof value !== 'object' || value === null) return false;
  for (const _ in value) return false;
  return true;
}

function inBounds(count: number, bounds: { readonly min: number; readonly max: number }): void {
  if (count < bounds.min || count > bounds.max)
    misfit(`${count} items, allowed are ${bounds.min}..${bounds.max}`);
}

function misfit(why: string): never {
  return fail('RECORD_VALUE_INVALID', why);
}
