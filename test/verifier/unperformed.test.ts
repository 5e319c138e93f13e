/** Platforms that do less than Nitro: no signed time, or a check that is planned and never performed. */
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { auditJudge } from '../../verifier/audit/judge.ts';
import { type AttestationOptions, judgeAttestation, judgeEvidence } from '../../verifier/index.ts';
import type { ProvenEvidence } from '../../verifier/platform.ts';
import { makeDocument, makePki, PKI_TIME, type TestPki } from '../support/nitro-pki.ts';
import { CHALLENGE, makeService, type TestService, trustFor } from '../support/nitro-service.ts';

const platform = vi.hoisted(() => ({ changes: {} as Partial<ProvenEvidence> }));

vi.mock(import('../../verifier/platforms.ts'), async (original) => {
  const actual = await original();
  const platformJudge: typeof actual.platformJudge = (name) => {
    const judge = actual.platformJudge(name);
    return {
      ...judge,
      open: (bytes) => {
        const opened = judge.open(bytes);
        return {
          ...opened,
          verify: async (context) => ({ ...(await opened.verify(context)), ...platform.changes }),
        };
      },
    };
  };
  return { ...actual, platformJudge };
});

const EXPIRED = PKI_TIME + 400 * 86_400_000;
const NONCE = new Uint8Array(32).fill(7);
const nonceAny = { freshness: { max_age_seconds: 300, nonce: 'any' } };
let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});
afterEach(() => {
  platform.changes = {};
});

describe('bare evidence without a signed time', () => {
  async function judged(nonce: Uint8Array | null, quoted: Uint8Array | null, policy: JsonObject = {}) {
    platform.changes = { time: null };
    const trust = trustFor(await makeService({}, pki), { service: 'any', ...nonceAny, ...policy });
    const options = {
      mode: 'live',
      now: PKI_TIME,
      trust,
      crypto: nodeCrypto,
      platform: null,
      nonce,
    } as const;
    return (await judgeEvidence(makeDocument(pki, { nonce: quoted }), options)).verdict;
  }

  it("has the age that the verifier's own challenge in the quote proves", async () => {
    const verdict = await judged(NONCE, NONCE);
    expect(verdict).toMatchObject({ verdict: 'trusted', unverified: [] });
    expect(verdict.checks.find(({ name }) => name === 'freshness.age')?.status).toBe('pass');
  });

  it('has no age without one: CHALLENGE_MISSING, undetermined', async () => {
    for (const quoted of [null, NONCE])
      expect(await judged(null, quoted)).toMatchObject({
        verdict: 'undetermined',
        code: 'CHALLENGE_MISSING',
        unverified: ['freshness.age'],
      });
  });

  it('has no age by the challenge of another', async () => {
    const verdict = await judged(NONCE, new Uint8Array(32));
    expect(verdict).toMatchObject({ verdict: 'rejected', code: 'CHALLENGE_MISMATCH' });
    expect(verdict.unverified).toEqual(['freshness.age']);
  });

  it('needs none when the policy waives its age', async () => {
    const freshness = { max_age_seconds: 'any', nonce: 'any' };
    const verdict = await judged(null, null, { freshness });
    expect(verdict).toMatchObject({ verdict: 'trusted', unverified: [] });
    expect(verdict.waived).toContain('freshness.age');
  });
});

describe('an attestation without a signed time', () => {
  async function judged(made: TestService, changes: Partial<AttestationOptions>, policy: JsonObject) {
    platform.changes = { time: null };
    const judgement = await judgeAttestation(made.attestation, {
      mode: 'live',
      now: PKI_TIME,
      trust: trustFor(made, { service: 'any', ...policy }),
      crypto: nodeCrypto,
      challenge: CHALLENGE,
      session: made.session,
      ...changes,
    } as AttestationOptions);
    return { ...judgement.verdict, accepted: judgement.service !== null };
  }

  it('is accepted for a challenge of ours in its quote', async () => {
    const made = await makeService({}, pki);
    expect(await judged(made, {}, {})).toMatchObject({ verdict: 'trusted', accepted: true });
  });

  it('is not for a challenge that only the session answers: CHALLENGE_MISSING', async () => {
    const made = await makeService({ attestation: { challenge: null } }, pki);
    expect(await judged(made, {}, {})).toMatchObject({
      verdict: 'undetermined',
      code: 'CHALLENGE_MISSING',
      unverified: ['freshness.age'],
      accepted: false,
    });
  });

  it('is not without any challenge', async () => {
    const made = await makeService({}, pki);
    expect(await judged(made, { challenge: null, session: null }, nonceAny)).toMatchObject({
      code: 'CHALLENGE_MISSING',
      accepted: false,
    });
  });

  it('needs no age in an archive', async () => {
    const made = await makeService({}, pki);
    expect(await judged(made, { mode: 'archive', challenge: null, session: null }, {})).toMatchObject({
      verdict: 'trusted',
      accepted: true,
    });
  });
});

describe('a check that is planned and not performed', () => {
  const skipping: Partial<ProvenEvidence> = { appraise: () => undefined };
  const binding = new Uint8Array(64).fill(8);

  it.each([
    ['while the chain holds', PKI_TIME],
    ['after it has ended', EXPIRED],
  ])('accepts no seal, %s: EVIDENCE_UNVERIFIED', async (_, now) => {
    const made = await makeService({}, pki);
    const { judgeSeal } = await auditJudge({ trust: trustFor(made), crypto: nodeCrypto, now })(
      made.attestation,
    );
    const document = makeDocument(pki, { user_data: binding });
    await expect(judgeSeal(document, binding)).resolves.toBe(undefined);
    platform.changes = skipping;
    await expect(judgeSeal(document, binding)).toRejectWith('EVIDENCE_UNVERIFIED');
  });

  it('accepts no epoch', async () => {
    const made = await makeService({}, pki);
    const judge = auditJudge({ trust: trustFor(made), crypto: nodeCrypto, now: PKI_TIME });
    platform.changes = skipping;
    await expect(judge(made.attestation)).rejects.toThrow(
      'not performed: nitro.kind, nitro.debug, nitro.partition, nitro.pcrs, nitro.hardware, nitro.revocation',
    );
  });
});
