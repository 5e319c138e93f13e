import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTime } from '../../src/base/clock.ts';
import { ParseError } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { DerReader } from '../../src/codec/der.ts';
import {
  derBitString,
  derBoolean,
  derExplicit,
  derImplicit,
  derNamedBits,
  derNull,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSetOf,
  derTime,
  derUnsigned,
  derUtf8String,
  ecdsaP1363ToDer,
} from '../../src/codec/der-write.ts';
import { ecdsaDerToP1363 } from '../../src/codec/x509.ts';
import { vectors } from '../support/vectors.ts';

const READ = {
  integer: (reader: DerReader) => `${reader.integer()}`,
  octets: (reader: DerReader) => toHex(reader.octetString()),
  boolean: (reader: DerReader) => reader.boolean(),
  null: (reader: DerReader) => reader.null() ?? null,
  oid: (reader: DerReader) => reader.oid(),
  bits: (reader: DerReader) => toHex(reader.bitString()),
  named: (reader: DerReader) => reader.namedBits(9, 'refused'),
  text: (reader: DerReader) => reader.text(),
  time: (reader: DerReader) => formatTime(reader.time()),
  set: (reader: DerReader) => reader.setOf((inner) => `${inner.integer()}`),
  any: (reader: DerReader) => toHex(reader.raw()),
} as const;

interface DerCase {
  readonly name: string;
  readonly read: keyof typeof READ;
  readonly hex: string;
  readonly value?: unknown;
  readonly code?: string;
  readonly offset?: number;
}

function whole<T>(bytes: Uint8Array, read: (reader: DerReader) => T): T {
  const reader = new DerReader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}

describe('DER elements', () => {
  for (const { name, read, hex, value, code, offset } of vectors<DerCase>('der.json').cases) {
    it(`${read}: ${name}`, () => {
      let got: unknown;
      try {
        got = { value: whole<unknown>(fromHex(hex), READ[read]) };
      } catch (error) {
        if (!(error instanceof ParseError)) throw error;
        got = { code: error.code, offset: error.offset };
      }
      expect(got).toEqual(code === undefined ? { value } : { code, offset });
    });
  }

  it('names the place of an error in the outermost input', () => {
    const der = derSequence(derSequence(derBoolean(true), derOctetString(Uint8Array.of(1))));
    const reader = new DerReader(der, { path: 'certificate', base: 1000 });
    const read = (): unknown =>
      reader.sequence((outer) => outer.sequence((inner) => [inner.boolean(), inner.oid()], 'inner'));
    try {
      read();
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'DER_TYPE', offset: 1007, path: 'certificate.inner' });
    }
  });

  it('demands that a container is read to its end and holds what is read', () => {
    const two = derSequence(derNull(), derNull());
    expect(() => whole(two, (reader) => reader.sequence((inner) => inner.null()))).toFailWith('DER_TRAILING');
    expect(() =>
      whole(derSequence(derNull()), (reader) => reader.sequence((inner) => [inner.null(), inner.null()])),
    ).toFailWith('DER_TRUNCATED');
    // The inner element claims bytes that lie outside its container but inside the input.
    expect(() =>
      whole(fromHex('300404040500ffff'), (reader) => reader.sequence((inner) => inner.octetString())),
    ).toFailWith('DER_TRUNCATED');
  });

  it('bounds counts, nesting, sizes and small integers', () => {
    const items = derSequence(derNull(), derNull(), derNull());
    expect(() => whole(items, (reader) => reader.sequenceOf((inner) => inner.null(), 2))).toFailWith(
      'DER_VALUE_INVALID',
    );
    let deep = derNull();
    for (let i = 0; i < 40; i++) deep = derSequence(deep);
    const descend = (reader: DerReader): unknown =>
      reader.peek() === 0x30 ? reader.sequence(descend) : reader.null();
    expect(() => whole(deep, descend)).toFailWith('DER_VALUE_INVALID');
    expect(() => whole(derUnsigned(256), (reader) => reader.unsigned(255))).toFailWith('DER_VALUE_INVALID');
    expect(() => whole(fromHex('0201ff'), (reader) => reader.unsigned(255))).toFailWith('DER_VALUE_INVALID');
    // A path length whose octets would wrap a 32-bit integer to 1.
    expect(() => whole(fromHex('02050100000001'), (reader) => reader.unsigned(255))).toFailWith(
      'DER_VALUE_INVALID',
    );
    expect(() => whole(fromHex('0209010000000000000001'), (reader) => reader.unsigned(255))).toFailWith(
      'DER_VALUE_INVALID',
    );
    expect(() => whole(derUnsigned(2n ** 64n), (reader) => reader.integer(8))).toFailWith(
      'DER_VALUE_INVALID',
    );
  });
});

