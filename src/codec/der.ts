/**
 * Strict DER reader (X.690 sections 8, 10 and 11): one encoding for one value. Lengths and integers in their
 * shortest form, TRUE is FF, unused bits are zero, SET OF is sorted, nothing of indefinite length.
 *
 * A cursor over one element list; `sequence` and its kin hand the caller a cursor over the content and demand
 * that all of it is read. Byte strings are views of the input.
 */
import { compareBytes } from '../base/bytes.ts';
import { type Code, ParseError } from '../base/errors.ts';
import type { Millis } from '../base/clock.ts';
import { renderPath, type Step } from './path.ts';
import {
  readBmp,
  readIa5,
  readNumeric,
  readOid,
  readPrintable,
  readTime,
  readVisible,
} from './der-values.ts';
import { decodeUtf8 } from './utf8.ts';

/** Identifier octets of the universal types that are used here. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  bmpString: 0x1e,
} as const;

export interface DerOptions {
  /** What is being read, for errors. */
  readonly path?: string;
  /** Where these bytes begin in the outermost input. */
  readonly base?: number;
}

/** One element: its identifier octet, its content and the whole of it. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly raw: Uint8Array;
  /** Offset of the content in the outermost input, for a nested reader. */
  readonly offset: number;
}

const MAX_DEPTH = 24;

