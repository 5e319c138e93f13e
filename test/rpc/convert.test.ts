import { describe, expect, it } from 'vitest';
import { attestationFromWire, attestationToWire, pathFromWire, pathToWire } from '../../src/rpc/convert.ts';
import { type Attestation, MAX_ENDORSEMENTS } from '../../src/statement/attestation.ts';

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const attestation: Attestation = {
  platform: 'nitro',
  evidence: bytes(1),
  identity: bytes(2),
  challenge: { index: 0, count: 3, path: [bytes(3), bytes(4)] },
  keys: [{ name: 'log', key: bytes(5) }],
  endorsements: null,
};

describe('statements on the wire', () => {
  it('come back as they were', () => {
    expect(attestationFromWire(attestationToWire(attestation))).toEqual(attestation);
    const alone = { ...attestation, challenge: null };
    expect(attestationFromWire(attestationToWire(alone))).toEqual(alone);
    const endorsed = { ...attestation, endorsements: bytes(6) };
    expect(attestationFromWire(attestationToWire(endorsed))).toEqual(endorsed);
    expect(pathFromWire(pathToWire({ index: 0, count: 1, path: [] }))).toEqual({
      index: 0,
      count: 1,
      path: [],
    });
  });

  it('must be there, and a place without a count is none: MESSAGE_VALUE_INVALID', () => {
    for (const absent of [null, undefined])
      expect(() => attestationFromWire(absent)).toFailWith('MESSAGE_VALUE_INVALID');
    const long = { ...attestationToWire(attestation), endorsements: new Uint8Array(MAX_ENDORSEMENTS + 1) };
    expect(() => attestationFromWire(long)).toFailWith('MESSAGE_VALUE_INVALID');
    const place = { challengeIndex: 0, challengeCount: 0, challengePath: [] };
    expect(pathFromWire(place)).toBeNull();
    expect(() => pathFromWire({ ...place, challengeIndex: 1 })).toFailWith('MESSAGE_VALUE_INVALID');
    expect(() => pathFromWire({ ...place, challengePath: [bytes(1)] })).toFailWith('MESSAGE_VALUE_INVALID');
  });
});
