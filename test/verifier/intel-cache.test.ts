/** What was proven before saves work, and changes nothing: not the verdict, and not for other bytes, roots or times. */
import { describe, expect, it } from 'vitest';
import { pckExtension } from '../../host/simulator/intel/pck.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { readCollateral } from '../../src/collateral/index.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import { INTEL_ROOTS } from '../../verifier/intel/roots.ts';
import { ProofCache } from '../../verifier/proof-cache.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import {
  fileOf,
  type Given,
  givenOf,
  intelTrust,
  judge,
  recordedCase,
  recordedCases,
  RECORDED_CASES,
  verify,
} from '../support/intel-verify.ts';
import { certifiedBy, list, madeIntel, pemChain, reissued } from '../support/made-intel.ts';
import { INTEL_TIME } from '../support/simulated-intel.ts';

const DAY = 86_400_000;

/** Counts signatures. */
function counting(): { readonly crypto: Crypto; count: number } {
  const counter = {
    count: 0,
    crypto: {
      ...nodeCrypto,
      async importKey(...of: Parameters<Crypto['importKey']>) {
        const key = await nodeCrypto.importKey(...of);
        return {
          algorithm: key.algorithm,
          verify(message: Uint8Array, signature: Uint8Array): Promise<void> {
            counter.count++;
            return key.verify(message, signature);
          },
        };
      },
    },
  };
  return counter;
}

if (CORPUS === null) missing('tdx', RECORDED_CASES);

