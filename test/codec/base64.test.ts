import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { fromBase64, toBase64 } from '../../src/codec/base64.ts';
import { vectors } from '../support/vectors.ts';

describe('base64', () => {
  for (const { name, hex, text, code } of vectors<{ name: string; hex?: string; text: string; code?: Code }>(
    'base64.json',
  ).cases) {
    it(name, () => {
      if (code !== undefined) expect(() => fromBase64(text)).toFailWith(code);
      else {
        expect(toHex(fromBase64(text))).toBe(hex);
        expect(toBase64(fromHex(hex as string))).toBe(text);
      }
    });
  }

  it('is what Buffer writes, there and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const text = toBase64(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64'));
        expect(fromBase64(text)).toEqual(bytes);
      }),
    );
  });

  it('accepts one text for each byte string: an accepted text is what toBase64 writes', () => {
    const near = fc.string({ unit: fc.constantFrom(...'ABZabz09+/=-_ \n'), maxLength: 12 });
    fc.assert(
      fc.property(near, (text) => {
        let bytes: Uint8Array;
        try {
          bytes = fromBase64(text);
        } catch {
          expect(() => fromBase64(text)).toFailWith('BASE64_INVALID');
          return;
        }
        expect(toBase64(bytes)).toBe(text);
      }),
      { numRuns: 3000 },
    );
  });
});
