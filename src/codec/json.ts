/**
 * Strict JSON reader (RFC 8259 with the rules of I-JSON, RFC 7493): one text, one meaning for every reader.
 * Rejected: duplicate keys, half surrogate pairs, integers that a double cannot hold exactly, a byte order mark,
 * anything after the value. `__proto__` is a key like any other. Positions in errors are UTF-16 offsets.
 */
import { ParseError, type Code } from '../base/errors.ts';
import { readJsonText, utf8Length } from './json-text.ts';

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export type JsonObject = { readonly [key: string]: JsonValue };

export interface JsonLimits {
  /** UTF-8 bytes of the whole text. */
  readonly maxBytes: number;
  /** Arrays and objects within each other; a scalar is depth 0. */
  readonly maxDepth: number;
  /** What is being read, for errors. */
  readonly path?: string;
}

const MAX_SAFE_DIGITS = 15;
const MAX_INTEGER_LENGTH = 310;

/** Throws ParseError. Text or bytes of the same document give the same value. */
export function parseJson(input: string | Uint8Array, limits: JsonLimits): JsonValue {
  const cursor = new JsonCursor(readJsonText(input, limits), limits.maxDepth, limits.path ?? '');
  return cursor.document();
}

/** A value with the bytes of members of its outermost object. */
export interface JsonMembers {
  readonly value: JsonValue;
  /** By key, what the input has as the value of the member: a view, without the white space around it. */
  readonly slices: ReadonlyMap<string, Uint8Array>;
}

/**
 * For JSON of which a member is signed as it stands: the value and the bytes of the named members come from one pass,
 * so they cannot disagree. Throws ParseError as `parseJson` does.
 */
export function parseJsonMembers(
  input: Uint8Array,
  keys: readonly string[],
  limits: JsonLimits,
): JsonMembers {
  const text = readJsonText(input, limits);
  const cursor = new JsonCursor(text, limits.maxDepth, limits.path ?? '', keys);
  const value = cursor.document();
  // Text is indexed in UTF-16 units and bytes are not; of ASCII there are as many of both.
  const byteAt = (at: number): number => (text.length === input.length ? at : utf8Length(text.slice(0, at)));
  const slices = new Map<string, Uint8Array>();
  for (const [key, { from, to }] of cursor.spans) slices.set(key, input.subarray(byteAt(from), byteAt(to)));
  return { value, slices };
}

/** UTF-16 offsets of a value in the text. */
interface Span {
  readonly from: number;
  readonly to: number;
}

class JsonCursor {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #path: string;
  /** Members of the outermost object whose place is asked for, and where they were found. */
  readonly #keys: readonly string[];
  readonly spans: Map<string, Span> = new Map();
  #at = 0;