describe.runIf(CORPUS !== null)('recorded quotes', () => {
  const cases = recordedCases();

  it.each(cases.map((one) => [one.name, one] as const))('%s: the same, cold and warm', async (_, one) => {
    const given = givenOf(one);
    const trust = intelTrust();
    const collateral = readCollateral(given.files);
    const cold = JSON.stringify((await judge(given, { trust })).verdict);
    const cache = new ProofCache();
    for (let i = 0; i < 3; i++)
      expect(JSON.stringify((await judge(given, { trust, cache, collateral })).verdict)).toBe(cold);
    // Read again, by which nothing of the collateral is the same value.
    expect(JSON.stringify((await judge(given, { trust, cache })).verdict)).toBe(cold);
    expect(
      JSON.stringify((await judge(given, { trust, cache: new ProofCache(1), collateral })).verdict),
    ).toBe(cold);
  });

  it('share one cache, in any order, without a difference', async () => {
    const cache = new ProofCache();
    const handles = new Map(cases.map((one) => [one.folder, readCollateral(givenOf(one).files)]));
    for (const order of [cases, cases.toReversed(), cases])
      for (const one of order) {
        const how = { cache, collateral: handles.get(one.folder) as ReturnType<typeof readCollateral> };
        const { verdict } = await judge(givenOf(one), how);
        expect(JSON.stringify(verdict)).toBe(JSON.stringify((await judge(givenOf(one))).verdict));
      }
  });

  it('cost two signatures when all else was seen before', async () => {
    const given = givenOf(recordedCase('tdx_v4_b0c06f_phala'));
    const collateral = readCollateral(given.files);
    const used = counting();
    const cache = new ProofCache();
    await verify(given, { crypto: used.crypto, cache, collateral });
    // Quote, quoting enclave, PCK, its CA, signer, two statements, two lists; the root is pinned.
    expect(used.count).toBe(9);
    await verify(given, { crypto: used.crypto, cache, collateral });
    expect(used.count).toBe(11);
    await verify(given, { crypto: used.crypto, collateral });
    expect(used.count).toBe(20);
  });

  it('cost three on another platform, and no more in another spelling', async () => {
    const first = givenOf(recordedCase('tdx_v4_90c06f_dstack'));
    const second = { ...givenOf(recordedCase('tdx_v5_90c06f_go')), at: first.at };
    const collateral = readCollateral(first.files);
    const used = counting();
    const how = { crypto: used.crypto, cache: new ProofCache(), collateral };
    await verify(first, how);
    const cold = used.count;
    await verify(second, how);
    // Quote, quoting enclave, PCK: all above it is the same.
    expect(used.count).toBe(cold + 3);
    // The same certificates as DER, which nobody signed to be PEM.
    const { certification } = parseQuote(second.quote);
    const der = certification.kind === 'chain' ? concat(...certification.certificates) : new Uint8Array(0);
    await verify({ ...second, quote: certifiedBy(second.quote, der) }, how);
    expect(used.count).toBe(cold + 5);
  });

  it('outlive the buffers that they were read from', async () => {
    const given = givenOf(recordedCase('tdx_v4_b0c06f_phala'));
    const cold = JSON.stringify((await judge(given)).verdict);
    const cache = new ProofCache();
    const collateral = readCollateral(given.files);
    const quote = given.quote.slice();
    await judge({ ...given, quote }, { cache, collateral });
    quote.fill(0xff);
    expect(JSON.stringify((await judge(given, { cache, collateral })).verdict)).toBe(cold);
    expect((await judge({ ...given, quote }, { cache, collateral })).verdict.verdict).toBe('rejected');
  });

  it('are none of a cache of other roots', async () => {
    const given = givenOf(recordedCase('tdx_v4_b0c06f_phala'));
    const cache = new ProofCache();
    const collateral = readCollateral(given.files);
    await verify(given, { cache, collateral });
    const [pin] = INTEL_ROOTS;
    if (pin === undefined) throw new Error('no pin');
    for (const roots of [
      [],
      [{ ...pin, spkiSha256: '00'.repeat(32) }],
      [{ ...pin, name: 'Intel SGX Root CB' }],
      [{ ...pin, validity: { notBefore: 0, notAfter: 1 } }],
    ])
      await expect(verify(given, { cache, collateral, roots })).toRejectWith('CHAIN_ROOT_UNTRUSTED');
    await expect(verify(given, { cache, collateral })).resolves.toBeDefined();
  });

  it('are judged anew at every time', async () => {
    const given = givenOf(recordedCase('tdx_v4_b0c06f_phala'));
    const cache = new ProofCache();
    const collateral = readCollateral(given.files);
    const at = async (text: string): Promise<unknown> => {
      const { verdict } = await judge({ ...given, at: Date.parse(text) }, { cache, collateral });
      return [verdict.verdict, verdict.code];
    };
    expect(await at('2025-06-20T12:00:00Z')).toEqual(['authentic', null]);
    expect(await at('2025-07-19T10:00:35Z')).toEqual(['authentic', null]);
    expect(await at('2025-07-19T10:00:36Z')).toEqual(['undetermined', 'COLLATERAL_STALE']);
    expect(await at('2025-06-19T10:32:26Z')).toEqual(['undetermined', 'COLLATERAL_STALE']);
    expect(await at('2024-01-01T00:00:00Z')).toEqual(['rejected', 'CHAIN_NOT_YET_VALID']);
    expect(await at('2034-01-01T00:00:00Z')).toEqual(['rejected', 'CHAIN_EXPIRED']);
    expect(await at('2025-06-20T12:00:00Z')).toEqual(['authentic', null]);
  });

  it('are judged anew by every policy', async () => {
    const given = givenOf(recordedCase('tdx_v4_00806f_gce_outofdate'));
    const cache = new ProofCache();
    const collateral = readCollateral(given.files);
    const by = async (statuses: readonly string[]): Promise<unknown> =>
      (await judge(given, { cache, collateral, trust: intelTrust({ tcb: { statuses: [...statuses] } }) }))
        .verdict.code;
    expect(await by(['OutOfDate'])).toBe(null);
    expect(await by(['UpToDate'])).toBe('TDX_TCB_OUT_OF_DATE');
    expect(await by(['OutOfDate'])).toBe(null);
  });
});

