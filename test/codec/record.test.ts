import { decode as cborgDecode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Code, ParseError } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { decodeCbor } from '../../src/codec/cbor.ts';
import {
  bool,
  bytes,
  dict,
  emptyIsAbsent,
  field,
  list,
  oneOf,
  optional,
  record,
  type RecordOf,
  text,
  uint,
} from '../../src/codec/cbor-record.ts';

const Inner = record('inner', { name: field(1, text({ max: 8 })), amount: field(2, uint(100)) });
const Sample = record('sample', {
  count: field(1, uint()),
  title: field(2, text({ min: 1, max: 5 })),
  digest: field(3, bytes(2)),
  maybe: field(4, optional(bytes({ max: 3 }))),
  flag: field(5, bool()),
  kind: field(6, oneOf('allow', 'deny')),
  items: field(7, emptyIsAbsent(list(Inner, { max: 2 }), [])),
  extras: field(24, emptyIsAbsent(dict(uint(), { max: 3 }), {})),
});
type Sample = RecordOf<typeof Sample>;

const SMALL: Sample = {
  count: 1,
  title: 'a',
  digest: Uint8Array.of(1, 2),
  maybe: null,
  flag: true,
  kind: 'deny',
  items: [],
  extras: {},
};
const SMALL_HEX = 'a5 0101 026161 03420102 05f5 066464656e79'.replaceAll(' ', '');
const FULL: Sample = {
  ...SMALL,
  maybe: new Uint8Array(0),
  items: [{ name: 'x', amount: 100 }],
  extras: { b: 1, aa: 2, __proto__x: 3 },
};

function failure(hex: string): { code: string; path: string } {
  try {
    Sample.decode(fromHex(hex));
  } catch (error) {
    if (error instanceof ParseError) return { code: error.code, path: error.path };
    throw error;
  }
  return { code: 'accepted', path: '' };
}

