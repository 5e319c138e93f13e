/** The strict reader of protobuf messages, and a writer that refuses what it could not read back. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Code, ParseError } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { type MessageName, messageCodec } from '../../src/rpc/messages.ts';

interface Malformed {
  readonly what: string;
  readonly message: MessageName;
  readonly hex: string;
  readonly code: Code;
  readonly offset?: number;
}

const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, 'malformed-messages.json'), 'utf8'),
) as readonly Malformed[];

const caught = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('the reader', () => {
  for (const { what, message, hex, code, offset } of cases) {
    it(`refuses ${what}`, () => {
      const bytes = fromHex(hex.replaceAll(' ', ''));
      for (const decode of [messageCodec(message).decode, messageCodec(message).decodeView]) {
        const error = caught(() => decode(bytes));
        expect(error).toBeInstanceOf(ParseError);
        expect(error).toMatchObject({ code });
        if (offset !== undefined) expect(error).toMatchObject({ offset });
      }
    });
  }

  it('says which field is wrong', () => {
    const error = caught(() => messageCodec('Checkpoint').decode(fromHex('12032201ff')));
    expect(error).toMatchObject({ path: 'Attestation.challengeIndex', code: 'MESSAGE_INVALID' });
  });

  it('takes fields in any order, and the defaults written out', () => {
    const { decode } = messageCodec('AttestRequest');
    expect(decode(fromHex('10010a0107'))).toEqual({ challenge: Uint8Array.of(7), fresh: true });
    expect(decode(fromHex('0a001000'))).toEqual({ challenge: new Uint8Array(0), fresh: false });
    expect(decode(new Uint8Array(0))).toEqual({ challenge: new Uint8Array(0), fresh: false });
  });

  it('tells an absent optional from zero', () => {
    const { decode, encode } = messageCodec('GetSealRequest');
    const challenge = new Uint8Array(0);
    expect(decode(new Uint8Array(0)).number).toBe(null);
    expect(decode(fromHex('0800')).number).toBe(0);
    expect(toHex(encode({ number: 0, challenge }))).toBe('0800');
    expect(toHex(encode({ number: null, challenge }))).toBe('');
  });

  it('ends in an integer that goes on and on', () => {
    const endless = fromHex(`08${'80'.repeat(200)}01`);
    expect(() => messageCodec('GetReceiptRequest').decode(endless)).toFailWith('MESSAGE_INVALID');
  });

  it('holds 2^53-1 and no more', () => {
    const { decode, encode } = messageCodec('GetReceiptRequest');
    const most = { index: Number.MAX_SAFE_INTEGER };
    expect(toHex(encode(most))).toBe('08ffffffffffffff0f');
    expect(decode(encode(most))).toEqual(most);
  });

  it('holds negative numbers of the envelope', () => {
    const { decode, encode } = messageCodec('Status');
    for (const code of [-1, -0x8000_0000, 0x7fff_ffff]) {
      const status = { code, message: '', details: [] };
      expect(decode(encode(status))).toEqual(status);
    }
    const request = { service: '', method: '', payload: new Uint8Array(0), metadata: [] };
    for (const timeoutNano of [-1, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]) {
      const codec = messageCodec('Request');
      expect(codec.decode(codec.encode({ ...request, timeoutNano })).timeoutNano).toBe(timeoutNano);
    }
  });

  it('bounds repeated fields', () => {
    const { decode } = messageCodec('DecideRequest');
    const label = fromHex('4a00');
    const labels = (count: number): Uint8Array =>
      new Uint8Array(Array.from({ length: count }, () => [...label]).flat());
    expect(decode(labels(64)).labels).toHaveLength(64);
    expect(() => decode(labels(65))).toFailWith('MESSAGE_INVALID');
  });

  it('keeps a byte order mark, which is text', () => {
    expect(messageCodec('ReadRequest').decode(fromHex('0a03efbbbf')).path).toBe('\ufeff');
  });

  it('copies what it keeps, and views when asked to', () => {
    const bytes = fromHex('0a020708');
    const copy = messageCodec('AttestRequest').decode(bytes).challenge;
    const view = messageCodec('AttestRequest').decodeView(bytes).challenge;
    bytes[2] = 99;
    expect([...copy]).toEqual([7, 8]);
    expect([...view]).toEqual([99, 8]);
    expect(copy.buffer.byteLength).toBe(2);
  });

  it('throws nothing but ParseError, and reads back what it took', () => {
    const names: readonly MessageName[] = [
      'DecideRequest',
      'DecideResponse',
      'Attestation',
      'StatusResponse',
      'Request',
      'Response',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 64 }), (name, bytes) => {
        const codec = messageCodec(name);
        const value = caught(() => codec.decode(bytes));
        if (value instanceof Error) expect(value).toBeInstanceOf(ParseError);
        else expect(codec.decode(codec.encode(value as never))).toEqual(value);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the writer', () => {
  const encode = (name: MessageName, value: unknown) => () => messageCodec(name).encode(value as never);
  const receipt = { leaf: new Uint8Array(0), index: 0, proof: [], checkpoint: '' };

  it('refuses what does not fit its field', () => {
    const wrong: readonly (readonly [MessageName, unknown])[] = [
      ['GetReceiptRequest', { index: -1 }],
      ['GetReceiptRequest', { index: 2 ** 53 }],
      ['GetReceiptRequest', { index: 1.5 }],
      ['GetReceiptRequest', { index: 'one' }],
      ['GetReceiptRequest', {}],
      ['ReadRequest', { path: '\ud800', offset: 0 }],
      ['ReadRequest', { path: undefined, offset: 0 }],
      ['AttestRequest', { challenge: 'text', fresh: false }],
      ['AttestRequest', { challenge: new Uint8Array(0), fresh: 1 }],
      ['GetSealRequest', { challenge: new Uint8Array(0) }],
      ['LoadPolicyResponse', { receipt: null, version: 0 }],
      ['LoadPolicyResponse', { version: 0 }],
      ['LoadPolicyResponse', { receipt: { ...receipt, proof: null }, version: 0 }],
      [
        'LoadPolicyResponse',
        { receipt: { ...receipt, proof: Array.from({ length: 65 }, () => new Uint8Array(0)) }, version: 0 },
      ],
      ['Status', { code: 2 ** 31, message: '', details: [] }],
    ];
    for (const [name, value] of wrong) expect(encode(name, value)).toFailWith('MESSAGE_VALUE_INVALID');
  });

  it('writes an empty nested message, which must be there', () => {
    expect(toHex(encode('LoadPolicyResponse', { receipt, version: 0 })())).toBe('0a00');
  });
});
