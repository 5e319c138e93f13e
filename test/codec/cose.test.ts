import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { decodeCbor } from '../../src/codec/cbor.ts';
import {
  COSE_ALG,
  encodeCoseSign1,
  parseCoseSign1,
  protectedHeader,
  sigStructure,
} from '../../src/codec/cose.ts';
import { corpusBytes, manifest, missing } from '../support/corpus.ts';

const LIMITS = { path: 'document', maxPayload: 8, signature: 4 };
const parse = (hex: string) => parseCoseSign1(fromHex(hex), LIMITS);
const GOOD = '8444a1013822a0420102440a0b0c0d';

describe('COSE_Sign1', () => {
  it('reads the bytes received, tagged or not', () => {
    for (const [hex, shift] of [
      [GOOD, 0],
      [`d2${GOOD}`, 1],
    ] as const) {
      const sign1 = parse(hex);
      expect(sign1.alg).toBe(COSE_ALG.ES384);
      expect(toHex(sign1.protectedBytes)).toBe('a1013822');
      expect(toHex(sign1.payload)).toBe('0102');
      expect(toHex(sign1.signature)).toBe('0a0b0c0d');
      expect(sign1.tagged).toBe(shift === 1);
      expect(sign1.offsets).toEqual({ protected: 2 + shift, payload: 8 + shift, signature: 11 + shift });
    }
    // An array and a map of indefinite length are legal CBOR and change no signed byte.
    expect(parse('9f44a1013822bfff420102440a0b0c0dff').alg).toBe(COSE_ALG.ES384);
  });

  it('builds the Sig_structure of RFC 9052 section 4.4', () => {
    expect(toHex(sigStructure(parse(GOOD)))).toBe('846a5369676e61747572653144a101382240420102');
    expect(decodeCbor(sigStructure(parse(GOOD), fromHex('ee')))).toEqual([
      'Signature1',
      fromHex('a1013822'),
      fromHex('ee'),
      fromHex('0102'),
    ]);
  });

  it('is written as it is read', () => {
    const bytes = encodeCoseSign1(protectedHeader(COSE_ALG.ES384), fromHex('0102'), fromHex('0a0b0c0d'));
    expect(toHex(bytes)).toBe(GOOD);
    expect(toHex(protectedHeader(COSE_ALG.EdDSA))).toBe('a10127');
  });

  const faults: readonly (readonly [string, Code, string])[] = [
    ['another tag', 'COSE_INVALID', `d1${GOOD}`],
    ['tag 18 twice', 'CBOR_TYPE', `d2d2${GOOD}`],
    ['tag 18 not minimal', 'CBOR_NOT_MINIMAL', `d812${GOOD}`],
    ['three elements', 'COSE_INVALID', '8344a1013822a0420102'],
    ['no elements', 'COSE_INVALID', '80'],
    ['five elements', 'CBOR_OUT_OF_RANGE', `85${GOOD.slice(2)}00`],
    ['a map', 'CBOR_TYPE', 'a0'],
    ['unprotected kid', 'COSE_INVALID', '8444a1013822a10441aa420102440a0b0c0d'],
    ['unprotected alg', 'COSE_INVALID', '8444a1013822a10126420102440a0b0c0d'],
    ['unprotected null', 'CBOR_TYPE', '8444a1013822f6420102440a0b0c0d'],
    ['empty protected header', 'CBOR_OUT_OF_RANGE', '8440a0420102440a0b0c0d'],
    ['protected header without alg', 'COSE_INVALID', '8441a0a0420102440a0b0c0d'],
    ['protected header with more than alg', 'COSE_INVALID', '8447a20138220441aaa0420102440a0b0c0d'],
    ['alg twice', 'CBOR_DUPLICATE_KEY', '8447a20138220138'.concat('22a0420102440a0b0c0d')],
    ['alg as text', 'CBOR_TYPE', '8444a1016141a0420102440a0b0c0d'],
    ['bytes after the protected map', 'CBOR_TRAILING', '8445a101382200a0420102440a0b0c0d'],
    ['protected map of indefinite length', 'CBOR_NOT_DETERMINISTIC', '8445bf013822ffa0420102440a0b0c0d'],
    ['protected header that is a map itself', 'CBOR_TYPE', '84a1013822a0420102440a0b0c0d'],
    ['protected header of 65 bytes', 'CBOR_OUT_OF_RANGE', `845841${'00'.repeat(65)}a0420102440a0b0c0d`],
    ['detached payload', 'CBOR_TYPE', '8444a1013822a0f6440a0b0c0d'],
    ['empty payload', 'CBOR_OUT_OF_RANGE', '8444a1013822a040440a0b0c0d'],
    ['payload above the limit', 'CBOR_OUT_OF_RANGE', '8444a1013822a049010203040506070809440a0b0c0d'],
    ['chunked payload', 'CBOR_UNSUPPORTED', '8444a1013822a05f420102ff440a0b0c0d'],
    ['short signature', 'CBOR_OUT_OF_RANGE', '8444a1013822a0420102430a0b0c'],
    ['long signature', 'CBOR_OUT_OF_RANGE', '8444a1013822a0420102450a0b0c0d0e'],
    ['trailing byte', 'CBOR_TRAILING', `${GOOD}00`],
    ['empty', 'CBOR_TRUNCATED', ''],
  ];
  for (const [name, code, hex] of faults)
    it(`refuses ${name}: ${code}`, () => {
      expect(() => parse(hex)).toFailWith(code);
    });

  it('takes a range of signature sizes when given one', () => {
    const sign1 = parseCoseSign1(fromHex(GOOD), { maxPayload: 2, signature: { min: 1, max: 96 } });
    expect(sign1.signature.length).toBe(4);
  });

  const entries = manifest('nitro').filter((entry) => entry.kind === 'attestation-document');
  if (entries.length === 0) it.skip(missing('COSE_Sign1 of nitro documents', 20), () => undefined);
  for (const { file } of entries)
    it(`reads ${file}`, () => {
      const bytes = corpusBytes('nitro', file);
      const read = () => parseCoseSign1(bytes, { maxPayload: 16_384, signature: 96 });
      if (file === 'docs/blocky-selfsigned.cbor') {
        // Its unprotected header is null, which is not COSE.
        expect(read).toFailWith('CBOR_TYPE');
        return;
      }
      const { alg, offsets, payload, tagged } = read();
      expect([alg, tagged]).toEqual([COSE_ALG.ES384, false]);
      expect(bytes.subarray(offsets.payload, offsets.payload + payload.length)).toEqual(payload);
    });
});