describe('a simulated vendor', () => {
  it('is nothing to a judge that does not name it, though it was proven before', async () => {
    const made = await madeIntel();
    const given: Given = { quote: made.td(), files: made.files('tdx'), at: INTEL_TIME };
    const cache = new ProofCache();
    const collateral = readCollateral(given.files);
    const named = intelTrust({ root: made.root });
    expect((await judge(given, { cache, collateral, trust: named })).verdict).toMatchObject({
      verdict: 'trusted',
      simulated: true,
    });
    for (const how of [{}, { trust: intelTrust() }])
      expect((await judge(given, { cache, collateral, ...how })).verdict).toMatchObject({
        verdict: 'rejected',
        code: 'CHAIN_ROOT_UNTRUSTED',
        simulated: null,
      });
  });

  it('can revoke what was proven before', async () => {
    const made = await madeIntel();
    const { pki } = made;
    const given: Given = { quote: made.td(), files: made.files('tdx'), at: INTEL_TIME };
    const cache = new ProofCache();
    const how = { cache, roots: made.pins };
    const handle = readCollateral(given.files);
    await verify(given, { ...how, collateral: handle });
    // Of this very second, so that they are the newest.
    const now = INTEL_TIME - (INTEL_TIME % 1000);
    for (const bytes of [
      list(pki.pckCa, { revoked: [pki.pck.serial], thisUpdate: now }),
      list(pki.root, { revoked: [pki.pckCa.serial], thisUpdate: now }),
      list(pki.root, { revoked: [pki.tcbSigner.serial], thisUpdate: now }),
    ]) {
      const { items } = readCollateral([{ name: 'newer.der', bytes }]);
      const collateral = { ...handle, items: [...handle.items, ...items] };
      await expect(verify(given, { ...how, collateral })).toRejectWith('CERTIFICATE_REVOKED');
      await expect(
        verify({ ...given, files: [...given.files, { name: 'newer.der', bytes }] }, how),
      ).toRejectWith('CERTIFICATE_REVOKED');
    }
    await expect(verify(given, { ...how, collateral: handle })).resolves.toBeDefined();
  });

  it('proves a key for no certificate but the one that carries it', async () => {
    const made = await madeIntel();
    const { pki } = made;
    const cache = new ProofCache();
    const how = { cache, roots: made.pins };
    const given: Given = { quote: made.td(), files: made.files('tdx'), at: INTEL_TIME };
    await verify(given, how);
    // Issued again with the same key, name and serial number: its own time and its own words count.
    const sgx = pckExtension(deriveFrom(new Uint8Array(32).fill(77)));
    const again = reissued(pki.pck, pki.pckCa, { more: [sgx] });
    const quote = certifiedBy(given.quote, pemChain(again, pki.pckCa, pki.root));
    const { claims } = await verify({ ...given, quote }, how);
    const first = (await verify(given, how)).claims;
    expect(claims.pck.ppid).not.toEqual(first.pck.ppid);
    const ended = reissued(pki.pck, pki.pckCa, { more: [sgx], notAfter: INTEL_TIME - DAY });
    const old = certifiedBy(given.quote, pemChain(ended, pki.pckCa, pki.root));
    await expect(verify({ ...given, quote: old }, how)).toRejectWith('CHAIN_EXPIRED');
    // And signed by nobody it is nothing, however known its key.
    const forged = { ...again, certificate: again.certificate.slice() };
    forged.certificate[forged.certificate.length - 1] =
      (forged.certificate[forged.certificate.length - 1] as number) ^ 1;
    const bad = certifiedBy(given.quote, pemChain(forged, pki.pckCa, pki.root));
    await expect(verify({ ...given, quote: bad }, how)).toRejectWith('CHAIN_SIGNATURE_INVALID');
  });

  it('proves statements by their signer, not by having been there', async () => {
    const made = await madeIntel();
    const other = await madeIntel([], { seed: 2 });
    const cache = new ProofCache();
    const own: Given = { quote: made.td(), files: made.files('tdx'), at: INTEL_TIME };
    const theirs: Given = { quote: other.td(), files: other.files('tdx'), at: INTEL_TIME };
    const pins = [...made.pins, ...other.pins];
    const [mine, foreign] = [readCollateral(own.files), readCollateral(theirs.files)];
    await verify(own, { cache, roots: pins, collateral: mine });
    await verify(theirs, { cache, roots: pins, collateral: foreign });
    // The TCB info that the other vendor signed, in the place of ours: the same handle, already proven.
    const borrowed = foreign.items.filter(({ kind }) => kind === 'tcb-info' || kind === 'qe-identity');
    const rest = mine.items.filter(({ kind }) => kind !== 'tcb-info' && kind !== 'qe-identity');
    const mixed = { items: [...rest, ...borrowed], ignored: [] };
    await expect(verify(own, { cache, roots: pins, collateral: mixed })).toRejectWith(
      'COLLATERAL_SIGNATURE_INVALID',
    );
    expect(fileOf(own.files, 'tcb_info.json')).not.toEqual(fileOf(theirs.files, 'tcb_info.json'));
  });
});
