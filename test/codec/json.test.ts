import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { type Code, ParseError } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { canonicalize, canonicalText } from '../../src/codec/jcs.ts';
import { type JsonValue, parseJson, parseJsonMembers } from '../../src/codec/json.ts';
import {
  jsonArray,
  jsonBool,
  jsonBytes,
  jsonObject,
  jsonText,
  jsonUint,
} from '../../src/codec/json-shape.ts';
import { vectors } from '../support/vectors.ts';

interface JsonCase {
  readonly name: string;
  readonly text: string;
  readonly code?: Code;
  readonly offset?: number;
}

const LIMITS = { maxBytes: 1_000_000, maxDepth: 8 };
const text = new TextDecoder();

function failure(run: () => unknown): { code: string; offset: number } {
  try {
    run();
  } catch (error) {
    if (error instanceof ParseError) return { code: error.code, offset: error.offset };
    throw error;
  }
  return { code: 'accepted', offset: 0 };
}

describe('parseJson', () => {
  for (const { name, text: input, code, offset } of vectors<JsonCase>('json-malformed.json').cases) {
    it(`refuses ${name}`, () => {
      expect(failure(() => parseJson(input, LIMITS))).toEqual({ code, offset });
      expect(failure(() => parseJson(utf8(input), LIMITS))).toEqual({ code, offset });
    });
  }

  for (const { name, text: input } of vectors<JsonCase>('json-accepted.json').cases) {
    it(`accepts ${name}`, () => {
      const expected: unknown = JSON.parse(input, (_, value: unknown) => (value === 0 ? 0 : value));
      expect(parseJson(input, LIMITS)).toEqual(expected);
      expect(parseJson(utf8(input), LIMITS)).toEqual(expected);
    });
  }

  it('refuses raw halves of pairs in text and bytes that are not UTF-8', () => {
    for (const half of ['"\ud800"', '"\udc00"', '"\ud800\ud800"', '"x\\n\ud800y"'])
      expect(() => parseJson(half, LIMITS)).toFailWith('JSON_TEXT_INVALID');
    for (const hex of ['22ff22', '22c0af22', '22eda08022', '22c3', '22f490808022'])
      expect(() => parseJson(fromHex(hex), LIMITS)).toFailWith('JSON_TEXT_INVALID');
  });

  it('limits the size in UTF-8 bytes, for text and bytes alike', () => {
    for (const [input, size] of [
      ['"abc"', 5],
      ['"é"', 4],
      ['"水"', 5],
      ['"😀"', 6],
    ] as const) {
      expect(utf8(input).length).toBe(size);
      for (const form of [input, utf8(input)]) {
        expect(parseJson(form, { maxBytes: size, maxDepth: 1 })).toBe(JSON.parse(input));
        expect(() => parseJson(form, { maxBytes: size - 1, maxDepth: 1 })).toFailWith('JSON_TOO_LARGE');
      }
    }
  });

  it('keeps __proto__ as an own key and leaves every prototype alone', () => {
    const value = parseJson('{"__proto__":{"polluted":true},"a":{"constructor":{"prototype":1}}}', LIMITS);
    expect(Object.keys(value as object)).toEqual(['__proto__', 'a']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect((value as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(canonicalText(value)).toContain('"__proto__":{"polluted":true}');
  });

  it('reads negative zero as zero', () => {
    for (const input of ['-0', '-0.0', '-0e1']) expect(Object.is(parseJson(input, LIMITS), 0)).toBe(true);
  });

  it('takes time in proportion to hostile input', () => {
    const started = performance.now();
    expect(() => parseJson('1'.repeat(900_000), LIMITS)).toFailWith('JSON_NUMBER_UNSAFE');
    parseJson(`[${'"\\ud83d\\ude00",'.repeat(60_000)}0]`, LIMITS);
    parseJson(`{${Array.from({ length: 60_000 }, (_, i) => `"k${i}":${i}`).join(',')}}`, LIMITS);
    expect(() => parseJson(`"${'\\n'.repeat(400_000)}`, LIMITS)).toFailWith('JSON_SYNTAX');
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('agrees with JSON.parse on what it accepts', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 7 }), (input) => {
        const value = parsed(input);
        if (value !== undefined)
          expect(value).toEqual(JSON.parse(input, (_, item: unknown) => (item === 0 ? 0 : item)));
      }),
      { numRuns: 500 },
    );
  });

  it('throws nothing but ParseError on any text, and accepts nothing that JSON.parse refuses', () => {
    const near = fc.string({
      unit: fc.constantFrom(...'{}[]",:\\u0123456789abdef-+.eEtrnlsx \n\ud800\udc00é'),
      maxLength: 24,
    });
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (input) => {
        if (parsed(input) !== undefined) expect(() => JSON.parse(input)).not.toThrow();
      }),
      { numRuns: 5000 },
    );
  });
});

