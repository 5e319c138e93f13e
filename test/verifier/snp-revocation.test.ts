/** Revocation of AMD's authorities: by the recorded list of Genoa, and by lists made for one rule each. */
import { describe, expect, it } from 'vitest';
import { pssAlgorithm } from '../../host/simulator/amd/certificates.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Code } from '../../src/base/errors.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { derUnsigned } from '../../src/codec/der-write.ts';
import { type CollateralFile, readCollateral } from '../../src/collateral/index.ts';
import { appraiseSnp, judgeEvidence, nobleCrypto, ProofCache, webCrypto } from '../../verifier/index.ts';
import { CORPUS } from '../support/corpus.ts';
import { recordedFiles, recordedOf, SNP_WAIVED, snpTrust, verifyRecorded } from '../support/snp.ts';
import { AMD_TIME } from '../support/simulated-amd.ts';
import { type ListChanges, made, madeList, remade, verifyMade } from '../support/snp-made.ts';

const CRL = 'crl/genoa-vcek.crl.pem';
const [BEGINS, ENDS] = [Date.parse('2024-10-23T04:36:24Z'), Date.parse('2025-11-03T01:00:00Z')];

async function judged(
  name: string,
  more: readonly CollateralFile[],
  revocation: 'required' | 'any' | null,
  at?: number,
) {
  const { bytes, at: recordedAt, files } = recordedOf(name);
  return judgeEvidence(bytes, {
    mode: 'archive',
    now: at ?? recordedAt,
    trust: revocation === null ? null : snpTrust({}, { revocation }),
    crypto: nodeCrypto,
    collateral: readCollateral([...files, ...recordedFiles('roots'), ...more]),
    platform: null,
    nonce: null,
  });
}

const MODES = [null, 'required', 'any'] as const;
const check = (verdict: Awaited<ReturnType<typeof judged>>['verdict']) =>
  verdict.checks.find(({ name }) => name === 'snp.revocation');

describe.runIf(CORPUS !== null)('the recorded list of Genoa', () => {
  const list = recordedFiles(CRL);

  it.each(['v3-genoa-configfs-tsm', 'oak-genoa-oc'])('has nothing against %s', async (name) => {
    for (const mode of MODES) {
      const { verdict } = await judged(name, list, mode);
      expect(verdict.verdict).toBe(mode === null ? 'authentic' : 'trusted');
      expect(check(verdict)).toMatchObject({ status: 'pass', code: null });
      expect(verdict.unverified).toEqual(mode === null ? ['appraisal'] : []);
      expect(verdict.waived).not.toContain('snp.revocation');
      expect(verdict.valid_until).toBe('2025-11-03T01:00:00Z');
      expect(verdict.claims['revocation']).toEqual({
        crl_number: '0x4',
        this_update: '2024-10-23T04:36:24Z',
        next_update: '2025-11-03T01:00:00Z',
      });
    }
  });

  it('is current from its first to its last second, and undetermined is the verdict outside', async () => {
    // The certificate of that report begins after the list.
    const { chain } = await verifyRecorded('v3-genoa-configfs-tsm');
    expect(chain.leaf.notBefore).toBeGreaterThan(BEGINS);
    for (const mode of MODES) {
      expect((await judged('v3-genoa-configfs-tsm', list, mode, ENDS)).verdict.code).toBeNull();
      const late = await judged('v3-genoa-configfs-tsm', list, mode, ENDS + 1);
      expect(late.verdict).toMatchObject({ verdict: 'undetermined', code: 'COLLATERAL_STALE' });
      expect(late.failure?.message).toContain('2025-11-03T01:00:00Z');
      expect((await judged('v5-genoa-model-a0', list, mode)).verdict.code).toBe('COLLATERAL_STALE');
    }
  });

  it('says nothing of a Milan', async () => {
    for (const mode of MODES) {
      const { verdict } = await judged('v3-milan-aws-vlek', list, mode);
      expect(verdict.code).toBe(mode === 'required' ? 'COLLATERAL_MISSING' : null);
      expect(check(verdict)?.status).toBe('skipped');
    }
  });

  it('with any byte of it changed is no list, or rejects', async () => {
    const bytes = readCollateral(list).items[0]?.bytes as Uint8Array;
    const found = new Map<string, number>();
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = bytes.slice();
      changed[at] = (changed[at] as number) ^ (1 << (at & 7));
      const { verdict } = await judged('oak-genoa-oc', [{ name: 'crl.der', bytes: changed }], 'required');
      const code = verdict.code as string;
      expect(verdict.verdict).not.toBe('trusted');
      // Unreadable, of another issuer, or of another time: there is no list then.
      expect(['COLLATERAL_SIGNATURE_INVALID', 'CRL_ISSUER_MISMATCH', 'COLLATERAL_MISSING']).toContain(code);
      found.set(code, (found.get(code) ?? 0) + 1);
    }
    expect(found.get('COLLATERAL_SIGNATURE_INVALID')).toBeGreaterThan(50);
  });

  it('is judged alike whatever does the arithmetic, and by a cache', async () => {
    const collateral = readCollateral([...recordedOf('oak-genoa-oc').files, ...list]);
    const cache = new ProofCache();
    const one = await verifyRecorded('oak-genoa-oc', { collateral });
    for (const crypto of [webCrypto, nobleCrypto, nodeCrypto])
      for (let i = 0; i < 2; i++) {
        const { claims, validUntil } = await verifyRecorded('oak-genoa-oc', { collateral, crypto, cache });
        expect(claims.revocation).toEqual(one.claims.revocation);
        expect(validUntil).toBe(ENDS);
      }
    // The time is asked again on every use.
    const late = verifyRecorded('oak-genoa-oc', { collateral, cache, at: ENDS + 1 });
    await expect(late).toRejectWith('COLLATERAL_STALE');
  });
});

