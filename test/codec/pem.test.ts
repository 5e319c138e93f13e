import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Code, ParseError } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { formatPem, parsePem } from '../../src/codec/pem.ts';
import { vectors } from '../support/vectors.ts';

interface PemCase {
  readonly name: string;
  readonly text: string;
  readonly blocks?: readonly string[];
  readonly code?: Code;
}

describe('PEM', () => {
  for (const { name, text, blocks, code } of vectors<PemCase>('pem.json').cases) {
    it(name, () => {
      if (code !== undefined) expect(() => parsePem(text, 'CERTIFICATE')).toFailWith(code);
      else expect(parsePem(text, 'CERTIFICATE').map(toHex)).toEqual(blocks);
    });
  }

  it('writes what it reads, in lines of 64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        const text = formatPem('PUBLIC KEY', bytes);
        expect(parsePem(text, 'PUBLIC KEY')).toEqual([bytes]);
        for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(64);
      }),
    );
  });

  it('throws nothing but ParseError', () => {
    const part = fc.constantFrom(
      '-----BEGIN A-----',
      '-----END A-----',
      '-----BEGIN B-----',
      '-----END B-----',
      '\n',
      '\r\n',
      ' ',
      'AAAA',
      'AA==',
      '-',
      '=',
      'é',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
        try {
          parsePem(parts.join(''), 'A');
        } catch (error) {
          expect(error).toBeInstanceOf(ParseError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('takes time in proportion to hostile text', () => {
    const started = performance.now();
    for (const text of [
      '-----BEGIN '.repeat(100_000),
      ' \t'.repeat(500_000),
      `-----BEGIN A-----\n${'\n'.repeat(500_000)}`,
      '-----BEGIN A-----\n'.concat('A \t'.repeat(300_000)),
    ])
      expect(() => parsePem(text, 'A')).toFailWith('PEM_INVALID');
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});
