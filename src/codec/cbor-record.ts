/**
 * Integer-keyed records in deterministic CBOR (RFC 8949 section 4.2.1). One field table drives the encoder, the
 * strict decoder and the check against the TypeScript type: a record has exactly one encoding, and the decoder
 * takes that one only.
 */
import { AssayError, fail, type Code } from '../base/errors.ts';
import { CborWriter } from './cbor-encode.ts';
import { CborReader, type CborOptions } from './cbor.ts';
import type { Kind } from './cbor-kinds.ts';

export * from './cbor-kinds.ts';

export interface Field<T> {
  readonly key: number;
  readonly kind: Kind<T>;
}

export type Fields<T> = { readonly [K in keyof T]-?: Field<T[K]> };

/** A record type: encodes and decodes values of T, and is itself a kind, so that records nest. */
export interface RecordCodec<T> extends Kind<T> {
  readonly name: string;
  /** Field name and key in the order of the keys, for documentation and tests. */
  readonly keys: readonly (readonly [name: string, key: number])[];
  /** Throws RECORD_VALUE_INVALID naming the field whose value does not fit. */
  readonly encode: (value: T) => Uint8Array;
  /** Throws ParseError; the value is frozen and its byte strings are views of the input. */
  readonly decode: (bytes: Uint8Array, options?: CborOptions) => T;
}

export type RecordOf<R> = R extends RecordCodec<infer T> ? T : never;

/** `key` is an integer of 0..2^32-1, unique in its record, and never given another meaning. */
export function field<T>(key: number, kind: Kind<T>): Field<T> {
  return { key, kind };
}

interface Row {
  readonly name: string;
  readonly key: number;
  readonly kind: Kind<unknown>;
}

// Encoding is synchronous, so one buffer serves all records; a getter that encodes within an encode gets its own.
const scratch = new CborWriter(1024);
let busy = false;

export function record<T>(name: string, fields: Fields<T>): RecordCodec<T> {
  const rows = rowsOf(name, fields);
  const write = (out: CborWriter, value: T): void => writeRows(out, rows, value as Record<string, unknown>);
  const read = (from: CborReader): T => readRows(from, rows) as T;
  return Object.freeze({
    name,
    keys: rows.map((row) => [row.name, row.key] as const),
    write,
    read,
    encode: (value: T): Uint8Array => encodeWith(name, write, value),
    decode: (bytes: Uint8Array, options: CborOptions = {}): T => {
      const reader = new CborReader(bytes, { path: name, ...options, deterministic: true });
      const value = read(reader);
      reader.end();
      return value;
    },
  });
}

function rowsOf<T>(name: string, fields: Fields<T>): readonly Row[] {
  const rows = Object.entries<Field<unknown>>(fields as Record<string, Field<unknown>>).map(
    ([field, { key, kind }]) => ({ name: field, key, kind }),
  );
  rows.sort((a, b) => a.key - b.key);
  for (const [i, row] of rows.entries()) {
    const taken = rows[i - 1]?.key === row.key;
    if (taken || !Number.isSafeInteger(row.key) || row.key < 0 || row.key > 0xffffffff)
      fail('INTERNAL', `record ${name}: key ${row.key} of ${row.name} is taken or not an unsigned integer`);
  }
  return rows;
}

function encodeWith<T>(name: string, write: (out: CborWriter, value: T) => void, value: T): Uint8Array {
  const nested = busy;
  const out = nested ? new CborWriter() : scratch;
  busy = true;
  try {
    write(out, value);
    return out.finish();
  } catch (error) {
    throw named(name, error);
  } finally {
    if (!nested) {
      scratch.reset();
      busy = false;
    }
  }
}

function writeRows(out: CborWriter, rows: readonly Row[], value: Record<string, unknown>): void {
  if (typeof value !== 'object' || value === null) fail('RECORD_VALUE_INVALID', 'not a record');
  let count = 0;
  for (const { kind, name } of rows) if (kind.absent === undefined || !kind.absent.is(value[name])) count++;
  out.head(5, count);
  for (const row of rows) {
    const item = value[row.name];
    if (row.kind.absent?.is(item) === true) continue;
    out.head(0, row.key);
    try {
      row.kind.write(out, item);
    } catch (error) {
      throw named(row.name, error);
    }
  }
}

/** A value that does not fit, with the field it is in: `seal.root: 31 bytes, allowed are 32`. */
class Misfit extends AssayError {
  readonly path: string;
  readonly reason: string;

  constructor(code: Code, path: string, reason: string) {
    super(code, `${path}: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

function named(name: string, error: unknown): unknown {
  if (error instanceof Misfit) return new Misfit(error.code, `${name}.${error.path}`, error.reason);
  return error instanceof AssayError ? new Misfit(error.code, name, error.message) : error;
}

function readRows(from: CborReader, rows: readonly Row[]): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  let left = from.open('map');
  let key = left > 0 ? nextKey(from, -1) : -1;
  for (const row of rows) {
    if (left > 0 && key === row.key) {
      from.step(row.name);
      const item = row.kind.read(from);
      if (row.kind.absent?.is(item) === true)
        from.fail('RECORD_EMPTY_PRESENT', 'an empty field is spelled out');
      out[row.name] = item;
      left--;
      if (left > 0) key = nextKey(from, key);
    } else if (row.kind.absent === undefined) {
      if (left > 0 && key < row.key) unknown(from, key);
      from.step(row.name);
      from.fail('RECORD_KEY_MISSING', `key ${row.key} is missing`);
    } else out[row.name] = row.kind.absent.make();
  }
  if (left > 0) unknown(from, key);
  from.close();
  return Object.freeze(out);
}

function nextKey(from: CborReader, previous: number): number {
  const key = from.uint(0xffffffff);
  if (key === previous) from.fail('CBOR_DUPLICATE_KEY', `key ${key} given twice`);
  if (key < previous) from.fail('CBOR_NOT_DETERMINISTIC', 'keys are not in ascending order');
  return key;
}

function unknown(from: CborReader, key: number): never {
  return from.fail('RECORD_KEY_UNKNOWN', `key ${key} is not defined`);
}
