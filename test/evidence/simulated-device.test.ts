/** The messages between a guest and its simulated device: one form each, and no other is taken. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssayError, type Code, codeOf } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import {
  decodeDeviceRequest,
  decodeDeviceResponse,
  DEVICE_MAX_REQUEST,
  DEVICE_MAX_RESPONSE,
  type DeviceRequest,
  type DeviceResponse,
  encodeDeviceRequest,
  encodeDeviceResponse,
} from '../../src/evidence/simulated-device.ts';
import { MUTATIONS, mutations, SEED } from '../support/mutate.ts';
import { vectors } from '../support/vectors.ts';

interface Malformed {
  readonly name: string;
  readonly side: 'request' | 'response' | 'both';
  readonly hex: string;
  readonly code: Code;
}

const b = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill);
const REQUESTS: readonly DeviceRequest[] = [
  { kind: 'quote', reportData: b(64) },
  { kind: 'extend', register: 3, digest: b(48) },
  { kind: 'random', length: 256 },
  { kind: 'clock' },
];
const RESPONSES: readonly DeviceResponse[] = [
  { kind: 'quote', evidence: b(5_000), endorsements: b(11_000, 2) },
  { kind: 'extend' },
  { kind: 'random', random: b(256) },
  { kind: 'clock', time: Date.UTC(2026, 10, 20) },
  { kind: 'error', message: 'a guest cannot extend RTMR1' },
];

describe('messages of a simulated device', () => {
  it('come back as they were, and fit their frames', () => {
    for (const request of REQUESTS) {
      const message = encodeDeviceRequest(request);
      expect(decodeDeviceRequest(message)).toEqual(request);
      expect(message.length).toBeLessThanOrEqual(DEVICE_MAX_REQUEST);
    }
    for (const response of RESPONSES)
      expect(decodeDeviceResponse(encodeDeviceResponse(response))).toEqual(response);
    const most = { kind: 'quote', evidence: b(262_144), endorsements: b(262_144) } as const;
    expect(encodeDeviceResponse(most).length).toBeLessThanOrEqual(DEVICE_MAX_RESPONSE);
    expect(decodeDeviceResponse(encodeDeviceResponse(most))).toEqual(most);
    const more = { ...most, evidence: b(262_145) };
    expect(() => encodeDeviceResponse(more)).toFailWith('RECORD_VALUE_INVALID');
  });

  it.each(vectors<Malformed>('simulated-device-malformed.json').cases)('refuse $name: $code', (one) => {
    const message = fromHex(one.hex);
    if (one.side !== 'response') expect(() => decodeDeviceRequest(message)).toFailWith(one.code);
    if (one.side !== 'request') expect(() => decodeDeviceResponse(message)).toFailWith(one.code);
  });

  it('throw typed errors only, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        for (const read of [decodeDeviceRequest, decodeDeviceResponse])
          try {
            read(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(AssayError);
          }
      }),
      { numRuns: 500 },
    );
  });

  it(`${MUTATIONS} mutations, seed ${SEED}: refused, or another message of the one form`, () => {
    const samples = [...REQUESTS.map(encodeDeviceRequest), ...RESPONSES.map(encodeDeviceResponse)];
    let valid = 0;
    for (const { bytes, how } of mutations(samples))
      for (const [read, write] of [
        [decodeDeviceRequest, encodeDeviceRequest],
        [decodeDeviceResponse, encodeDeviceResponse],
      ] as const)
        try {
          expect(write(read(bytes) as never), how).toEqual(new Uint8Array(bytes));
          valid++;
        } catch (error) {
          if (!(error instanceof AssayError)) throw error;
          expect(codeOf(error), how).not.toBe('INTERNAL');
        }
    console.log(`mutations of device messages, ASSAY_SEED=${SEED}: ${valid} still valid`);
  });
});
