/** A bare quote or report answers a challenge by holding it in its one slot. */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { toHex } from '../../src/base/hex.ts';
import { readCollateral } from '../../src/collateral/index.ts';
import { judgeEvidence, readTrustPolicy } from '../../verifier/index.ts';
import { INTEL_TIME, MRTD, simulatedIntel } from '../support/simulated-intel.ts';
import { TRUST_JSON } from '../support/trust.ts';

const NONCE = Uint8Array.from({ length: 32 }, (_, i) => i + 1);

async function verdictOf(reportData: Uint8Array, nonce: Uint8Array | null): Promise<[string, string | null]> {
  const vendor = await simulatedIntel();
  const files = [...vendor.collateral('tdx')].map(([name, bytes]) => ({ name, bytes }));
  const tcb = { statuses: ['UpToDate'], advisories: 'none', grace_days: 'none' };
  const trust = readTrustPolicy({
    ...TRUST_JSON,
    platforms: {
      tdx: {
        mrtd: [toHex(MRTD)],
        rtmrs: 'any',
        debug: 'reject',
        service_td: 'none',
        owner: 'any',
        tcb: { ...tcb, min_evaluation_number: 'any', min_tcb_date: 'any' },
        platform: 'any',
      },
    },
    freshness: { max_age_seconds: 300, nonce: 'quote' },
    simulated: {
      roots: [{ platform: 'tdx', name: vendor.rootName, spki_sha256: toHex(vendor.rootSpkiSha256) }],
    },
  });
  const { verdict } = await judgeEvidence(vendor.launchTd({ mrtd: MRTD }).quote(reportData), {
    mode: 'live',
    now: INTEL_TIME,
    trust,
    crypto: nodeCrypto,
    collateral: readCollateral(files),
    platform: null,
    nonce,
  });
  return [verdict.verdict, verdict.code];
}

const slot = (...parts: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(64);
  bytes.set(NONCE);
  parts.forEach((at) => (bytes[at] = 1));
  return bytes;
};

describe('the challenge in a bare quote', () => {
  it('is the slot up to its zeros, and proves that the quote is fresh', async () => {
    expect(await verdictOf(slot(), NONCE)).toEqual(['trusted', null]);
    expect(await verdictOf(slot(), slot())).toEqual(['trusted', null]);
  });

  it.each([
    ['another one', slot(31), NONCE],
    ['one with more behind it', slot(63), NONCE],
    ['a part of it', slot(), NONCE.subarray(0, 31)],
    ['none', new Uint8Array(64), NONCE],
    ['none, where zeros are asked for', new Uint8Array(64), new Uint8Array(32)],
  ])('is not %s', async (_, data, nonce) => {
    expect(await verdictOf(data, nonce)).toEqual(['rejected', 'CHALLENGE_MISMATCH']);
  });

  it('of no bytes asks for nothing', async () => {
    expect(await verdictOf(new Uint8Array(64), new Uint8Array(0))).toEqual([
      'undetermined',
      'CHALLENGE_MISSING',
    ]);
  });

  it('is missing where none was asked for, and then nothing proves an age', async () => {
    expect(await verdictOf(slot(), null)).toEqual(['undetermined', 'CHALLENGE_MISSING']);
  });
});
