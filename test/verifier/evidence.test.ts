/** Bare evidence judged: verdict words, what is listed, what is not performed. */
import { NO_COLLATERAL } from '../../src/collateral/index.ts';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  type EvidenceOptions,
  formatVerdict,
  judgeEvidence,
  malformedVerdict,
  type Verdict,
} from '../../verifier/index.ts';
import { appraiseNitro, CheckLog, nobleCrypto } from '../../verifier/index.ts';
import { concludeVerdict } from '../../verifier/verdict.ts';
import { defaultPcrs, makeDocument, makePki, PKI_TIME, type PkiChanges } from '../support/nitro-pki.ts';
import { trustFor } from '../support/nitro-service.ts';

const ANY = { service: 'any', freshness: { max_age_seconds: 300, nonce: 'any' } } as const;
const identity = { origin: 'x', configDigest: new Uint8Array(32) } as never;

async function judged(
  changes: Partial<EvidenceOptions>,
  policy: object = ANY,
  nonce: Uint8Array | null = null,
): Promise<Verdict> {
  const pki = await makePki();
  const trust = trustFor({ pki, identity }, policy as never);
  const options = {
    mode: 'live',
    now: PKI_TIME,
    trust,
    crypto: nodeCrypto,
    platform: null,
    nonce: null,
    ...changes,
  } as EvidenceOptions;
  return (await judgeEvidence(makeDocument(pki, { nonce }), options)).verdict;
}