describe('the DER writer', () => {
  it('writes what the reader takes', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 300n }),
        fc.uint8Array({ maxLength: 300 }),
        fc.string(),
        (n, bytes, text) => {
          fc.pre(text.isWellFormed());
          expect(whole(derUnsigned(n), (reader) => reader.integer())).toBe(n);
          expect(whole(derOctetString(bytes), (reader) => reader.octetString())).toEqual(bytes);
          expect(whole(derBitString(bytes), (reader) => reader.bitString())).toEqual(bytes);
          expect(whole(derUtf8String(text), (reader) => reader.text())).toBe(text);
          expect(whole(derImplicit(3, bytes), (reader) => reader.implicit(3))).toEqual(bytes);
          expect(
            whole(derExplicit(2, derNull()), (reader) => reader.explicit(2, (inner) => inner.null())),
          ).toBeUndefined();
          const set = derSetOf(derUtf8String(text), derOctetString(bytes), derNull());
          expect(whole(set, (reader) => reader.setOf((inner) => inner.raw())).length).toBe(3);
        },
      ),
    );
  });

  it('writes object identifiers and times that read back', () => {
    const arc = fc.bigInt({ min: 0n, max: 2n ** 128n });
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 2),
        fc.nat({ max: 39 }),
        fc.array(arc, { maxLength: 3 }),
        (first, second, rest) => {
          const dotted = [first, second, ...rest].join('.');
          expect(whole(derOid(dotted), (reader) => reader.oid())).toBe(dotted);
        },
      ),
    );
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(1950, 0), max: Date.UTC(9999, 11) }), (at) => {
        const second = Math.floor(at / 1000) * 1000;
        expect(whole(derTime(second), (reader) => reader.time())).toBe(second);
      }),
    );
    for (const dotted of ['', '1', '3.1', '1.40', '1.2.x', '1.2.-1', '1..2', '01.2'])
      expect(() => derOid(dotted)).toFailWith('DER_VALUE_INVALID');
    for (const at of [Date.UTC(1949, 11), Date.UTC(10_000, 0), Number.NaN])
      expect(() => derTime(at)).toFailWith('DER_TIME_INVALID');
    expect(() => derUnsigned(-1)).toFailWith('DER_VALUE_INVALID');
    expect(() => derPrintableString('a@b')).toFailWith('DER_VALUE_INVALID');
    expect(whole(derNamedBits(0, 5, 6), (reader) => reader.namedBits(9, 'refused'))).toEqual([
      true,
      false,
      false,
      false,
      false,
      true,
      true,
    ]);
  });
});

describe('ECDSA signatures', () => {
  it('go from r ‖ s to DER and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 96, maxLength: 96 }), (p1363) => {
        fc.pre(p1363.subarray(0, 48).some(Boolean) && p1363.subarray(48).some(Boolean));
        expect(ecdsaDerToP1363(ecdsaP1363ToDer(p1363), 48)).toEqual(p1363);
      }),
    );
  });

  const cases: readonly (readonly [string, string])[] = [
    ['r is zero', '3006020100020101'],
    ['s is zero', '3006020101020100'],
    ['r is negative', '30060201ff020101'],
    ['s is negative', '3006020101020180'],
    ['r is not in its shortest form', '300702020001020101'],
    ['a third integer', '3009020101020101020101'],
    ['one integer', '3003020101'],
    ['trailing byte', '300602010102010100'],
    ['trailing byte inside', '30070201010201010'.padEnd(18, '0')],
    ['r longer than the curve', `3036${'0231'}01${'00'.repeat(48)}020101`],
    ['r of 200 octets', `3081cf0281c8${'01'.repeat(200)}020101`],
    ['long form of a short length', '308106020101020101'],
    ['indefinite length', '30800201010201010000'],
    ['a set', '3106020101020101'],
    ['an octet string inside', '3006040101020101'],
    ['empty', ''],
    ['cut', '300602010102'],
  ];
  for (const [name, hex] of cases)
    it(`are refused when ${name}`, () => {
      expect(() => ecdsaDerToP1363(fromHex(hex), 48)).toFailWith('SIGNATURE_MALFORMED');
    });

  it('may have r of 49 octets with its sign octet, and any s up to the size of the curve', () => {
    const r = `0231 00${'ff'.repeat(48)}`.replace(' ', '');
    const p1363 = ecdsaDerToP1363(fromHex(`3036${r}020101`), 48);
    expect(toHex(p1363)).toBe(`${'ff'.repeat(48)}${'00'.repeat(47)}01`);
  });
});

describe('lengths of several octets', () => {
  it('have no leading zero', () => {
    const content = new Uint8Array(0x80).fill(1);
    const read = (...head: number[]): Uint8Array =>
      new DerReader(Uint8Array.from([0x04, ...head, ...content])).octetString();
    expect(read(0x81, 0x80)).toEqual(content);
    expect(() => read(0x82, 0, 0x80)).toFailWith('DER_NOT_DISTINGUISHED');
    expect(() => read(0x84, 0, 0, 0, 0x80)).toFailWith('DER_NOT_DISTINGUISHED');
  });
});
