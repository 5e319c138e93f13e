import { decode as cborgDecode } from 'cborg';
import { Decoder } from 'cbor-x';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ParseError } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { CborReader, type CborValue, decodeCbor } from '../../src/codec/cbor.ts';
import { encodeCbor } from '../../src/codec/cbor-encode.ts';
import { corpusBytes, manifest, missing } from '../support/corpus.ts';
import { plain, plainCborX, plainCborg, tagsIn } from '../support/second-opinions.ts';
import { cborFromJson, vectors } from '../support/vectors.ts';

interface AppendixCase {
  readonly hex: string;
  readonly value?: unknown;
  readonly code?: 'CBOR_UNSUPPORTED';
  readonly indefinite?: boolean;
}

interface MalformedCase {
  readonly name: string;
  readonly hex: string;
  readonly code: string;
  readonly offset: number;
}

function failure(run: () => unknown): { code: string; offset: number } | null {
  try {
    run();
    return null;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return { code: error.code, offset: error.offset };
  }
}

describe('RFC 8949 appendix A', () => {
  for (const { hex, value, code, indefinite } of vectors<AppendixCase>('cbor-rfc8949-appendix-a.json')
    .cases) {
    it(hex, () => {
      const bytes = fromHex(hex);
      if (code !== undefined) {
        expect(() => decodeCbor(bytes)).toFailWith(code);
        return;
      }
      expect(decodeCbor(bytes)).toEqual(cborFromJson(value));
      if (indefinite === true)
        expect(() => decodeCbor(bytes, { deterministic: true })).toFailWith('CBOR_NOT_DETERMINISTIC');
      else expect(toHex(encodeCbor(cborFromJson(value)))).toBe(hex);
    });
  }
});

describe('malformed input', () => {
  for (const { name, hex, code, offset } of vectors<MalformedCase>('cbor-malformed.json').cases) {
    it(name, () => {
      expect(failure(() => decodeCbor(fromHex(hex)))).toEqual({ code, offset });
      expect(failure(() => new CborReader(fromHex(hex)).skip())?.code ?? 'CBOR_TRAILING').toBe(code);
    });
  }
  for (const { name, hex, code, offset } of vectors<MalformedCase>('cbor-not-deterministic.json').cases) {
    it(`deterministic: ${name}`, () => {
      expect(failure(() => decodeCbor(fromHex(hex), { deterministic: true }))).toEqual({ code, offset });
    });
  }
});