describe('verdict', () => {
  it('has the keys of the design, in their order', async () => {
    const verdict = await judged({});
    expect(Object.keys(JSON.parse(formatVerdict(verdict)))).toEqual(
      'verdict code platform simulated mode at valid_until evidence_sha256 trust_sha256 checks unverified waived claims'.split(
        ' ',
      ),
    );
    expect(Object.keys(verdict.checks[0] ?? {}).sort()).toEqual(['clause', 'code', 'name', 'status']);
    expect(verdict).toMatchObject({
      verdict: 'trusted',
      at: '2026-06-01T12:00:00Z',
      valid_until: '2026-06-01T15:00:00Z',
      unverified: [],
    });
    expect(verdict.claims).toMatchObject({
      kind: 'enclave',
      debug: false,
      timestamp: '2026-06-01T12:00:00Z',
    });
  });

  it('lists what it did not come to when something fails early', async () => {
    const verdict = await judged({ now: PKI_TIME - 86_400_000 * 9000 });
    expect(verdict).toMatchObject({
      verdict: 'rejected',
      code: 'CHAIN_NOT_YET_VALID',
      valid_until: null,
      claims: {},
    });
    expect(verdict.unverified).toContain('nitro.signature');
    expect(verdict.checks.find(({ name }) => name === 'nitro.debug')?.status).toBe('skipped');
  });

  it('never calls evidence trusted that was not appraised', async () => {
    const pki = await makePki();
    const options = {
      mode: 'archive',
      now: 'evidence',
      trust: null,
      crypto: nodeCrypto,
      platform: 'nitro',
      nonce: null,
    } as const;
    const { verdict } = await judgeEvidence(makeDocument(pki), options);
    expect(verdict).toMatchObject({ verdict: 'rejected', code: 'CHAIN_ROOT_UNTRUSTED', mode: 'archive' });
  });

  it('compares a given challenge with the quote', async () => {
    const nonce = utf8('a challenge');
    const quote = { ...ANY, freshness: { max_age_seconds: 300, nonce: 'quote' } };
    expect((await judged({ nonce }, quote, nonce)).verdict).toBe('trusted');
    expect((await judged({ nonce: utf8('another one') }, quote, nonce)).code).toBe('CHALLENGE_MISMATCH');
    expect((await judged({ nonce }, quote, null)).code).toBe('CHALLENGE_MISMATCH');
    expect((await judged({ nonce: utf8('another one') }, ANY, nonce)).code).toBe('CHALLENGE_MISMATCH');
    expect(await judged({}, quote, nonce)).toMatchObject({
      verdict: 'undetermined',
      code: 'CHALLENGE_MISSING',
    });
    expect(
      await judged({ nonce }, { ...ANY, freshness: { max_age_seconds: 300, nonce: 'session' } }, nonce),
    ).toMatchObject({ verdict: 'undetermined', code: 'SESSION_MISSING' });
  });

  it('compares a challenge that is given with recorded evidence too', async () => {
    const [nonce, archive] = [utf8('a challenge'), { mode: 'archive', now: PKI_TIME } as const];
    expect((await judged({ ...archive, nonce }, ANY, nonce)).verdict).toBe('trusted');
    expect(await judged({ ...archive, nonce }, ANY, utf8('another one'))).toMatchObject({
      verdict: 'rejected',
      code: 'CHALLENGE_MISMATCH',
    });
  });

  it('bounds age and skew to the millisecond', async () => {
    const pki = await makePki({ leaf: { notBefore: PKI_TIME - 3_600_000 } });
    const at = async (now: number): Promise<string | null> => {
      const trust = trustFor({ pki, identity }, ANY as never);
      const options = { mode: 'live', now, trust, crypto: nodeCrypto, platform: null, nonce: null } as const;
      return (await judgeEvidence(makeDocument(pki), options)).verdict.code;
    };
    expect([await at(PKI_TIME - 60_000), await at(PKI_TIME + 300_000)]).toEqual([null, null]);
    expect(await at(PKI_TIME - 60_001)).toBe('EVIDENCE_FROM_FUTURE');
    expect(await at(PKI_TIME + 300_001)).toBe('EVIDENCE_TOO_OLD');
  });

  it('knows no simulated root when the trust policy rejects them', async () => {
    expect(await judged({}, { ...ANY, simulated: 'reject' })).toMatchObject({
      verdict: 'rejected',
      code: 'CHAIN_ROOT_UNTRUSTED',
    });
  });

  it('waives no partition that the trust policy leaves unsaid', async () => {
    const pcrs = { '0': [toHex(new Uint8Array(48).fill(1))] };
    const nitro = { pcrs, debug: 'reject' };
    const unsaid = await judged({}, { ...ANY, platforms: { nitro } });
    expect(unsaid.verdict).toBe('trusted');
    expect(unsaid.waived).not.toContain('nitro.partition');
    const waived = await judged({}, { ...ANY, platforms: { nitro: { ...nitro, partitions: 'any' } } });
    expect(waived.waived).toContain('nitro.partition');
  });

  it('does not take a bare document for a named service', async () => {
    const service = { origin: 'x', config_digest: 'any', policy_authorities: 'any' };
    expect(await judged({}, { ...ANY, service })).toMatchObject({
      verdict: 'undetermined',
      code: 'STATEMENT_MISSING',
      unverified: ['service'],
    });
  });

  it('says TIME_UNANCHORED when only the evidence tells its time', async () => {
    expect(await judged({ mode: 'archive', now: 'evidence' })).toMatchObject({
      verdict: 'undetermined',
      code: 'TIME_UNANCHORED',
      unverified: ['time-anchor'],
    });
    expect(await judged({ mode: 'archive', now: PKI_TIME })).toMatchObject({
      verdict: 'trusted',
      mode: 'archive',
    });
  });

  it('lets what is wrong go before what is missing', async () => {
    const pcrs = { nitro: { pcrs: { '0': [toHex(new Uint8Array(48).fill(7))] }, debug: 'reject' } };
    const verdict = await judged({ mode: 'archive', now: 'evidence' }, { ...ANY, platforms: pcrs });
    expect(verdict).toMatchObject({ verdict: 'rejected', code: 'NITRO_PCR_MISMATCH' });
    expect(verdict.checks.filter(({ code }) => code !== null).map(({ name }) => name)).toEqual([
      'nitro.pcrs',
      'time-anchor',
    ]);
  });

  it('recognises no platform in noise', async () => {
    const options = {
      mode: 'live',
      now: 0,
      trust: null,
      crypto: nodeCrypto,
      platform: null,
      nonce: null,
    } as const;
    for (const bytes of [new Uint8Array(0), utf8('hello'), new Uint8Array(9)])
      expect((await judgeEvidence(bytes, options)).verdict).toMatchObject({
        verdict: 'rejected',
        code: 'PLATFORM_UNKNOWN',
        platform: null,
      });
    expect((await judgeEvidence(utf8('x'), { ...options, platform: 'cca' })).verdict.code).toBe(
      'PLATFORM_UNKNOWN',
    );
  });

  it('can be about input that never became evidence', () => {
    expect(malformedVerdict('USAGE', PKI_TIME, 'live')).toMatchObject({
      verdict: 'rejected',
      code: 'USAGE',
      checks: [],
    });
    expect(malformedVerdict('CHALLENGE_MISSING', null, 'live').verdict).toBe('undetermined');
  });

  it('is the same whatever does the arithmetic', async () => {
    const pki = await makePki();
    const bytes = makeDocument(pki);
    const options = {
      mode: 'live',
      now: PKI_TIME,
      trust: trustFor({ pki, identity }, ANY),
      platform: null,
      nonce: null,
    } as const;
    const [one, two] = [
      await judgeEvidence(bytes, { ...options, crypto: nodeCrypto }),
      await judgeEvidence(bytes, { ...options, crypto: nobleCrypto }),
    ];
    expect(formatVerdict(two.verdict)).toBe(formatVerdict(one.verdict));
  });

  it('is trusted only with an appraisal, every check done and nothing wrong', () => {
    const plan = ['missing', 'wrong', 'open'].map((name) => ({ name, clause: 'x' }));
    const parts = {
      platform: 'nitro',
      simulated: true,
      mode: 'live',
      at: PKI_TIME,
      validUntil: PKI_TIME,
      evidenceSha256: '00',
      trustSha256: '00',
      claims: {},
    } as const;
    expect(concludeVerdict(new CheckLog([]), parts).verdict).toBe('trusted');
    expect(concludeVerdict(new CheckLog([]), { ...parts, trustSha256: null })).toMatchObject({
      verdict: 'authentic',
      unverified: ['appraisal'],
    });
    const log = new CheckLog(plan);
    expect(concludeVerdict(log, parts).verdict).toBe('undetermined');
    log.judge('missing', () => fail('CHALLENGE_MISSING', 'x'));
    expect(concludeVerdict(log, parts)).toMatchObject({ verdict: 'undetermined', code: 'CHALLENGE_MISSING' });
    log.judge('wrong', () => fail('NITRO_DEBUG_MODE', 'x'));
    expect(concludeVerdict(log, parts)).toMatchObject({ verdict: 'rejected', code: 'NITRO_DEBUG_MODE' });
  });

  it('refuses a check that nobody planned', () => {
    // No code of a judgement: nobody may take it for what a check has found, and go on.
    expect(() => new CheckLog([]).waive('x')).toThrow(/not in the plan/);
    expect(() => new CheckLog([]).judge('x', () => {})).toThrow(/not in the plan/);
    expect(appraiseNitro.length).toBeGreaterThan(1);
  });
});

