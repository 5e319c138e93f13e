/** Reads a quote from front to back: little-endian lengths, each held against what is left before anything is taken. */
import { type Code, ParseError } from '../../base/errors.ts';

export class QuoteCursor {
  readonly #bytes: Uint8Array;
  readonly #base: number;
  readonly #path: string;
  #at = 0;

  /** `base`: where these bytes begin in the whole quote. */
  constructor(bytes: Uint8Array, path: string, base = 0) {
    // A Buffer is turned into a plain view: its subarray() would hand out Buffers.
    this.#bytes =
      bytes.constructor === Uint8Array
        ? bytes
        : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#path = path;
    this.#base = base;
  }

  /** Of the next byte, in the whole quote. */
  get offset(): number {
    return this.#base + this.#at;
  }

  take(length: number, field: string): Uint8Array {
    const from = this.#at;
    const left = this.#bytes.length - from;
    if (length > left) this.fail('QUOTE_FIELD_INVALID', `takes ${length} bytes, ${left} remain`, field);
    this.#at = from + length;
    return this.#bytes.subarray(from, this.#at);
  }

  u16(field: string): number {
    const [low = 0, high = 0] = this.take(2, field);
    return low | (high << 8);
  }

  u32(field: string): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.take(4, field);
    return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
  }

  /** A part whose length stands before it as 32 bits. */
  part(field: string): QuoteCursor {
    const length = this.u32(`${field}Size`);
    const base = this.offset;
    return new QuoteCursor(this.take(length, field), this.#path, base);
  }

  /** All that has been read so far. */
  taken(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  end(field: string): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) this.fail('QUOTE_FIELD_INVALID', `${left} bytes follow its last part`, field);
  }

  path(field: string): string {
    return `${this.#path}.${field}`;
  }

  /** `at`: in the whole quote; the next byte unless told. */
  fail(code: Code, what: string, field: string, at: number = this.offset): never {
    throw new ParseError(code, what, at, this.path(field));
  }
}