  constructor(text: string, maxDepth: number, path: string, keys: readonly string[] = []) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    this.#path = path;
    this.#keys = keys;
  }

  document(): JsonValue {
    const value = this.#value(this.#space(), 0);
    this.#space();
    if (this.#at !== this.#text.length) this.#fail('JSON_SYNTAX', 'text after the value');
    return value;
  }

  /** Skips white space and returns the next code unit, NaN at the end. */
  #space(): number {
    const text = this.#text;
    let code = text.charCodeAt(this.#at);
    if (code > 0x20) return code;
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09)
      code = text.charCodeAt(++this.#at);
    return code;
  }

  #value(code: number, depth: number): JsonValue {
    if (code === 0x22) return this.#string();
    if (code === 0x7b) return this.#object(depth + 1);
    if (code === 0x5b) return this.#array(depth + 1);
    if (code === 0x2d || (code >= 0x30 && code <= 0x39)) return this.#number(code);
    if (code === 0x74) return this.#word('true', true);
    if (code === 0x66) return this.#word('false', false);
    if (code === 0x6e) return this.#word('null', null);
    return this.#fail('JSON_SYNTAX', Number.isNaN(code) ? 'ends where a value is expected' : 'not a value');
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail('JSON_SYNTAX', 'not a value');
    this.#at += word.length;
    return value;
  }

  #object(depth: number): JsonValue {
    if (depth > this.#maxDepth) this.#fail('JSON_DEPTH', `nested more than ${this.#maxDepth} deep`);
    const out: Record<string, JsonValue> = {};
    const start = this.#at++;
    let count = 0;
    let code = this.#space();
    if (code === 0x7d) {
      this.#at++;
      return out;
    }
    for (;;) {
      if (code !== 0x22) this.#fail('JSON_SYNTAX', 'expected a key in quotes');
      const key = this.#string();
      if (this.#space() !== 0x3a) this.#fail('JSON_SYNTAX', 'expected a colon');
      this.#at++;
      const first = this.#space();
      const from = this.#at;
      const value = this.#value(first, depth);
      if (depth === 1 && this.#keys.includes(key)) this.spans.set(key, { from, to: this.#at });
      if (key === '__proto__') own(out, key, value);
      else out[key] = value;
      count++;
      code = this.#space();
      this.#at++;
      if (code === 0x7d) {
        // One count an object is free; a look-up for each key costs a third of the whole reader.
        if (count > 1 && Object.keys(out).length !== count) this.#duplicate(start, depth);
        return out;
      }
      if (code !== 0x2c) this.#unclosed('object');
      code = this.#space();
    }
  }

  /** Reads the object at `start` again, which is known to have a key twice, and reports where. */
  #duplicate(start: number, depth: number): never {
    const seen = new Set<string>();
    for (this.#at = start; ; ) {
      this.#at++;
      this.#space();
      const from = this.#at;
      const key = this.#string();
      if (seen.has(key)) {
        this.#at = from;
        return this.#fail('JSON_DUPLICATE_KEY', 'key given twice');
      }
      seen.add(key);
      this.#space();
      this.#at++;
      this.#value(this.#space(), depth);
      this.#space();
    }
  }

  #array(depth: number): JsonValue {
    if (depth > this.#maxDepth) this.#fail('JSON_DEPTH', `nested more than ${this.#maxDepth} deep`);
    const out: JsonValue[] = [];
    this.#at++;
    let code = this.#space();
    if (code === 0x5d) {
      this.#at++;
      return out;
    }
    for (;;) {
      out.push(this.#value(code, depth));
      code = this.#space();
      this.#at++;
      if (code === 0x5d) return out;
      if (code !== 0x2c) this.#unclosed('array');
      code = this.#space();
    }
  }

  #unclosed(what: string): never {
    this.#at--;
    return this.#fail('JSON_SYNTAX', `expected a comma or the end of the ${what}`);
  }

  #string(): string {
    const text = this.#text;
    const from = this.#at + 1;
    for (let at = from; ; at++) {
      const code = text.charCodeAt(at);
      if (code === 0x22) {
        this.#at = at + 1;
        return text.slice(from, at);
      }
      if (code === 0x5c) return this.#escaped(from, at);
      if (code >= 0xd800 && code <= 0xdfff) at = this.#pair(at, code);
      else if (!(code >= 0x20)) this.#unprintable(at, code);
    }
  }

  #escaped(from: number, firstEscape: number): string {
    const text = this.#text;
    let out = text.slice(from, firstEscape);
    let at = firstEscape;
    let copied = at;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 0x22) {
        this.#at = at + 1;
        return out + text.slice(copied, at);
      }
      if (code === 0x5c) {
        out += text.slice(copied, at);
        this.#at = at;
        out += this.#escape();
        at = this.#at;
        copied = at;
      } else if (code >= 0xd800 && code <= 0xdfff) at = this.#pair(at, code) + 1;
      else if (!(code >= 0x20)) this.#unprintable(at, code);
      else at++;
    }
  }

  /** Reads one escape at the cursor; an escaped high surrogate takes its low half with it. */
  #escape(): string {
    const at = this.#at;
    const letter = this.#text[at + 1];
    const plain = letter === undefined ? undefined : ESCAPES.get(letter);
    if (plain !== undefined) {
      this.#at = at + 2;
      return plain;
    }
    if (letter !== 'u') this.#fail('JSON_SYNTAX', 'unknown escape');
    const unit = this.#hex(at + 2);
    this.#at = at + 6;
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
    const low = unit < 0xdc00 && this.#text.startsWith('\\u', at + 6) ? this.#hex(at + 8) : 0;
    if (low < 0xdc00 || low > 0xdfff) {
      this.#at = at;
      this.#fail('JSON_TEXT_INVALID', 'half of a surrogate pair');
    }
    this.#at = at + 12;
    return String.fromCharCode(unit, low);
  }

  #hex(at: number): number {
    let value = 0;
    for (let i = at; i < at + 4; i++) {
      const code = this.#text.charCodeAt(i);
      const digit =
        code >= 0x30 && code <= 0x39
          ? code - 0x30
          : (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66)
            ? (code & 0xdf) - 55
            : -1;
      if (digit < 0) {
        this.#at = i;
        this.#fail('JSON_SYNTAX', 'expected four hexadecimal digits');
      }
      value = value * 16 + digit;
    }
    return value;
  }

  /** Checks the raw pair that begins at `at` and returns where its second half is. */
  #pair(at: number, high: number): number {
    const low = this.#text.charCodeAt(at + 1);
    if (high > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) {
      this.#at = at;
      this.#fail('JSON_TEXT_INVALID', 'half of a surrogate pair');
    }
    return at + 1;
  }

  #unprintable(at: number, code: number): never {
    this.#at = at;
    return this.#fail(
      'JSON_SYNTAX',
      Number.isNaN(code) ? 'ends inside a string' : 'control character in a string',
    );
  }

  #number(first: number): number {
    const text = this.#text;
    const from = this.#at;
    let at = first === 0x2d ? from + 1 : from;
    const digits = at;
    let code = text.charCodeAt(at);
    let value = 0;
    for (; code >= 0x30 && code <= 0x39; code = text.charCodeAt(++at)) value = value * 10 + (code - 0x30);
    this.#at = at;
    if (at === digits) this.#fail('JSON_SYNTAX', 'expected a digit');
    if (at - digits > 1 && text.charCodeAt(digits) === 0x30) {
      this.#at = digits;
      this.#fail('JSON_SYNTAX', 'leading zero');
    }
    if (code === 0x2e || code === 0x65 || code === 0x45) return this.#fraction(from, code);
    // Adding zero turns -0 into 0, which is how RFC 8785 writes it.
    if (at - digits <= MAX_SAFE_DIGITS) return (first === 0x2d ? -value : value) + 0;
    return this.#largeInteger(from, at);
  }

  /** An integer is what its digits say, so it must be exactly representable. */
  #largeInteger(from: number, at: number): number {
    const value =
      at - from > MAX_INTEGER_LENGTH ? Number.POSITIVE_INFINITY : Number(this.#text.slice(from, at));
    if (!Number.isFinite(value) || BigInt(value) !== BigInt(this.#text.slice(from, at))) {
      this.#at = from;
      this.#fail('JSON_NUMBER_UNSAFE', 'integer is not exactly representable');
    }
    return value;
  }

  /** A fraction or exponent says approximation: the nearest double, but neither infinity nor a vanished value. */
  #fraction(from: number, first: number): number {
    let code = first;
    if (code === 0x2e) {
      this.#at++;
      code = this.#digits();
    }
    if (code === 0x65 || code === 0x45) {
      const sign = this.#text.charCodeAt(++this.#at);
      if (sign === 0x2b || sign === 0x2d) this.#at++;
      this.#digits();
    }
    const literal = this.#text.slice(from, this.#at);
    const value = Number(literal);
    if (!Number.isFinite(value) || (value === 0 && !isZeroLiteral(literal))) {
      this.#at = from;
      this.#fail('JSON_NUMBER_UNSAFE', 'number is beyond the range of a double');
    }
    return value + 0;
  }

  #digits(): number {
    const text = this.#text;
    const from = this.#at;
    let code = text.charCodeAt(this.#at);
    while (code >= 0x30 && code <= 0x39) code = text.charCodeAt(++this.#at);
    if (this.#at === from) this.#fail('JSON_SYNTAX', 'expected a digit');
    return code;
  }

  #fail(code: Code, message: string): never {
    throw new ParseError(code, message, this.#at, this.#path);
  }
}

/** True when no digit before the exponent is other than zero. */
function isZeroLiteral(literal: string): boolean {
  for (const character of literal) {
    if (character === 'e' || character === 'E') return true;
    if (character >= '1' && character <= '9') return false;
  }
  return true;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

function own(target: Record<string, JsonValue>, key: string, value: JsonValue): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}