describe('each expectation of a policy', () => {
  const wrong = { pcr3: ['ab'.repeat(48)] };

  it('reaches the evidence: hardware, lifetimes and debug mode', async () => {
    expect((await judged({}, { ...ANY, hardware: { ids: wrong } })).code).toBe('NITRO_HARDWARE_MISMATCH');
    const zero = new Map(defaultPcrs()).set(1, new Uint8Array(48));
    const cases: readonly [PkiChanges, Parameters<typeof makeDocument>[1], object, string | null][] = [
      [{ leaf: { notAfter: PKI_TIME + 30 * 3_600_000 } }, {}, {}, 'CHAIN_LONG_LIVED'],
      [{ leaf: { notAfter: PKI_TIME + 30 * 3_600_000 } }, {}, { revocation: 'any' }, null],
      [{}, { pcrs: zero }, {}, 'NITRO_DEBUG_MODE'],
      [{}, { pcrs: zero }, { platforms: { nitro: { pcrs: 'any', debug: 'allow' } } }, null],
    ];
    for (const [changes, document, policy, code] of cases) {
      const pki = await makePki(changes);
      const trust = trustFor({ pki, identity }, { ...ANY, ...policy } as never);
      const options = { mode: 'live', now: PKI_TIME, trust, crypto: nodeCrypto } as const;
      const { verdict } = await judgeEvidence(makeDocument(pki, document), {
        ...options,
        platform: null,
        nonce: null,
      });
      expect([verdict.verdict, verdict.code]).toEqual([code === null ? 'trusted' : 'rejected', code]);
    }
  });
});

describe('a policy for another platform', () => {
  it('accepts nothing', async () => {
    const pki = await makePki();
    const log = new CheckLog([{ name: 'trust.platform', clause: 'x' }]);
    const { parseNitro } = await import('../../src/evidence/nitro.ts');
    const { verifyNitro } = await import('../../verifier/index.ts');
    const verified = await verifyNitro(parseNitro(makeDocument(pki)), {
      at: PKI_TIME,
      crypto: nodeCrypto,
      roots: [pki.pin],
    });
    expect(verified.pin.simulated).toBe(true);
    const { platformJudge } = await import('../../verifier/platforms.ts');
    const opened = platformJudge('nitro').open(makeDocument(pki));
    const trust = trustFor({ pki, identity }, ANY);
    const evidence = await opened.verify({
      at: PKI_TIME,
      crypto: nodeCrypto,
      trust,
      collateral: NO_COLLATERAL,
      log: new CheckLog(platformJudge('nitro').verifyChecks),
    });
    expect(() => evidence.appraise({ ...trust, platforms: {} }, log)).toFailWith('PLATFORM_NOT_ACCEPTED');
  });
});