describe('records', () => {
  it('have the one deterministic encoding, in which absent fields are left out', () => {
    expect(toHex(Sample.encode(SMALL))).toBe(SMALL_HEX);
    expect(Sample.decode(fromHex(SMALL_HEX))).toEqual(SMALL);
    const back = Sample.decode(Sample.encode(FULL));
    expect(back).toEqual(FULL);
    expect(decodeCbor(Sample.encode(FULL), { deterministic: true })).toBeInstanceOf(Map);
    expect(cborgDecode(Sample.encode(FULL), { useMaps: true, strict: true })).toBeInstanceOf(Map);
    expect(
      Object.isFrozen(back) &&
        Object.isFrozen(back.items) &&
        Object.isFrozen(back.items[0]) &&
        Object.isFrozen(back.extras),
    ).toBe(true);
  });

  it('sort the keys of a dictionary by their encodings and keep hostile ones', () => {
    const extras: Record<string, number> = Object.create(null);
    extras['__proto__'] = 1;
    extras['b'] = 2;
    extras['é'] = 3;
    const back = Sample.decode(Sample.encode({ ...SMALL, extras }));
    expect(Object.keys(back.extras)).toEqual(['b', 'é', '__proto__']);
    expect(back.extras['__proto__']).toBe(1);
    expect(back.extras['toString']).toBeUndefined();
  });

  const malformed: readonly (readonly [string, Code, string, string])[] = [
    ['missing key', 'RECORD_KEY_MISSING', 'a4 026161 03420102 05f5 066464656e79', 'sample.count'],
    ['missing last key', 'RECORD_KEY_MISSING', 'a4 0101 026161 03420102 05f5', 'sample.kind'],
    ['empty map', 'RECORD_KEY_MISSING', 'a0', 'sample.count'],
    [
      'unknown key at the end',
      'RECORD_KEY_UNKNOWN',
      'a6 0101 026161 03420102 05f5 066464656e79 181900',
      'sample',
    ],
    [
      'unknown key at the beginning',
      'RECORD_KEY_UNKNOWN',
      'a6 0000 0101 026161 03420102 05f5 066464656e79',
      'sample',
    ],
    ['unknown key between', 'RECORD_KEY_UNKNOWN', 'a6 0101 026161 03420102 05f5 066464656e79 0800', 'sample'],
    [
      'required key after a later one',
      'RECORD_KEY_MISSING',
      'a5 026161 0101 03420102 05f5 066464656e79',
      'sample.count',
    ],
    [
      'required last key before another',
      'RECORD_KEY_MISSING',
      'a5 0101 026161 03420102 066464656e79 05f5',
      'sample.flag',
    ],
    [
      'optional key after a later one',
      'CBOR_NOT_DETERMINISTIC',
      'a6 0101 026161 03420102 05f5 04420102 066464656e79',
      'sample',
    ],
    ['key twice', 'CBOR_DUPLICATE_KEY', 'a6 0101 0101 026161 03420102 05f5 066464656e79', 'sample'],
    [
      'null for an absent field',
      'CBOR_TYPE',
      'a6 0101 026161 03420102 04f6 05f5 066464656e79',
      'sample.maybe',
    ],
    [
      'empty list spelled out',
      'RECORD_EMPTY_PRESENT',
      'a6 0101 026161 03420102 05f5 066464656e79 0780',
      'sample.items',
    ],
    [
      'empty dictionary spelled out',
      'RECORD_EMPTY_PRESENT',
      'a6 0101 026161 03420102 05f5 066464656e79 1818a0',
      'sample.extras',
    ],
    ['indefinite map', 'CBOR_NOT_DETERMINISTIC', 'bf 0101 026161 03420102 05f5 066464656e79 ff', 'sample'],
    [
      'indefinite list',
      'CBOR_NOT_DETERMINISTIC',
      'a6 0101 026161 03420102 05f5 066464656e79 079fa2016178020aff',
      'sample.items',
    ],
    ['array for the map', 'CBOR_TYPE', '85 0101', 'sample'],
    ['text key', 'CBOR_TYPE', 'a5 616101 026161 03420102 05f5 066464656e79', 'sample'],
    ['negative key', 'CBOR_TYPE', 'a5 2001 026161 03420102 05f5 066464656e79', 'sample'],
    ['key not minimal', 'CBOR_NOT_MINIMAL', 'a5 180101 026161 03420102 05f5 066464656e79', 'sample'],
    ['short digest', 'CBOR_OUT_OF_RANGE', 'a5 0101 026161 034101 05f5 066464656e79', 'sample.digest'],
    ['empty title', 'CBOR_OUT_OF_RANGE', 'a5 0101 0260 03420102 05f5 066464656e79', 'sample.title'],
    ['word outside the set', 'CBOR_OUT_OF_RANGE', 'a5 0101 026161 03420102 05f5 066464656e78', 'sample.kind'],
    [
      'number above the limit, nested',
      'CBOR_OUT_OF_RANGE',
      'a6 0101 026161 03420102 05f5 066464656e79 0781a2016178021865',
      'sample.items[0].amount',
    ],
    [
      'unknown key, nested',
      'RECORD_KEY_UNKNOWN',
      'a6 0101 026161 03420102 05f5 066464656e79 0781a30161780201 0300',
      'sample.items[0].amount',
    ],
    [
      'three items of two',
      'CBOR_OUT_OF_RANGE',
      'a6 0101 026161 03420102 05f5 066464656e79 0783a0a0a0',
      'sample.items',
    ],
    [
      'unsorted dictionary',
      'CBOR_NOT_DETERMINISTIC',
      'a6 0101 026161 03420102 05f5 066464656e79 1818a2616200616100',
      'sample.extras.b',
    ],
    [
      'integer key in a dictionary',
      'CBOR_TYPE',
      'a6 0101 026161 03420102 05f5 066464656e79 1818a10000',
      'sample.extras[0]',
    ],
    [
      'empty key in a dictionary',
      'CBOR_TYPE',
      'a6 0101 026161 03420102 05f5 066464656e79 1818a16000',
      'sample.extras',
    ],
    ['trailing byte', 'CBOR_TRAILING', `${SMALL_HEX}00`, 'sample'],
    [
      'integer above 2^53',
      'CBOR_OUT_OF_RANGE',
      'a5 011b0020000000000000 026161 03420102 05f5 066464656e79',
      'sample.count',
    ],
    ['count beyond the bytes', 'CBOR_TRUNCATED', 'ba ffffffff 0101', 'sample'],
  ];
  for (const [name, code, hex, path] of malformed)
    it(`refuse ${name}: ${code}`, () => {
      expect(failure(hex.replaceAll(' ', ''))).toMatchObject({ code });
      expect(failure(hex.replaceAll(' ', '')).path.startsWith(path.split('[')[0] as string)).toBe(true);
    });

  it('refuse to encode a value that does not fit, naming the field', () => {
    const broken: readonly (readonly [Partial<Record<keyof Sample, unknown>>, string])[] = [
      [{ count: -1 }, 'sample.count: not an integer'],
      [{ count: 0.5 }, 'sample.count'],
      [{ count: 2 ** 53 }, 'sample.count'],
      [{ count: '1' }, 'sample.count'],
      [{ count: 1n }, 'sample.count'],
      [{ count: undefined }, 'sample.count'],
      [{ title: '' }, 'sample.title: 0 bytes'],
      [{ title: 'éée' }, 'sample.title: ok'],
      [{ title: 'ééé' }, 'sample.title: 6 bytes'],
      [{ title: 7 }, 'sample.title: not text'],
      [{ digest: Uint8Array.of(1) }, 'sample.digest: 1 bytes, allowed are 2'],
      [{ digest: [1, 2] }, 'sample.digest: not bytes'],
      [{ maybe: undefined }, 'sample.maybe: not bytes'],
      [{ maybe: new Uint8Array(4) }, 'sample.maybe'],
      [{ flag: 1 }, 'sample.flag: not a boolean'],
      [{ kind: 'warn' }, 'sample.kind: not one of allow, deny'],
      [{ items: 'x' }, 'sample.items: not a list'],
      [{ items: [{ name: 'x', amount: 101 }] }, 'sample.items.amount: not an integer of 0..100'],
      [{ items: [null] }, 'sample.items: not a record'],
      [{ items: [1, 2, 3] }, 'sample.items: 3 items'],
      [{ extras: { a: 1, b: 2, c: 3, d: 4 } }, 'sample.extras: 4 items'],
      [{ extras: { '': 1 } }, 'sample.extras: 0 bytes'],
      [{ extras: 7 }, 'sample.extras: not a dictionary'],
    ];
    for (const [part, message] of broken) {
      const encode = (): Uint8Array => Sample.encode({ ...SMALL, ...part } as Sample);
      if (message.endsWith('ok')) {
        expect(Sample.decode(encode()).title).toBe('éée');
        continue;
      }
      expect(encode, message).toFailWith('RECORD_VALUE_INVALID');
      expect(encode).toThrow(message);
    }
    expect(() => Sample.encode({ ...SMALL, title: '\ud800' })).toFailWith('CBOR_VALUE_INVALID');
    expect(() => Sample.encode(null as unknown as Sample)).toFailWith('RECORD_VALUE_INVALID');
    // A failed encoding leaves nothing behind in the shared buffer.
    expect(toHex(Sample.encode(SMALL))).toBe(SMALL_HEX);
  });

  it('can encode while another record is being encoded', () => {
    const sneaky = {
      ...SMALL,
      get title() {
        return toHex(Inner.encode({ name: 'q', amount: 1 })).slice(0, 2);
      },
    };
    expect(Sample.decode(Sample.encode(sneaky)).title).toBe('a2');
  });

  it('hand out bytes that later encodings do not change', () => {
    const first = Sample.encode(SMALL);
    Sample.encode({ ...SMALL, count: 99 });
    expect(toHex(first)).toBe(SMALL_HEX);
  });

  it('cannot be defined with a key twice', () => {
    expect(() => record('broken', { a: field(1, uint()), b: field(1, uint()) })).toFailWith('INTERNAL');
    expect(() => record('broken', { a: field(-1, uint()) })).toFailWith('INTERNAL');
  });

  it('have a table that the type checker holds to their interface', () => {
    interface Pair {
      readonly a: number;
      readonly b: string | null;
    }
    const tables = [
      () => record<Pair>('pair', { a: field(1, uint()), b: field(2, optional(text())) }),
      // @ts-expect-error a field without a row
      () => record<Pair>('pair', { a: field(1, uint()) }),
      // @ts-expect-error a row of another type
      () => record<Pair>('pair', { a: field(1, text()), b: field(2, optional(text())) }),
      // @ts-expect-error a row that cannot be null
      () => record<Pair>('pair', { a: field(1, uint()), b: field(2, text()) }),
      // @ts-expect-error a row without a field
      () => record<Pair>('pair', { a: field(1, uint()), b: field(2, optional(text())), c: field(3, uint()) }),
    ];
    expect(tables.length).toBe(5);
  });

  it('list their keys', () => {
    expect(Sample.keys.map(([name, key]) => `${key} ${name}`)).toContain('24 extras');
  });

  const sample: fc.Arbitrary<Sample> = fc.record({
    count: fc.maxSafeNat(),
    title: fc.string({ minLength: 1, maxLength: 5 }),
    digest: fc.uint8Array({ minLength: 2, maxLength: 2 }),
    maybe: fc.option(fc.uint8Array({ maxLength: 3 })),
    flag: fc.boolean(),
    kind: fc.constantFrom('allow', 'deny'),
    items: fc.array(fc.record({ name: fc.string({ maxLength: 8 }), amount: fc.nat({ max: 100 }) }), {
      maxLength: 2,
    }),
    extras: fc.dictionary(fc.string({ minLength: 1, unit: 'grapheme', maxLength: 40 }), fc.maxSafeNat(), {
      maxKeys: 3,
    }),
  });

  it('decode(encode(x)) is x, deterministic for every reader', () => {
    fc.assert(
      fc.property(sample, (value) => {
        const encoded = Sample.encode(value);
        const back = Sample.decode(encoded);
        expect(back).toEqual(value);
        expect(Sample.encode(back)).toEqual(encoded);
        decodeCbor(encoded, { deterministic: true });
        expect(() =>
          cborgDecode(encoded, { useMaps: true, strict: true, rejectDuplicateMapKeys: true }),
        ).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });

  it('whatever decodes encodes to the same bytes', () => {
    const part = fc.constantFrom(
      '0101',
      '026161',
      '03420102',
      '0441ff',
      '05f5',
      '066464656e79',
      '0781a2016178020a',
      '1818a1616100',
      '00',
      'f6',
      '0780',
    );
    fc.assert(
      fc.property(fc.integer({ min: 0xa0, max: 0xaa }), fc.array(part, { maxLength: 9 }), (head, parts) => {
        const input = fromHex(head.toString(16) + parts.join(''));
        let value: Sample;
        try {
          value = Sample.decode(input);
        } catch (error) {
          expect(error).toBeInstanceOf(ParseError);
          return;
        }
        expect(Sample.encode(value)).toEqual(input);
      }),
      { numRuns: 5000 },
    );
  });
});
