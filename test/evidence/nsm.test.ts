import fc from 'fast-check';
import { decode as cborgDecode, encode as cborgEncode } from 'cborg';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { toHex, fromHex } from '../../src/base/hex.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import {
  decodeNsmRequest,
  decodeNsmResponse,
  encodeNsmRequest,
  encodeNsmResponse,
  type NsmRequest,
  type NsmResponse,
} from '../../src/evidence/nsm.ts';
import { extendPcr, PCR_SIZE } from '../../src/image/pcr.ts';
import { CORPUS, corpusText, missing } from '../support/corpus.ts';
import malformed from '../vectors/nsm-malformed.json' with { type: 'json' };

const REQUESTS: Readonly<Record<string, NsmRequest>> = {
  DescribeNSM: { kind: 'DescribeNSM' },
  GetRandom: { kind: 'GetRandom' },
  'DescribePCR index 0': { kind: 'DescribePCR', index: 0 },
  'ExtendPCR index 16 data aabb': { kind: 'ExtendPCR', index: 16, data: Uint8Array.of(0xaa, 0xbb) },
  'LockPCR index 16': { kind: 'LockPCR', index: 16 },
  'LockPCRs range 32': { kind: 'LockPCRs', range: 32 },
  'Attestation all null': { kind: 'Attestation', userData: null, nonce: null, publicKey: null },
  'Attestation nonce 32 B': {
    kind: 'Attestation',
    userData: null,
    nonce: Uint8Array.from({ length: 32 }, (_, i) => i),
    publicKey: null,
  },
};

const RESPONSES: Readonly<Record<string, NsmResponse>> = {
  LockPCR: { kind: 'LockPCR' },
  LockPCRs: { kind: 'LockPCRs' },
  'Error InvalidIndex': { kind: 'Error', code: 'InvalidIndex' },
  DescribePCR: { kind: 'DescribePCR', lock: true, data: new Uint8Array(48) },
  ExtendPCR: { kind: 'ExtendPCR', data: nodeCrypto.sha384(new Uint8Array(48), Uint8Array.of(0xaa, 0xbb)) },
  'GetRandom 256 B': { kind: 'GetRandom', random: new Uint8Array(256) },
  'DescribeNSM (boot state)': {
    kind: 'DescribeNSM',
    versionMajor: 1,
    versionMinor: 0,
    versionPatch: 0,
    moduleId: 'i-1234-enc5678',
    maxPcrs: 32,
    lockedPcrs: Array.from({ length: 16 }, (_, i) => i),
    digest: 'SHA384',
  },
  Attestation: { kind: 'Attestation', document: Uint8Array.of(0x84) },
};

interface Vectors {
  readonly requests: readonly { name: string; hex: string }[];
  readonly responses: readonly { name: string; hex: string }[];
  readonly pcr_extend: readonly {
    desc: string;
    initial: string;
    data_utf8?: string;
    data_hex?: string;
    result: string;
  }[];
}

describe('NSM messages', () => {
  it.skipIf(CORPUS === null)('encode and decode every published vector byte for byte', () => {
    const vectors = JSON.parse(corpusText('nitro', 'nsm/vectors.json')) as Vectors;
    expect(vectors.requests.map((v) => v.name).sort()).toEqual(Object.keys(REQUESTS).sort());
    for (const { name, hex } of vectors.requests) {
      expect(toHex(encodeNsmRequest(REQUESTS[name] as NsmRequest)), name).toBe(hex);
      expect(decodeNsmRequest(fromHex(hex)), name).toEqual(REQUESTS[name]);
    }
    expect(vectors.responses.map((v) => v.name).sort()).toEqual(Object.keys(RESPONSES).sort());
    for (const { name, hex } of vectors.responses) {
      expect(toHex(encodeNsmResponse(RESPONSES[name] as NsmResponse)), name).toBe(hex);
      expect(decodeNsmResponse(fromHex(hex)), name).toEqual(RESPONSES[name]);
    }
    for (const { desc, initial, data_utf8, data_hex, result } of vectors.pcr_extend) {
      const register = initial === '' ? new Uint8Array(PCR_SIZE) : fromHex(initial);
      const data = data_utf8 === undefined ? fromHex(data_hex ?? '') : utf8(data_utf8);
      expect(toHex(extendPcr(nodeCrypto, register, data)), desc).toBe(result);
    }
  });
  if (CORPUS === null) missing('nitro/nsm', 19);

  it('reads fields in any order, as other implementations write them', () => {
    const reordered = cborgEncode(
      new Map([
        [
          'DescribePCR',
          new Map<string, unknown>([
            ['data', new Uint8Array(48)],
            ['lock', false],
          ]),
        ],
      ]),
      { mapSorter: () => 0 },
    );
    expect(decodeNsmResponse(reordered)).toEqual({
      kind: 'DescribePCR',
      lock: false,
      data: new Uint8Array(48),
    });
  });

  it('means to cborg what it means to us', () => {
    const request: NsmRequest = { kind: 'ExtendPCR', index: 300, data: new Uint8Array(500).fill(7) };
    expect(cborgDecode(encodeNsmRequest(request))).toEqual({ ExtendPCR: { index: 300, data: request.data } });
  });

  it.each(malformed)('refuses $name', ({ direction, hex, code }) => {
    const read = direction === 'request' ? decodeNsmRequest : decodeNsmResponse;
    expect(() => read(fromHex(hex))).toFailWith(code as 'NSM_MESSAGE_INVALID');
  });

  it('refuses messages above the limits of the device', () => {
    const request = encodeNsmRequest({ kind: 'ExtendPCR', index: 1, data: new Uint8Array(4096) });
    expect(() => decodeNsmRequest(request)).toFailWith('NSM_MESSAGE_INVALID');
    const response = encodeNsmResponse({ kind: 'Attestation', document: new Uint8Array(12_288) });
    expect(() => decodeNsmResponse(response)).toFailWith('NSM_MESSAGE_INVALID');
  });

  it('decodes what it encodes', () => {
    const data = fc.uint8Array({ maxLength: 1024 });
    const field = fc.option(data);
    const index = fc.integer({ min: 0, max: 0xffff });
    const request = fc.oneof(
      fc.record({ kind: fc.constant('ExtendPCR' as const), index, data }),
      fc.record({ kind: fc.constant('LockPCRs' as const), range: index }),
      fc.record({
        kind: fc.constant('Attestation' as const),
        userData: field,
        nonce: field,
        publicKey: field,
      }),
    );
    fc.assert(
      fc.property(request, (value) => {
        expect(decodeNsmRequest(encodeNsmRequest(value))).toEqual(value);
      }),
    );
  });

  it('throws nothing but typed errors on any bytes', () => {
    const typed = (read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void => {
      try {
        read(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(AssayError);
      }
    };
    const samples = [
      ...Object.values(REQUESTS).map(encodeNsmRequest),
      ...Object.values(RESPONSES).map(encodeNsmResponse),
    ];
    for (const sample of samples) {
      for (let cut = 0; cut < sample.length; cut++) {
        expect(() => decodeNsmRequest(sample.subarray(0, cut))).toThrow(AssayError);
        expect(() => decodeNsmResponse(sample.subarray(0, cut))).toThrow(AssayError);
      }
    }
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        (sample, at, byte) => {
          const bytes = sample.slice();
          bytes[at % bytes.length] = byte;
          typed(decodeNsmRequest, bytes);
          typed(decodeNsmResponse, bytes);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
