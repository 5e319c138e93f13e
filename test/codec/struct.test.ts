import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/base/hex.ts';
import { struct, type StructRow } from '../../src/codec/struct.ts';

const LAYOUT = struct('sample', 24, [
  ['kind', 'u8', 0, 1],
  ['small', 'u16be', 1, 2],
  ['smallLe', 'u16le', 3, 2],
  ['medium', 'u32be', 5, 4],
  ['reserved', 'bytes', 9, 3, 'mustBeZero'],
  ['large', 'u64le', 12, 8],
  ['tail', 'bytes', 20, 4],
]);
const GOOD = '01 0203 0405 06070809 000000 ffffffffffffffff aabbccdd'.replaceAll(' ', '');

describe('fixed layouts', () => {
  it('are read by their table', () => {
    const value = LAYOUT.read(fromHex(GOOD));
    expect(value).toEqual({
      kind: 1,
      small: 0x0203,
      smallLe: 0x0504,
      medium: 0x06070809,
      large: 0xffffffffffffffffn,
      tail: fromHex('aabbccdd'),
    });
    expect(Object.isFrozen(value)).toBe(true);
  });

  it('have exactly their size', () => {
    for (const hex of ['', GOOD.slice(2), `${GOOD}00`])
      expect(() => LAYOUT.read(fromHex(hex))).toFailWith('STRUCT_LENGTH');
  });

  it('have zeros where they must, each byte of them', () => {
    for (const at of [9, 10, 11]) {
      const bytes = fromHex(GOOD);
      bytes[at] = 1;
      try {
        LAYOUT.read(bytes, { path: 'report', base: 100 });
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: 'STRUCT_NOT_ZERO', offset: 100 + at, path: 'report.reserved' });
      }
    }
  });

  it('read from a view inside a larger buffer', () => {
    const outer = new Uint8Array(64);
    outer.set(fromHex(GOOD), 7);
    expect(LAYOUT.read(outer.subarray(7, 31)).medium).toBe(0x06070809);
  });

  it('cannot be defined with a gap, an overlap, a wrong width or a wrong size', () => {
    const tables: readonly (readonly StructRow[])[] = [
      [
        ['a', 'u8', 1, 1],
        ['b', 'u8', 2, 2],
      ],
      [
        ['a', 'u16be', 0, 2],
        ['b', 'u16be', 1, 2],
      ],
      [['a', 'u32le', 0, 2]],
      [['a', 'u8', 0, 1]],
      [['a', 'bytes', 0, 0]],
    ];
    for (const table of tables) expect(() => struct('broken', 3, table)).toFailWith('INTERNAL');
  });
});