describe.runIf(CORPUS !== null)('without a list', () => {
  it('revocation is open, missing or waived, as the trust policy has it', async () => {
    const open = await judged('v5-turin-caci', [], null);
    expect(open.verdict).toMatchObject({ verdict: 'authentic', code: null });
    expect(open.verdict.unverified).toEqual(['snp.revocation', 'appraisal']);
    const required = await judged('v5-turin-caci', [], 'required');
    expect(required.verdict).toMatchObject({ verdict: 'undetermined', code: 'COLLATERAL_MISSING' });
    expect(required.verdict.unverified).toEqual(['snp.revocation']);
    expect(required.failure?.message).toContain('https://kdsintf.amd.com/vcek/v1/Turin/crl');
    const waived = await judged('v5-turin-caci', [], 'any');
    expect(waived.verdict).toMatchObject({ verdict: 'trusted', code: null, unverified: [] });
    expect(waived.verdict.waived).toContain('snp.revocation');
    const vlek = await judged('v3-milan-aws-vlek', [], 'required');
    expect(vlek.failure?.message).toContain('https://kdsintf.amd.com/vlek/v1/Milan/crl');
  });

  it('nobody who appraises by hand forgets it', async () => {
    const verified = await verifyRecorded('v5-turin-caci');
    expect(verified.claims.revocation).toBeNull();
    const expected = { ...SNP_WAIVED, hardware: 'any', revocation: 'any' } as const;
    appraiseSnp(verified, expected);
    expect(() => appraiseSnp(verified, { ...expected, revocation: 'required' })).toFailWith(
      'COLLATERAL_MISSING',
    );
    expect(() => appraiseSnp(verified, { ...expected, revocation: 'no' } as never)).toFailWith(
      'COLLATERAL_MISSING',
    );
    const { revocation: _, ...forgotten } = expected;
    expect(() => appraiseSnp(verified, forgotten as never)).toFailWith('EXPECTATION_MISSING');
  });
});

const DAY = 86_400_000;
const REVOKED_AT = Date.UTC(2026, 0, 1);
const NOW = Math.floor(AMD_TIME / 1000) * 1000;
const revoking = (...serials: readonly number[]): ListChanges => ({
  revoked: serials.map((serial) => ({ serial, at: REVOKED_AT })),
});
const [ARK, FIRST_ASK, ASK, ASVK, MILAN_ASK] = [0x02_0000, 0x02_0001, 0x02_0002, 0x02_0101, 0x01_0001];