export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #base: number;
  readonly #path: string;
  /** What the containers are called that are being read; put together only when something is wrong in them. */
  readonly #steps: Step[] = [];
  #depth = 0;
  #at = 0;
  /** Where the container being read ends. */
  #end: number;
  // The element last opened: its identifier octet, its content and the element after it.
  #start = 0;
  #content = 0;
  #next = 0;

  constructor(bytes: Uint8Array, options: DerOptions = {}) {
    // A Buffer is turned into a plain view: its subarray() and slice() would hand out Buffers.
    this.#bytes =
      bytes.constructor === Uint8Array
        ? bytes
        : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
    this.#base = options.base ?? 0;
    this.#path = options.path ?? '';
  }

  /** The place being read, for a nested reader. */
  get path(): string {
    return renderPath(this.#path, this.#steps);
  }

  /** Where the next element begins, in the outermost input. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** True when every element has been read. */
  get done(): boolean {
    return this.#at === this.#end;
  }

  /** The identifier octet of the next element, or null at the end. */
  peek(): number | null {
    return this.#at < this.#end ? (this.#bytes[this.#at] as number) : null;
  }

  sequence<T>(read: (inner: DerReader) => T, name?: Step): T {
    return this.constructed(TAG.sequence, read, name);
  }

  /** A SET OF: its elements must be in ascending order of their encodings (X.690 section 11.6). */
  setOf<T>(read: (inner: DerReader, index: number) => T, name?: Step): readonly T[] {
    return this.constructed(
      TAG.set,
      (inner) => {
        const items: T[] = [];
        let previous = inner.#at;
        while (!inner.done) {
          const from = inner.#at;
          items.push(read(inner, items.length));
          if (items.length > 1 && inner.#compare(previous, from) > 0)
            inner.#failAt(from, 'DER_NOT_DISTINGUISHED', 'SET OF is not sorted');
          previous = from;
        }
        return Object.freeze(items);
      },
      name,
    );
  }

  /** A SEQUENCE OF with at most `max` items. */
  sequenceOf<T>(read: (inner: DerReader, index: number) => T, max: number, name?: Step): readonly T[] {
    return this.sequence((inner) => {
      const items: T[] = [];
      while (!inner.done) {
        if (items.length >= max) inner.#failAt(inner.#at, 'DER_VALUE_INVALID', `more than ${max} items`);
        items.push(read(inner, items.length));
      }
      return Object.freeze(items);
    }, name);
  }

  /** [n] EXPLICIT: a constructed context tag. */
  explicit<T>(n: number, read: (inner: DerReader) => T, name?: Step): T {
    return this.constructed(0xa0 | n, read, name);
  }

  /** [n] IMPLICIT of a primitive type: the content octets. */
  implicit(n: number): Uint8Array {
    return this.#primitive(0x80 | n);
  }

  /**
   * Any constructed element with this identifier octet. `read` gets this very reader, which until it returns sees the
   * content and nothing else: a reader for each container was a tenth of the time that a certificate takes (measured).
   */
  constructed<T>(tag: number, read: (inner: DerReader) => T, name?: Step): T {
    this.#open(tag);
    if (this.#depth === MAX_DEPTH) this.fail('DER_VALUE_INVALID', `nested more than ${MAX_DEPTH} deep`);
    const [start, end] = [this.#start, this.#end];
    this.#depth++;
    this.#start = this.#at = this.#content;
    this.#end = this.#next;
    if (name !== undefined) this.#steps.push(name);
    const value = read(this);
    this.end();
    if (name !== undefined) this.#steps.pop();
    this.#depth--;
    this.#start = start;
    this.#end = end;
    return value;
  }

  /** Reads when the next element has this identifier octet, else null. */
  optional<T>(tag: number, read: () => T): T | null {
    return this.peek() === tag ? read() : null;
  }

  /** Content octets of an INTEGER, two's complement, shortest form. */
  integerBytes(max = 512): Uint8Array {
    const content = this.#primitive(TAG.integer);
    if (content.length === 0) this.fail('DER_VALUE_INVALID', 'INTEGER without content');
    if (content.length > max) this.fail('DER_VALUE_INVALID', `INTEGER of more than ${max} octets`);
    // X.690 section 8.3.2: the first nine bits are not all equal.
    const first = content[0] as number;
    const second = content[1];
    if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
      this.fail('DER_NOT_DISTINGUISHED', 'INTEGER is not in its shortest form');
    return content;
  }

  integer(max = 512): bigint {
    const content = this.integerBytes(max);
    let value = 0n;
    for (const octet of content) value = (value << 8n) | BigInt(octet);
    return (content[0] as number) >= 0x80 ? value - (1n << BigInt(8 * content.length)) : value;
  }

  /** An INTEGER of 0..max, max at most 2^31-1. */
  unsigned(max: number): number {
    const content = this.integerBytes();
    let value = 0;
    for (const octet of content) value = value * 256 + octet;
    if ((content[0] as number) >= 0x80 || content.length > 5 || value > max)
      this.fail('DER_VALUE_INVALID', `INTEGER is not in 0..${max}`);
    return value;
  }

  /** Dotted decimal: `1.2.840.10045.4.3.3`. */
  oid(): string {
    this.#skip(TAG.oid);
    return (
      readOid(this.#bytes, this.#content, this.#next) ??
      this.fail('DER_VALUE_INVALID', 'not an object identifier')
    );
  }

  boolean(): boolean {
    const content = this.#primitive(TAG.boolean);
    if (content.length !== 1) this.fail('DER_VALUE_INVALID', 'BOOLEAN of another length than 1');
    if (content[0] !== 0 && content[0] !== 0xff)
      this.fail('DER_NOT_DISTINGUISHED', 'BOOLEAN is neither 00 nor FF');
    return content[0] === 0xff;
  }

  null(): void {
    if (this.#primitive(TAG.null).length > 0) this.fail('DER_VALUE_INVALID', 'NULL with content');
  }

  octetString(): Uint8Array {
    return this.#primitive(TAG.octetString);
  }

  /** A BIT STRING of whole octets. */
  bitString(): Uint8Array {
    const { unused, bytes } = this.bits();
    if (unused !== 0) this.fail('DER_VALUE_INVALID', 'BIT STRING is not whole octets');
    return bytes;
  }

  bits(): { readonly unused: number; readonly bytes: Uint8Array } {
    this.#skip(TAG.bitString);
    const [bytes, from, to] = [this.#bytes, this.#content, this.#next];
    const unused = from === to ? 8 : (bytes[from] as number);
    if (unused > 7 || (unused > 0 && to - from === 1))
      return this.fail('DER_VALUE_INVALID', 'BIT STRING with an impossible count of unused bits');
    if (((bytes[to - 1] as number) & ((1 << unused) - 1)) !== 0 && to - from > 1)
      this.fail('DER_NOT_DISTINGUISHED', 'unused bits are not zero');
    return { unused, bytes: bytes.subarray(from + 1, to) };
  }

  /**
   * Named bits, most significant first. DER leaves trailing zero bits out (X.690 section 11.2.2); `trailingZeros`
   * says whether that is demanded.
   */
  namedBits(max: number, trailingZeros: 'refused' | 'accepted'): readonly boolean[] {
    const { unused, bytes } = this.bits();
    const count = 8 * bytes.length - unused;
    if (count > max + 64) this.fail('DER_VALUE_INVALID', `more than ${max} named bits`);
    const bits: boolean[] = [];
    for (let i = 0; i < count; i++) bits.push((((bytes[i >> 3] as number) >> (7 - (i & 7))) & 1) === 1);
    if (count > 0 && bits[count - 1] !== true && trailingZeros === 'refused')
      this.fail('DER_NOT_DISTINGUISHED', 'trailing zero bits are spelled out');
    if (bits.lastIndexOf(true) >= max) this.fail('DER_VALUE_INVALID', `more than ${max} named bits`);
    return bits;
  }

  /** Any of the string types of DirectoryString and IA5String, as text. */
  text(): string {
    const tag = this.#skipAny();
    const read = STRINGS.get(tag);
    if (read === undefined) return this.fail('DER_TYPE', `expected a string, found tag ${hexTag(tag)}`);
    return (
      read(this.#bytes, this.#content, this.#next) ??
      this.fail('DER_VALUE_INVALID', 'character outside the string type')
    );
  }

  /** UTCTime for 1950..2049 and GeneralizedTime from 2050, in the one form of RFC 5280 section 4.1.2.5. */
  time(): Millis {
    const tag = this.#skipAny();
    if (tag !== TAG.utcTime && tag !== TAG.generalizedTime)
      this.fail('DER_TYPE', `expected a time, found tag ${hexTag(tag)}`);
    const at = readTime(this.#bytes, this.#content, this.#next, tag === TAG.utcTime);
    return typeof at === 'number' ? at : this.fail('DER_TIME_INVALID', at);
  }

  /** The next element, whatever it is. */
  any(): DerElement {
    const tag = this.#skipAny();
    return {
      tag,
      content: this.#bytes.subarray(this.#content, this.#next),
      raw: this.#bytes.subarray(this.#start, this.#next),
      offset: this.#base + this.#content,
    };
  }

  /** The exact bytes of the next element. */
  raw(): Uint8Array {
    this.#skipAny();
    return this.#bytes.subarray(this.#start, this.#next);
  }

  /** Runs `read` and returns with its value the exact bytes that it consumed. */
  withRaw<T>(read: (reader: DerReader) => T): { readonly raw: Uint8Array; readonly value: T } {
    const from = this.#at;
    const value = read(this);
    return { raw: this.#bytes.subarray(from, this.#at), value };
  }

  /** Throws DER_TRAILING unless every element has been read. */
  end(): void {
    if (this.#at !== this.#end)
      this.#failAt(this.#at, 'DER_TRAILING', `${this.#end - this.#at} bytes after the last element`);
  }

  /** Reports a fault of the element last read. */
  fail(code: Code, message: string): never {
    throw new ParseError(code, message, this.#base + this.#start, this.path);
  }

  #primitive(tag: number): Uint8Array {
    this.#skip(tag);
    return this.#bytes.subarray(this.#content, this.#next);
  }

  #skip(tag: number): void {
    this.#open(tag);
    this.#at = this.#next;
  }

  #skipAny(): number {
    const tag = this.peek();
    if (tag === null) return this.#failAt(this.#at, 'DER_TRUNCATED', 'ends where an element is expected');
    this.#skip(tag);
    return tag;
  }

  #open(wanted: number): void {
    const bytes = this.#bytes;
    const end = this.#end;
    const start = this.#at;
    this.#start = start;
    if (start >= end) this.#failAt(start, 'DER_TRUNCATED', 'ends where an element is expected');
    const tag = bytes[start] as number;
    if (tag !== wanted) this.fail('DER_TYPE', `expected tag ${hexTag(wanted)}, found ${hexTag(tag)}`);
    if ((tag & 31) === 31) this.fail('DER_VALUE_INVALID', 'tag number above 30');
    if (start + 1 >= end) this.fail('DER_TRUNCATED', 'ends inside an element');
    const first = bytes[start + 1] as number;
    let length = first;
    let content = start + 2;
    if (first >= 0x80) {
      const count = first & 0x7f;
      if (count === 0) this.fail('DER_NOT_DISTINGUISHED', 'indefinite length');
      if (count > 4) this.fail('DER_VALUE_INVALID', 'length of more than four octets');
      if (content + count > end) this.fail('DER_TRUNCATED', 'ends inside a length');
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[content + i] as number);
      content += count;
      if (length < 0x80 || length < 256 ** (count - 1))
        this.fail('DER_NOT_DISTINGUISHED', 'length is not in its shortest form');
    }
    if (length > end - content) this.fail('DER_TRUNCATED', `claims ${length} bytes, ${end - content} remain`);
    this.#content = content;
    this.#next = content + length;
  }

  /** Compares the encoding from `one` to `other` with that from `other` to where reading is now. */
  #compare(one: number, other: number): number {
    return compareBytes(this.#bytes.subarray(one, other), this.#bytes.subarray(other, this.#at));
  }

  #failAt(at: number, code: Code, message: string): never {
    this.#start = at;
    return this.fail(code, message);
  }
}

const STRINGS: ReadonlyMap<number, (bytes: Uint8Array, from: number, to: number) => string | null> = new Map([
  [TAG.utf8String, decodeUtf8],
  [TAG.bmpString, readBmp],
  [TAG.numericString, readNumeric],
  [TAG.printableString, readPrintable],
  // TeletexString is taken for its ASCII part only: its other characters have no agreed meaning.
  [TAG.teletexString, readVisible],
  [TAG.visibleString, readVisible],
  [TAG.ia5String, readIa5],
]);

function hexTag(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0')}`;
}