function parsed(input: string): JsonValue | undefined {
  try {
    return parseJson(input, LIMITS);
  } catch (error) {
    expect(error).toBeInstanceOf(ParseError);
    return undefined;
  }
}

describe('parseJsonMembers', () => {
  const slices = (input: string, ...keys: readonly string[]): Record<string, string> => {
    const found = parseJsonMembers(utf8(input), keys, LIMITS);
    expect(found.value).toEqual(parseJson(input, LIMITS));
    return Object.fromEntries([...found.slices].map(([key, bytes]) => [key, text.decode(bytes)]));
  };

  it('yields the bytes of the members that are asked for, and of the outermost object alone', () => {
    expect(slices('{"a": {"b":1} ,"b":[ 2 ],"c":3}', 'a', 'b', 'x')).toEqual({ a: '{"b":1}', b: '[ 2 ]' });
    expect(slices('[{"a":1}]', 'a')).toEqual({});
    expect(slices('"a"', 'a')).toEqual({});
    expect(slices('{"a":1}')).toEqual({});
    expect(slices('{"__proto__":{"a":1},"\\u0061":true}', '__proto__', 'a')).toEqual({
      ['__proto__']: '{"a":1}',
      a: 'true',
    });
  });

  it('counts bytes, not units of text', () => {
    expect(slices('{"é":"水","a":"😀é","b":0}', 'a', 'b', 'é')).toEqual({ é: '"水"', a: '"😀é"', b: '0' });
  });

  it('takes time in proportion to the text, however many members it has', () => {
    const many = Array.from({ length: 60_000 }, (_, i) => `"é${i}":${i}`).join(',');
    const started = performance.now();
    expect(slices(`{${many},"a":1}`, 'a')).toEqual({ a: '1' });
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('canonicalize', () => {
  for (const { bits, text: expected } of vectors<{ bits: string; text: string | null }>(
    'jcs-rfc8785-numbers.json',
  ).cases) {
    it(`number ${bits}`, () => {
      const value = new DataView(fromHex(bits).buffer).getFloat64(0);
      if (expected === null) expect(() => canonicalize(value)).toFailWith('JCS_VALUE_INVALID');
      else expect(canonicalText(value)).toBe(expected);
    });
  }

  for (const { name, text: input, hex } of vectors<{ name: string; text: string; hex: string }>(
    'jcs-rfc8785-examples.json',
  ).cases) {
    it(`RFC 8785 ${name}`, () => {
      expect(toHex(canonicalize(parseJson(input, LIMITS)))).toBe(hex);
    });
  }

  it('refuses what JSON cannot hold', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const hostile = [
      undefined,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      1n,
      () => 1,
      Symbol('s'),
      new Date(0),
      new Map(),
      new Uint8Array(1),
      '\ud800',
      { '\udc00': 1 },
      { a: undefined },
      [undefined],
      cycle,
      Object.create({ inherited: 1 }),
    ];
    for (const value of hostile)
      expect(() => canonicalize(value as JsonValue)).toFailWith('JCS_VALUE_INVALID');
    // A hole is not a value.
    expect(() => canonicalize(Array.from({ length: 1 }) as JsonValue[])).toFailWith('JCS_VALUE_INVALID');
  });

  it('can run inside itself, and after a failure', () => {
    const nested = {
      b: 1,
      get a() {
        return text.decode(canonicalize({ z: 'inner', y: [1] }));
      },
    };
    expect(canonicalText(nested as unknown as JsonValue)).toBe(
      '{"a":"{\\"y\\":[1],\\"z\\":\\"inner\\"}","b":1}',
    );
    expect(() => canonicalize(['x'.repeat(10_000), Number.NaN])).toFailWith('JCS_VALUE_INVALID');
    expect(canonicalText(['x'.repeat(200_000), 'é'])).toBe(`["${'x'.repeat(200_000)}","é"]`);
    expect(canonicalText([1])).toBe('[1]');
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${39 - i}`, i]));
    expect(canonicalText(many)).toBe(
      JSON.stringify(Object.fromEntries(Object.entries(many).toSorted(([a], [b]) => (a < b ? -1 : 1)))),
    );
  });

  it('ignores toJSON: it is a key like any other', () => {
    expect(canonicalText({ toJSON: 'x' })).toBe('{"toJSON":"x"}');
    expect(() => canonicalize({ toJSON: () => 1 } as unknown as JsonValue)).toFailWith('JCS_VALUE_INVALID');
  });

  it('is a fixed point, independent of the order of keys, and escapes as JSON.stringify does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        let first: string;
        try {
          first = canonicalText(value as JsonValue);
        } catch {
          return; // half a surrogate pair
        }
        expect(canonicalText(JSON.parse(first) as JsonValue)).toBe(first);
        expect(canonicalText(reversed(value as JsonValue))).toBe(first);
        expect(text.decode(canonicalize(value as JsonValue))).toBe(first);
        if (typeof value === 'string') expect(first).toBe(JSON.stringify(value));
      }),
      { numRuns: 500 },
    );
  });
});

function reversed(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const pairs = Object.entries(value).toReversed();
  return Object.fromEntries(pairs.map(([key, item]) => [key, reversed(item as JsonValue)]));
}

describe('json shapes', () => {
  const good = { name: 'x', count: 3, flag: true, data: 'AQI=', items: [1] };
  it('reads known keys and names the field of an error', () => {
    const object = jsonObject(good, 'file', ['name', 'count', 'flag', 'data'], ['items', 'extra']);
    expect(jsonText(object, 'name', 'file')).toBe('x');
    expect(jsonUint(object, 'count', 'file', 3)).toBe(3);
    expect(jsonBool(object, 'flag', 'file')).toBe(true);
    expect(jsonBytes(object, 'data', 'file', 2)).toEqual(Uint8Array.of(1, 2));
    expect(jsonArray(object, 'items', 'file', 1, (item, path) => [item, path])).toEqual([
      [1, 'file.items[0]'],
    ]);
  });

  it('refuses unknown, missing, inherited and mistyped keys', () => {
    expect(() => jsonObject([], 'file', [])).toFailWith('JSON_SHAPE');
    expect(() => jsonObject(null, 'file', [])).toFailWith('JSON_SHAPE');
    expect(() => jsonObject({ a: 1 }, 'file', [])).toFailWith('JSON_SHAPE');
    expect(() => jsonObject({}, 'file', ['a'])).toFailWith('JSON_SHAPE');
    expect(() => jsonObject({}, 'file', ['toString'])).toFailWith('JSON_SHAPE');
    const broken = [
      () => jsonText(good, 'count', 'file'),
      () => jsonText(good, 'toString', 'file'),
      () => jsonText(good, 'name', 'file', { min: 2 }),
      () => jsonText(good, 'name', 'file', { max: 0 }),
      () => jsonUint(good, 'name', 'file'),
      () => jsonUint(good, 'count', 'file', 2),
      () => jsonUint({ count: -1 }, 'count', 'file'),
      () => jsonUint({ count: 0.5 }, 'count', 'file'),
      () => jsonBool(good, 'count', 'file'),
      () => jsonBytes(good, 'count', 'file'),
      () => jsonBytes(good, 'data', 'file', 3),
      () => jsonBytes(good, 'data', 'file', { max: 1 }),
      () => jsonArray(good, 'name', 'file', 1, () => 1),
      () => jsonArray(good, 'items', 'file', 0, () => 1),
    ];
    for (const read of broken) expect(read).toFailWith('JSON_SHAPE');
    expect(() => jsonBytes({ data: 'AQI' }, 'data', 'file')).toFailWith('BASE64_INVALID');
  });
});