describe('the cursor', () => {
  it('names the place of an error, in the outermost input', () => {
    const inner = encodeCbor(new Map([['pcrs', new Map([[4, 'not bytes']])]]));
    const reader = new CborReader(inner, { path: 'document.payload', base: 100 });
    const read = (): unknown => reader.map(() => reader.map(() => reader.bytes()));
    expect(failure(read)).toEqual({ code: 'CBOR_TYPE', offset: 108 });
    expect(reader.path).toBe('document.payload.pcrs[4]');
  });

  it('keeps control characters of a hostile key out of messages', () => {
    const reader = new CborReader(encodeCbor(new Map([['\u001b[2J\n', 1]])));
    expect(failure(() => reader.map(() => reader.text()))?.code).toBe('CBOR_TYPE');
    expect(reader.path).toBe('["?[2J?"]');
  });

  it('checks limits of strings, counts and integers', () => {
    const read = (hex: string): CborReader => new CborReader(fromHex(hex));
    expect(() => read('4100').bytes({ min: 2 })).toFailWith('CBOR_OUT_OF_RANGE');
    expect(() => read('4100').bytes({ max: 0 })).toFailWith('CBOR_OUT_OF_RANGE');
    expect(() => read('6161').text({ min: 2 })).toFailWith('CBOR_OUT_OF_RANGE');
    expect(() => read('8101').array(() => undefined, { min: 2 })).toFailWith('CBOR_OUT_OF_RANGE');
    expect(() => read('820101').array(() => undefined, { max: 1 })).toFailWith('CBOR_OUT_OF_RANGE');
    const endless = read('9f0101ff');
    expect(() => endless.array(() => endless.skip(), { max: 1 })).toFailWith('CBOR_OUT_OF_RANGE');
    expect(() => read('1818').uint(23)).toFailWith('CBOR_OUT_OF_RANGE');
    expect(() => read('1b0020000000000000').uint()).toFailWith('CBOR_OUT_OF_RANGE');
    expect(() => read('3b001fffffffffffff').int()).toFailWith('CBOR_OUT_OF_RANGE');
    expect(read('1bffffffffffffffff').uint64()).toBe(0xffffffffffffffffn);
    expect(read('3b001ffffffffffffe').int()).toBe(-Number.MAX_SAFE_INTEGER);
    expect(read('1b001fffffffffffff').uint()).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('does not mistake one type for another', () => {
    const types = ['uint', 'int', 'bytes', 'text', 'bool', 'tag'] as const;
    const samples = {
      uint: '01',
      int: '20',
      bytes: '40',
      text: '60',
      bool: 'f5',
      tag: 'c0',
      null: 'f6',
      array: '80',
      map: 'a0',
    };
    for (const type of types)
      for (const [name, hex] of Object.entries(samples)) {
        if (name === type || (type === 'int' && name === 'uint')) continue;
        expect(() => new CborReader(fromHex(hex))[type](), `${type} of ${name}`).toFailWith('CBOR_TYPE');
      }
    expect(() => new CborReader(fromHex('a0')).array(() => undefined)).toFailWith('CBOR_TYPE');
    expect(() => new CborReader(fromHex('80')).map(() => undefined)).toFailWith('CBOR_TYPE');
  });

  it('keeps a leading byte order mark of text', () => {
    expect(decodeCbor(fromHex('63efbbbf'))).toBe('\ufeff');
    const long = '\ufeff'.padEnd(40, 'x');
    expect(decodeCbor(encodeCbor(long))).toBe(long);
  });

  it('hands out plain views of a Buffer', () => {
    const value = decodeCbor(Buffer.from('4101', 'hex')) as Uint8Array;
    expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype);
  });

  it('returns the exact bytes of an item', () => {
    const reader = new CborReader(fromHex('82bf0102ff41aa'));
    const raw: string[] = [];
    reader.array(() => raw.push(toHex(reader.raw())));
    expect(raw).toEqual(['bf0102ff', '41aa']);
    reader.end();
  });

  it('takes __proto__ as a key like any other', () => {
    expect(decodeCbor(encodeCbor(new Map([['__proto__', 1]])))).toEqual(new Map([['__proto__', 1]]));
  });
});

describe('the encoder', () => {
  it('refuses what has no single encoding', () => {
    for (const value of [
      0.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2 ** 53,
      2n ** 64n,
      -(2n ** 64n) - 1n,
      '\ud800',
      `${'x'.repeat(200)}\udc00`,
    ])
      expect(() => encodeCbor(value)).toFailWith('CBOR_VALUE_INVALID');
    for (const value of [
      undefined,
      new Date(0),
      () => 1,
      Symbol('x'),
      new Map([[{}, 1]]),
      new Map([[1n, 1]]),
      { tag: -1, value: 0 },
    ])
      expect(() => encodeCbor(value as unknown as CborValue)).toFailWith('CBOR_VALUE_INVALID');
    let deep: CborValue = 0;
    for (let i = 0; i < 20; i++) deep = [deep];
    expect(() => encodeCbor(deep)).toFailWith('CBOR_VALUE_INVALID');
  });

  it('sorts keys by their encodings and can keep the order of insertion', () => {
    const map = new Map<string | number, CborValue>([
      ['b', 1],
      ['aa', 2],
      [-1, 3],
      [10, 4],
      [100, 5],
      ['a', 6],
    ]);
    const keys = [...(decodeCbor(encodeCbor(map)) as Map<string | number, CborValue>).keys()];
    // RFC 8949 section 4.2.1, its own example without the types that are not used here.
    expect(keys).toEqual([10, 100, -1, 'a', 'b', 'aa']);
    const kept = [
      ...(decodeCbor(encodeCbor(map, { order: 'insertion' })) as Map<string | number, CborValue>).keys(),
    ];
    expect(kept).toEqual(['b', 'aa', -1, 10, 100, 'a']);
  });
});

const leafValue: fc.Arbitrary<CborValue> = fc.oneof(
  fc.maxSafeInteger().map((n) => n + 0),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
  fc.boolean(),
  fc.constant(null),
);

const cborValue: fc.Arbitrary<CborValue> = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leafValue,
    fc.array(tie('value'), { maxLength: 30 }),
    fc
      .array(fc.tuple(fc.oneof(fc.string(), fc.maxSafeInteger()), tie('value')), { maxLength: 30 })
      .map((pairs) => new Map(pairs)),
    fc.record({ tag: fc.nat(), value: tie('value') }),
  ),
})).value;

function agree(bytes: Uint8Array, value: CborValue): void {
  const tags = tagsIn(value);
  expect(plainCborg(bytes, tags)).toEqual(plain(value));
  if (tags.length === 0) expect(plainCborX(bytes)).toEqual(plain(value));
}

describe('properties', () => {
  it('decode(encode(x)) is x, also when determinism is demanded, and two other decoders agree', () => {
    fc.assert(
      fc.property(cborValue, (value) => {
        let bytes: Uint8Array;
        try {
          bytes = encodeCbor(value);
        } catch {
          return; // deeper than 16
        }
        const back = decodeCbor(bytes, { deterministic: true });
        expect(back).toEqual(value);
        expect(encodeCbor(back)).toEqual(bytes);
        agree(bytes, back);
      }),
      { numRuns: 300 },
    );
  });

  it('random bytes give a value or a ParseError, and what is accepted others decode alike', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        let value: CborValue;
        try {
          value = decodeCbor(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ParseError);
          return;
        }
        agree(bytes, value);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('genuine Nitro documents', () => {
  const documents = manifest('nitro').filter(
    (entry) => entry.file.startsWith('docs/') && entry.file.endsWith('.cbor'),
  );
  if (documents.length === 0) it.skip(missing('cbor of nitro documents', 20), () => undefined);
  for (const { file } of documents) {
    it(file, () => {
      const bytes = corpusBytes('nitro', file);
      const sign1 = decodeCbor(bytes) as readonly CborValue[];
      const payload = sign1[2] as Uint8Array;
      const value = decodeCbor(payload);
      expect(plain(value)).toEqual(plainCborX(payload));
      expect(plain(value)).toEqual(plainCborg(payload));
      expect(() => cborgDecode(bytes)).not.toThrow();
      expect(() => new Decoder({ mapsAsObjects: false }).decode(bytes)).not.toThrow();
      // Genuine payloads are not sorted, so demanding determinism refuses every one.
      expect(() => decodeCbor(payload, { deterministic: true })).toFailWith('CBOR_NOT_DETERMINISTIC');
    });
  }
});
