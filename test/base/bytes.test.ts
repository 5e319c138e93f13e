import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, concat, equalBytes, isZero, u16be, u32be, u64be } from '../../src/base/bytes.ts';
import { formatTime } from '../../src/base/clock.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';

describe('hex', () => {
  it('reads both cases and writes lower case, as Buffer does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'));
        expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
  });

  it('refuses odd lengths, foreign characters, spaces and prefixes', () => {
    for (const text of ['0', 'abc', '0x00', 'zz', ' 00 ', '00\n', '-1', '1e+5', '\uff10\uff10'])
      expect(() => fromHex(text), text).toFailWith('HEX_INVALID');
  });
});

describe('bytes', () => {
  it('compare as Buffer.compare does and join in order', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ maxLength: 8 }), (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(concat(a, b)).toEqual(Uint8Array.from([...a, ...b]));
        expect(isZero(a)).toBe(a.every((byte) => byte === 0));
      }),
    );
  });

  it('write integers big-endian', () => {
    expect(toHex(u16be(0x1234))).toBe('1234');
    expect(toHex(u32be(0xfedcba98))).toBe('fedcba98');
    expect(toHex(u64be(2 ** 53 - 1))).toBe('001fffffffffffff');
    expect(toHex(u64be(2n ** 64n - 1n))).toBe('ffffffffffffffff');
  });
});

describe('formatTime', () => {
  it('leaves out milliseconds that are zero', () => {
    expect(formatTime(Date.UTC(2026, 10, 20))).toBe('2026-11-20T00:00:00Z');
    expect(formatTime(Date.UTC(2026, 10, 20) + 5)).toBe('2026-11-20T00:00:00.005Z');
  });
});
