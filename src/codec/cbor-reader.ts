/**
 * Strict CBOR reader (RFC 8949). It takes what genuine documents use and nothing else: integers and lengths in
 * their shortest form, definite strings, definite or indefinite arrays and maps, no duplicate keys, no floats.
 *
 * A cursor, not a tree: the caller asks for what the format has at this place, so a type confusion cannot be
 * expressed. Byte strings are views of the input, which must not change while they are in use.
 */
import { ParseError, type Code } from '../base/errors.ts';
import { compareBytes } from '../base/bytes.ts';
import { renderPath, type Step } from './path.ts';
import { decodeUtf8 } from './utf8.ts';

export type CborKind = 'uint' | 'nint' | 'bytes' | 'text' | 'array' | 'map' | 'tag' | 'bool' | 'null';

export interface CborOptions {
  /** What is being read, for errors: `document.payload`. */
  readonly path?: string;
  /** Where these bytes begin in the outermost input, so that offsets in errors are relative to that. */
  readonly base?: number;
  /** Also demands sorted keys and definite lengths (RFC 8949 section 4.2.1). */
  readonly deterministic?: boolean;
}

/** Inclusive limits: bytes of a string, items of an array, pairs of a map. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

const MAX_DEPTH = 16;
const INDEFINITE = -1;
const BREAK = 0xff;
const KINDS: readonly CborKind[] = ['uint', 'nint', 'bytes', 'text', 'array', 'map', 'tag'];

export class CborReader {
  readonly #bytes: Uint8Array;
  readonly #root: string;
  readonly #base: number;
  readonly #deterministic: boolean;
  readonly #steps: Step[] = [];
  #at = 0;
  #depth = 0;
  // The head last read: where it began, its argument (INDEFINITE for 31), and the argument's 32-bit halves.
  #start = 0;
  #value = 0;
  #high = 0;
  #low = 0;

  constructor(bytes: Uint8Array, options: CborOptions = {}) {
    // A Buffer is copied into a plain view: its subarray() and slice() would hand out Buffers.
    this.#bytes =
      bytes.constructor === Uint8Array
        ? bytes
        : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#root = options.path ?? '';
    this.#base = options.base ?? 0;
    this.#deterministic = options.deterministic ?? false;
  }

  /** Where the next item begins, in the outermost input. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** The place being read, for a nested reader: `document.payload.pcrs[4]`. */
  get path(): string {
    return renderPath(this.#root, this.#steps);
  }

  peek(): CborKind {
    const first = this.#bytes[this.#at];
    if (first === undefined)
      return this.#failAt(this.#at, 'CBOR_TRUNCATED', 'ends where an item is expected');
    if (first < 0xe0) return KINDS[first >> 5] as CborKind;
    if (first === 0xf4 || first === 0xf5) return 'bool';
    if (first === 0xf6) return 'null';
    return this.#failAt(this.#at, 'CBOR_UNSUPPORTED', `simple value or float 0x${first.toString(16)}`);
  }

  /** An unsigned integer of 0..max; max is at most 2^53-1. */
  uint(max: number = Number.MAX_SAFE_INTEGER): number {
    this.#expect(0);
    if (this.#value > max || this.#value > Number.MAX_SAFE_INTEGER)
      this.#failHere('CBOR_OUT_OF_RANGE', `integer above ${max}`);
    return this.#value;
  }

  uint64(): bigint {
    this.#expect(0);
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }

  /** An integer of -(2^53-1)..2^53-1. */
  int(): number {
    if (this.peek() === 'uint') return this.uint();
    this.#expect(1);
    if (this.#value >= Number.MAX_SAFE_INTEGER)
      this.#failHere('CBOR_OUT_OF_RANGE', 'integer below -(2^53-1)');
    return -1 - this.#value;
  }

  bytes(limits?: Bounds): Uint8Array {
    this.#expect(2);
    const length = this.#stringLength(limits);
    const from = this.#at;
    this.#at = from + length;
    return this.#bytes.subarray(from, from + length);
  }

  /** Limits count UTF-8 bytes. */
  text(limits?: Bounds): string {
    this.#expect(3);
    const length = this.#stringLength(limits);
    const from = this.#at;
    this.#at = from + length;
    const text = decodeUtf8(this.#bytes.subarray(from, this.#at));
    return text ?? this.#failHere('CBOR_TEXT_INVALID', 'text is not UTF-8');
  }

  bool(): boolean {
    if (this.peek() !== 'bool') this.#mismatch('bool');
    return this.#bytes[this.#at++] === 0xf5;
  }

  nullOr<T>(read: () => T): T | null {
    if (this.#bytes[this.#at] !== 0xf6) return read();
    this.#at++;
    return null;
  }

  /** The tag number; its content is the next item. */
  tag(): number {
    this.#expect(6);
    if (this.#value > Number.MAX_SAFE_INTEGER) this.#failHere('CBOR_OUT_OF_RANGE', 'tag number above 2^53-1');
    return this.#value;
  }

  /** Calls `item` once for each item, which must read exactly one; returns how many there were. */
  array(item: (index: number) => void, limits?: Bounds): number {
    this.#expect(4);
    const claimed = this.#enter(1, limits);
    const steps = this.#steps;
    const level = steps.length;
    let count = 0;
    for (; this.#more(count, claimed, limits); count++) {
      steps[level] = count;
      item(count);
      steps.length = level + 1;
    }
    this.#leave(level, count, limits);
    return count;
  }

  /** Calls `entry` once for each pair with its key, text or integer; it must read exactly the value. */
  map(entry: (key: string | number) => void, limits?: Bounds): number {
    this.#expect(5);
    const claimed = this.#enter(2, limits);
    const steps = this.#steps;
    const level = steps.length;
    const seen = this.#deterministic ? null : new Set<string | number>();
    let previous: Uint8Array | null = null;
    let count = 0;
    for (; this.#more(count, claimed, limits); count++) {
      const from = this.#at;
      const key = this.#key();
      if (seen === null) previous = this.#sorted(previous, from);
      else if (seen.has(key)) this.#failAt(from, 'CBOR_DUPLICATE_KEY', 'key given twice');
      else seen.add(key);
      steps[level] = key;
      entry(key);
      steps.length = level + 1;
    }
    this.#leave(level, count, limits);
    return count;
  }

  /** Reads one item of any type with all rules, keeping nothing. */
  skip(): void {
    const kind = this.peek();
    if (kind === 'uint') this.uint64();
    else if (kind === 'nint') this.#expect(1);
    else if (kind === 'bytes') this.bytes();
    else if (kind === 'text') this.text();
    else if (kind === 'array') this.array(() => this.skip());
    else if (kind === 'map') this.map(() => this.skip());
    else if (kind === 'tag') this.tagged(() => this.skip());
    else this.#at++;
  }

  /** The exact bytes of the next item, checked as `skip` does. */
  raw(): Uint8Array {
    const from = this.#at;
    this.skip();
    return this.#bytes.subarray(from, this.#at);
  }

  /** Throws CBOR_TRAILING unless every byte has been read. */
  end(): void {
    if (this.#at !== this.#bytes.length)
      this.#failAt(this.#at, 'CBOR_TRAILING', `${this.#bytes.length - this.#at} bytes after the end`);
  }

  /** Reports a fault of the item last read. */
  fail(code: Code, message: string): never {
    throw new ParseError(code, message, this.#base + this.#start, this.path);
  }

  /** For readers of a fixed layout: opens a definite array or map and returns its count; close with `close`. */
  open(kind: 'array' | 'map', limits?: Bounds): number {
    this.#expect(kind === 'map' ? 5 : 4);
    const claimed = this.#enter(kind === 'map' ? 2 : 1, limits);
    if (claimed === INDEFINITE) this.#failHere('CBOR_NOT_DETERMINISTIC', 'indefinite length');
    this.#steps.push('');
    if (limits?.min !== undefined && claimed < limits.min) this.#tooFew(claimed, limits.min);
    return claimed;
  }

  /** Names the item to be read next inside `open`. */
  step(step: Step): void {
    this.#steps[this.#steps.length - 1] = step;
  }

  close(): void {
    this.#depth--;
    this.#steps.pop();
  }

  /** Any integer of -2^64..2^64-1; a bigint where a number would not be exact. */
  integer(): number | bigint {
    const negative = this.peek() === 'nint';
    this.#expect(negative ? 1 : 0);
    if (this.#value < Number.MAX_SAFE_INTEGER) return negative ? -1 - this.#value : this.#value;
    const wide = (BigInt(this.#high) << 32n) | BigInt(this.#low);
    if (negative) return -1n - wide;
    return wide === BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : wide;
  }

  /** Reads a tag and, with `read`, its content. */
  tagged<T>(read: (tag: number) => T): T {
    const tag = this.tag();
    this.#deeper();
    const value = read(tag);
    this.#depth--;
    return value;
  }

  #key(): string | number {
    const kind = this.peek();
    if (kind === 'text') return this.text();
    if (kind === 'uint' || kind === 'nint') return this.int();
    return this.#failAt(this.#at, 'CBOR_TYPE', `expected a text or integer key, found ${kind}`);
  }

  #sorted(previous: Uint8Array | null, from: number): Uint8Array {
    const current = this.#bytes.subarray(from, this.#at);
    if (previous !== null) {
      const order = compareBytes(previous, current);
      if (order === 0) this.#failAt(from, 'CBOR_DUPLICATE_KEY', 'key given twice');
      if (order > 0) this.#failAt(from, 'CBOR_NOT_DETERMINISTIC', 'keys are not in bytewise order');
    }
    return current;
  }

  #deeper(): void {
    if (++this.#depth > MAX_DEPTH) this.#failHere('CBOR_DEPTH', `nested more than ${MAX_DEPTH} deep`);
  }

  /** Each item takes a byte at least, so a claim that the rest cannot hold is refused before any loop. */
  #enter(bytesEach: number, limits: Bounds | undefined): number {
    this.#deeper();
    const claimed = this.#value;
    if (claimed === INDEFINITE) {
      if (this.#deterministic) this.#failHere('CBOR_NOT_DETERMINISTIC', 'indefinite length');
      return claimed;
    }
    if (limits?.max !== undefined && claimed > limits.max) this.#tooMany(limits.max);
    if (claimed * bytesEach > this.#bytes.length - this.#at)
      this.#failHere(
        'CBOR_TRUNCATED',
        `claims ${claimed} items, ${this.#bytes.length - this.#at} bytes remain`,
      );
    return claimed;
  }

  #more(count: number, claimed: number, limits: Bounds | undefined): boolean {
    if (claimed !== INDEFINITE) return count < claimed;
    if (this.#bytes[this.#at] === BREAK) {
      this.#at++;
      return false;
    }
    if (limits?.max !== undefined && count >= limits.max) this.#tooMany(limits.max);
    return true;
  }

  #leave(level: number, count: number, limits: Bounds | undefined): void {
    this.#steps.length = level;
    this.#depth--;
    if (limits?.min !== undefined && count < limits.min) this.#tooFew(count, limits.min);
  }

  #tooMany(max: number): never {
    return this.#failHere('CBOR_OUT_OF_RANGE', `more than ${max} items`);
  }

  #tooFew(count: number, min: number): never {
    return this.#failHere('CBOR_OUT_OF_RANGE', `${count} items, at least ${min} needed`);
  }

  #stringLength(limits: Bounds | undefined): number {
    const length = this.#value;
    if (length === INDEFINITE) this.#failHere('CBOR_UNSUPPORTED', 'chunked string');
    if (limits !== undefined) {
      if (limits.max !== undefined && length > limits.max)
        this.#failHere('CBOR_OUT_OF_RANGE', `${length} bytes, at most ${limits.max} allowed`);
      if (limits.min !== undefined && length < limits.min)
        this.#failHere('CBOR_OUT_OF_RANGE', `${length} bytes, at least ${limits.min} needed`);
    }
    if (length > this.#bytes.length - this.#at)
      this.#failHere('CBOR_TRUNCATED', `claims ${length} bytes, ${this.#bytes.length - this.#at} remain`);
    return length;
  }

  #expect(major: number): void {
    const first = this.#bytes[this.#at];
    if (first === undefined || first >> 5 !== major) this.#mismatch(KINDS[major] as CborKind);
    const info = (first as number) & 31;
    this.#start = this.#at++;
    this.#high = 0;
    if (info < 24) {
      this.#value = info;
      this.#low = info;
    } else if (info < 28) this.#argument(info);
    else if (info === 31 && major >= 2 && major <= 5) this.#value = INDEFINITE;
    else this.#failHere('CBOR_UNSUPPORTED', `reserved form 0x${(first as number).toString(16)}`);
  }

  #argument(info: number): void {
    const bytes = this.#bytes;
    const width = 1 << (info - 24);
    const at = this.#at;
    if (at + width > bytes.length) this.#failHere('CBOR_TRUNCATED', 'ends inside a number or length');
    this.#at = at + width;
    if (width === 1) {
      this.#low = bytes[at] as number;
      if (this.#low < 24) this.#notMinimal();
    } else if (width === 2) {
      this.#low = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      if (this.#low < 0x100) this.#notMinimal();
    } else if (width === 4) {
      this.#low = word(bytes, at);
      if (this.#low < 0x10000) this.#notMinimal();
    } else {
      this.#high = word(bytes, at);
      this.#low = word(bytes, at + 4);
      if (this.#high === 0) this.#notMinimal();
    }
    this.#value = this.#high * 0x100000000 + this.#low;
  }

  #notMinimal(): never {
    return this.#failHere('CBOR_NOT_MINIMAL', 'number or length is not in its shortest form');
  }

  #mismatch(wanted: CborKind): never {
    return this.#failAt(this.#at, 'CBOR_TYPE', `expected ${wanted}, found ${this.peek()}`);
  }

  #failHere(code: Code, message: string): never {
    return this.fail(code, message);
  }

  #failAt(at: number, code: Code, message: string): never {
    this.#start = at;
    return this.fail(code, message);
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) * 0x1000000 +
    (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  );
}