const LISTS: readonly (readonly [string, ListChanges, Code | null])[] = [
  ['without an entry', {}, null],
  ['that names ASK', revoking(ASK), 'CERTIFICATE_REVOKED'],
  ['that names ASK among others', revoking(1, 2, ASK, ASVK), 'CERTIFICATE_REVOKED'],
  ['that names the root itself', revoking(ARK), 'CERTIFICATE_REVOKED'],
  ['that names the ASK which AMD withdrew in 2022', revoking(FIRST_ASK), null],
  ['that names ASVK, of a VCEK', revoking(ASVK), null],
  ['that names ASK of another product', revoking(MILAN_ASK), null],
  // Every report key has the serial 0, and none is issued by the root.
  ['that names 0', revoking(0), null],
  ['of tomorrow', { thisUpdate: NOW + DAY, nextUpdate: NOW + 2 * DAY }, 'COLLATERAL_STALE'],
  ['of last year', { thisUpdate: NOW - 400 * DAY, nextUpdate: NOW - 30 * DAY }, 'COLLATERAL_STALE'],
  ['signed by ASK', { signer: { by: 'ask' } }, 'COLLATERAL_SIGNATURE_INVALID'],
  ['signed by the root of another', { signer: { by: 'ark', seed: 2 } }, 'COLLATERAL_SIGNATURE_INVALID'],
  ['with another length of salt', { signer: { by: 'ark', saltBytes: 32 } }, 'COLLATERAL_SIGNATURE_INVALID'],
  [
    'that says another length of salt',
    { algorithm: pssAlgorithm('left out', 32), signer: { by: 'ark', saltBytes: 32 } },
    'COLLATERAL_SIGNATURE_INVALID',
  ],
  ['with the trailer field spelled out', { algorithm: pssAlgorithm('spelled', 48) }, null],
  // Not a list of the root, so there is none: that is for the trust policy to say.
  ['of another issuer', { root: 'ARK-assay-sim-Milan', ...revoking(ASK) }, null],
];

describe('a list', () => {
  it.each(LISTS)('%s', async (_, changes, code) => {
    const one = await made();
    const list = { 'crl.der': madeList(one, changes) };
    if (code !== null) return void (await expect(verifyMade(one, list)).toRejectWith(code));
    const { claims } = await verifyMade(one, list);
    expect(claims.revocation === null).toBe(changes.root !== undefined);
  });

  it('that names ASVK rejects a VLEK, and one that names ASK does not', async () => {
    const one = await made([], { signer: 'vlek' });
    await expect(verifyMade(one, { 'crl.der': madeList(one, revoking(ASVK)) })).toRejectWith(
      'CERTIFICATE_REVOKED',
    );
    await verifyMade(one, { 'crl.der': madeList(one, revoking(ASK)) });
  });

  it('of the simulated vendor names the ASK that AMD withdrew in 2022, and rejects what hangs below it', async () => {
    const one = await made();
    const [ask] = parsePem(new TextDecoder().decode(one.files.get('ask.pem')), 'CERTIFICATE') as [Uint8Array];
    const first = remade(ask, { by: 'ark' }, () => ({ serial: derUnsigned(FIRST_ASK) }));
    const withdrawn = verifyMade(one, { 'ask.pem': first });
    await expect(withdrawn).toRejectWith('CERTIFICATE_REVOKED');
    await expect(withdrawn).rejects.toThrow('020001');
    expect((await verifyMade(one, { 'ask.pem': first, 'crl.der': null })).claims.revocation).toBeNull();
  });

  it('by another key of the same name is of another issuer', async () => {
    const [one, other] = [await made(), await made([], { seed: 2 })];
    const theirs = madeList(other, { signer: { by: 'ark', seed: 2 } });
    await expect(verifyMade(one, { 'crl.der': theirs })).toRejectWith('CRL_ISSUER_MISMATCH');
  });

  it('counts with every other that is current, and what has ended does not', async () => {
    const one = await made();
    const old = madeList(one, { ...revoking(ASK), thisUpdate: NOW - 90 * DAY, nextUpdate: NOW - 60 * DAY });
    const current = madeList(one, { thisUpdate: NOW - 2 * DAY });
    const newer = madeList(one, { number: 8 });
    const { claims } = await verifyMade(one, { 'crl.der': current, 'old.der': old, 'newer.der': newer });
    expect(claims.revocation).toMatchObject({ number: 8n, thisUpdate: NOW - DAY });
    // The two addresses of AMD may hold two lists, and either may name the authority.
    const naming = madeList(one, { ...revoking(ASK), thisUpdate: NOW - 20 * DAY });
    await expect(verifyMade(one, { 'crl.der': newer, 'naming.der': naming })).toRejectWith(
      'CERTIFICATE_REVOKED',
    );
    const forged = madeList(one, { signer: { by: 'ask' }, thisUpdate: NOW - 20 * DAY });
    await expect(verifyMade(one, { 'crl.der': newer, 'forged.der': forged })).toRejectWith(
      'COLLATERAL_SIGNATURE_INVALID',
    );
  });
});
