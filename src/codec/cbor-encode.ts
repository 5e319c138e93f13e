/** Deterministic CBOR encoder (RFC 8949 section 4.2.1): shortest forms, definite lengths, sorted keys. */
import { compareBytes } from '../base/bytes.ts';
import { fail } from '../base/errors.ts';
import type { CborTag, CborValue } from './cbor.ts';

const MAX_DEPTH = 16;
const MAX_UINT64 = 0xffffffffffffffffn;
const encoder = new TextEncoder();

/** Appends items to a growing buffer. What it wrote is returned as a copy by `finish`, which empties it for reuse. */
export class CborWriter {
  #buffer: Uint8Array;
  #at = 0;

  constructor(capacity: number = 512) {
    this.#buffer = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#at;
  }

  /** Major type 0..6 with an argument that is a safe integer. */
  head(major: number, value: number): void {
    this.#reserve(9);
    const buffer = this.#buffer;
    const type = major << 5;
    if (value < 24) buffer[this.#at++] = type | value;
    else if (value < 0x100) {
      buffer[this.#at++] = type | 24;
      buffer[this.#at++] = value;
    } else if (value < 0x10000) {
      buffer[this.#at++] = type | 25;
      buffer[this.#at++] = value >>> 8;
      buffer[this.#at++] = value;
    } else if (value < 0x100000000) {
      buffer[this.#at++] = type | 26;
      this.#word(value);
    } else {
      buffer[this.#at++] = type | 27;
      this.#word(Math.floor(value / 0x100000000));
      this.#word(value % 0x100000000);
    }
  }

  /** A safe integer, or a bigint of -2^64..2^64-1. */
  int(value: number | bigint): void {
    if (typeof value === 'bigint') this.#big(value);
    else if (!Number.isSafeInteger(value)) fail('CBOR_VALUE_INVALID', 'number is not a safe integer');
    else if (value < 0) this.head(1, -1 - value);
    else this.head(0, value);
  }

  bytes(value: Uint8Array): void {
    this.head(2, value.length);
    this.raw(value);
  }

  text(value: string): void {
    const length = value.length;
    if (length > 128) {
      this.#wideText(value);
      return;
    }
    const start = this.#at;
    this.head(3, length);
    this.#reserve(length);
    const buffer = this.#buffer;
    let at = this.#at;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) {
        this.#at = start;
        this.#wideText(value);
        return;
      }
      buffer[at++] = code;
    }
    this.#at = at;
  }

  bool(value: boolean): void {
    this.#reserve(1);
    this.#buffer[this.#at++] = value ? 0xf5 : 0xf4;
  }

  null(): void {
    this.#reserve(1);
    this.#buffer[this.#at++] = 0xf6;
  }

  /** Bytes that are already CBOR. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  finish(): Uint8Array {
    const out = this.#buffer.slice(0, this.#at);
    this.reset();
    return out;
  }

  reset(): void {
    this.#at = 0;
  }

  #wideText(value: string): void {
    // The encoder would write U+FFFD for half a surrogate pair, so two texts would have one encoding.
    if (!value.isWellFormed()) fail('CBOR_VALUE_INVALID', 'text has half of a surrogate pair');
    const bytes = encoder.encode(value);
    this.head(3, bytes.length);
    this.raw(bytes);
  }

  #big(value: bigint): void {
    const argument = value < 0n ? -1n - value : value;
    if (argument > MAX_UINT64) fail('CBOR_VALUE_INVALID', 'integer needs more than 64 bits');
    const major = value < 0n ? 1 : 0;
    if (argument <= BigInt(Number.MAX_SAFE_INTEGER)) {
      this.head(major, Number(argument));
      return;
    }
    this.#reserve(9);
    this.#buffer[this.#at++] = (major << 5) | 27;
    this.#word(Number(argument >> 32n));
    this.#word(Number(argument & 0xffffffffn));
  }

  #word(value: number): void {
    const buffer = this.#buffer;
    buffer[this.#at++] = value >>> 24;
    buffer[this.#at++] = value >>> 16;
    buffer[this.#at++] = value >>> 8;
    buffer[this.#at++] = value;
  }

  #reserve(count: number): void {
    const needed = this.#at + count;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
    grown.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = grown;
  }
}

export interface EncodeOptions {
  /** `insertion` keeps the order of a Map, to write what others write (Nitro documents); default `sorted`. */
  readonly order?: 'sorted' | 'insertion';
}

/** Throws CBOR_VALUE_INVALID for what has no encoding here: fractions, ill-formed text, nesting beyond 16. */
export function encodeCbor(value: CborValue, options: EncodeOptions = {}): Uint8Array {
  const out = new CborWriter();
  write(out, value, options.order ?? 'sorted', 0);
  return out.finish();
}

function write(out: CborWriter, value: CborValue, order: 'sorted' | 'insertion', depth: number): void {
  if (depth > MAX_DEPTH) fail('CBOR_VALUE_INVALID', `nested more than ${MAX_DEPTH} deep`);
  if (typeof value === 'number' || typeof value === 'bigint') out.int(value);
  else if (typeof value === 'string') out.text(value);
  else if (typeof value === 'boolean') out.bool(value);
  else if (value === null) out.null();
  else if (value instanceof Uint8Array) out.bytes(value);
  else if (value instanceof Map) writeMap(out, value, order, depth);
  else if (Array.isArray(value)) {
    out.head(4, value.length);
    for (const item of value as readonly CborValue[]) write(out, item, order, depth + 1);
  } else if (isTag(value)) {
    out.head(6, value.tag);
    write(out, value.value, order, depth + 1);
  } else fail('CBOR_VALUE_INVALID', 'a value of this type has no encoding');
}

function writeMap(
  out: CborWriter,
  map: ReadonlyMap<string | number, CborValue>,
  order: 'sorted' | 'insertion',
  depth: number,
): void {
  const pairs: { key: Uint8Array; value: CborValue }[] = [];
  const scratch = new CborWriter(64);
  for (const [key, value] of map) {
    if (typeof key === 'string') scratch.text(key);
    else if (typeof key === 'number') scratch.int(key);
    else fail('CBOR_VALUE_INVALID', 'a map key is neither text nor an integer');
    pairs.push({ key: scratch.finish(), value });
  }
  if (order === 'sorted') pairs.sort((a, b) => compareBytes(a.key, b.key));
  out.head(5, pairs.length);
  for (const pair of pairs) {
    out.raw(pair.key);
    write(out, pair.value, order, depth + 1);
  }
}

function isTag(value: unknown): value is CborTag {
  return (
    typeof value === 'object' &&
    value !== null &&
    'tag' in value &&
    'value' in value &&
    Number.isSafeInteger(value.tag) &&
    (value.tag as number) >= 0
  );
}
