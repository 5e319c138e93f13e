/** Attestations judged: the statement that evidence binds, the challenge, the session, and which service it is. */
import { beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { catalogued } from '../../src/base/codes/index.ts';
import type { Code } from '../../src/base/errors.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { DOMAINS } from '../../src/statement/index.ts';
import {
  type AttestationOptions,
  judgeAttestation,
  type Judgement,
  webCrypto,
} from '../../verifier/index.ts';
import { auditJudge } from '../../verifier/audit/judge.ts';
import { defaultPcrs, makeDocument, makePki, PKI_TIME, type TestPki } from '../support/nitro-pki.ts';
import {
  CHALLENGE,
  CONFIG,
  makeService,
  sessionOf,
  type ServiceChanges,
  type TestService,
  trustFor,
} from '../support/nitro-service.ts';

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

const NOW = PKI_TIME + 60_000;

/** Judged live, with challenge and session, under a policy that accepts the unchanged service. */
async function judge(
  service: TestService,
  changes: Partial<AttestationOptions> = {},
  trust: JsonObject = {},
): Promise<Judgement> {
  return judgeAttestation(service.attestation, {
    mode: 'live',
    now: NOW,
    trust: trustFor(service, trust),
    crypto: nodeCrypto,
    challenge: CHALLENGE,
    session: service.session,
    ...changes,
  } as AttestationOptions);
}

async function expectCode(judged: Promise<Judgement>, code: Code, word: string = 'rejected'): Promise<void> {
  const { verdict, service, failure } = await judged;
  expect([verdict.code, verdict.verdict]).toEqual([code, word]);
  expect(failure?.code).toBe(code);
  expect(service).toBeNull();
}

describe('an acceptable service', () => {
  it('is trusted, with nothing unverified, and what it says is handed out', async () => {
    const made = await makeService({}, pki);
    const { verdict, service, failure } = await judge(made);
    expect(failure).toBeNull();
    expect(verdict).toMatchObject({
      verdict: 'trusted',
      code: null,
      simulated: true,
      unverified: [],
      mode: 'live',
      platform: 'nitro',
    });
    expect(verdict.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(service).toMatchObject({
      origin: 'sim.example.org/log',
      epoch: 3,
      time: 'live',
      simulated: true,
      custody: 'aws-kms',
    });
    expect(service?.logKey).toEqual(made.attestation.keys[0]?.key);
    expect(service?.validUntil).toBe(PKI_TIME + 3 * 3_600_000);
    expect(service?.evidenceDigest).toEqual(nodeCrypto.sha256(made.attestation.evidence));
  });

  it('gives the same verdict with WebCrypto, byte for byte', async () => {
    const made = await makeService({}, pki);
    const [one, two] = [await judge(made), await judge(made, { crypto: webCrypto })];
    expect(JSON.stringify(two.verdict)).toBe(JSON.stringify(one.verdict));
  });

  it('lists every check and what was waived', async () => {
    const { verdict } = await judge(
      await makeService({}, pki),
      {},
      { service: 'any', provenance: 'trust-on-first-use' },
    );
    expect(verdict.waived).toEqual(
      expect.arrayContaining([
        'service.origin',
        'service.config',
        'nitro.hardware',
        'witnesses',
        'trust-on-first-use',
      ]),
    );
    expect(new Set(verdict.checks.map(({ name }) => name)).size).toBe(verdict.checks.length);
    expect(verdict.checks.every(({ clause }) => clause.length > 5)).toBe(true);
  });

  it('without a trust policy is authentic at best, and no service comes out', async () => {
    const made = await makeService({}, pki);
    await expectCode(judge(made, { trust: null }), 'CHAIN_ROOT_UNTRUSTED');
  });
});

const STATEMENTS: readonly (readonly [string, ServiceChanges, Code])[] = [
  [
    'a statement that the evidence does not bind',
    { document: { user_data: new Uint8Array(64) } },
    'STATEMENT_NOT_BOUND',
  ],
  ['evidence that binds nothing', { document: { user_data: null } }, 'STATEMENT_NOT_BOUND'],
  [
    'evidence that binds with bytes after it',
    { document: { user_data: new Uint8Array(65) } },
    'STATEMENT_NOT_BOUND',
  ],
  ['a statement bound for a seal', { domain: DOMAINS.seal }, 'STATEMENT_NOT_BOUND'],
  ['a statement bound for a release', { domain: DOMAINS.release }, 'STATEMENT_NOT_BOUND'],
  ['a statement bound for a keyring', { domain: DOMAINS.keyring }, 'STATEMENT_NOT_BOUND'],
  ['a statement of another platform', { identity: { platform: 'tdx' } }, 'STATEMENT_MISMATCH'],
  [
    'an identity quote with a recipient key',
    { document: { public_key: new Uint8Array(91).fill(1) } },
    'STATEMENT_MISMATCH',
  ],
  ['another challenge in the quote', { document: { nonce: new Uint8Array(32) } }, 'CHALLENGE_MISMATCH'],
  ['no challenge in the quote', { document: { nonce: null } }, 'CHALLENGE_MISMATCH'],
  [
    'a challenge in the quote alone',
    { identity: { challengeRoot: null }, document: { nonce: new Uint8Array(32) } },
    'CHALLENGE_MISMATCH',
  ],
  [
    'a challenge in the quote that the statement does not name and nobody claims',
    {
      identity: { challengeRoot: null },
      document: { nonce: new Uint8Array(32) },
      attestation: { challenge: null },
    },
    'CHALLENGE_MISMATCH',
  ],
  [
    'a keyring that names a key twice, where no key travels beside it',
    {
      identity: {
        keyring: [1, 2].map((fill) => ({ name: 'log', thumbprint: new Uint8Array(32).fill(fill) })),
      },
      attestation: { keys: [] },
    },
    'STATEMENT_MISMATCH',
  ],
  [
    'simulated hardware that says it is real',
    { identity: { simulated: false, origin: 'example.org' } },
    'SIMULATED_MISMATCH',
  ],
  [
    'a simulated service under a real name',
    { identity: { origin: 'example.org/log' } },
    'SIMULATED_MISMATCH',
  ],
  [
    'a key that is not in the keyring',
    { attestation: { keys: [{ name: 'log', key: new Uint8Array(32).fill(9) }] } },
    'STATEMENT_MISMATCH',
  ],
  [
    'a key of another name',
    { attestation: { keys: [{ name: 'tenant', key: new Uint8Array(32) }] } },
    'STATEMENT_MISMATCH',
  ],
  [
    'a keyring that names a key twice',
    {
      identity: {
        keyring: [1, 2].map((fill) => ({ name: 'log', thumbprint: new Uint8Array(32).fill(fill) })),
      },
    },
    'STATEMENT_MISMATCH',
  ],
];

describe('statements', () => {
  it.each(STATEMENTS)('refuses %s', async (_, changes, code) => {
    await expectCode(judge(await makeService(changes, pki)), code);
  });

  it('refuses a statement that is swapped for another genuine one', async () => {
    const [one, two] = [await makeService({}, pki), await makeService({ identity: { epoch: 4 } }, pki)];
    const mixed = { ...one, attestation: { ...one.attestation, identity: two.attestation.identity } };
    await expectCode(judge(mixed), 'STATEMENT_NOT_BOUND');
  });

  it('refuses bytes that are no statement although the evidence binds them', async () => {
    const { bind } = await import('../../src/statement/index.ts');
    const junk = utf8('junk');
    const made = await makeService(
      { document: { user_data: bind(nodeCrypto, DOMAINS.identity, junk) }, attestation: { identity: junk } },
      pki,
    );
    const { verdict, failure } = await judge(made);
    expect(verdict.verdict).toBe('rejected');
    expect(failure && catalogued(failure).kind).toBe('malformed');
    expect(verdict.checks.find(({ name }) => name === 'statement.format')?.status).toBe('fail');
  });

  it('refuses a platform that it does not know', async () => {
    const made = await makeService({}, pki);
    const { verdict } = await judge({ ...made, attestation: { ...made.attestation, platform: 'cca' } });
    expect(verdict).toMatchObject({ verdict: 'rejected', code: 'PLATFORM_UNKNOWN', platform: null });
  });
});

describe('sessions', () => {
  const other = new Uint8Array(32).fill(0x99);

  it.each([
    ['boot', { bootId: other }],
    ['challenge', { challenge: other }],
    ['connection', { exporter: other }],
    ['TLS key', { tlsSpkiHash: other }],
    ['evidence', { evidenceDigest: other }],
  ])('refuses a proof for another %s', async (_, session) => {
    await expectCode(judge(await makeService({ session }, pki)), 'SESSION_MISMATCH');
  });

  it('refuses genuine evidence relayed into another connection', async () => {
    const made = await makeService({}, pki);
    await expectCode(judge(made, { session: { ...made.session, exporter: other } }), 'SESSION_MISMATCH');
    await expectCode(judge(made, { session: { ...made.session, tlsSpkiHash: other } }), 'SESSION_MISMATCH');
  });

  it('refuses a TLS key that the evidence does not name, even if the session key signs for it', async () => {
    const made = await makeService({ session: { tlsSpkiHash: other } }, pki);
    await expectCode(judge(made, { session: { ...made.session, tlsSpkiHash: other } }), 'SESSION_MISMATCH');
  });

  it('refuses a proof by another key, or made for another purpose', async () => {
    const made = await makeService({}, pki);
    const stranger = await makeService({}, pki);
    const byOther = sessionOf(made.identity, made.attestation, stranger.sessionKey);
    await expectCode(judge(made, { session: byOther }), 'SESSION_SIGNATURE_INVALID');
    const forSeal = sessionOf(made.identity, made.attestation, made.sessionKey, {}, DOMAINS.seal);
    await expectCode(judge(made, { session: forSeal }), 'SESSION_SIGNATURE_INVALID');
    const zero = await makeService({ identity: { sessionKey: new Uint8Array(32) } }, pki);
    await expectCode(judge(zero), 'SESSION_SIGNATURE_INVALID');
  });

  it('refuses a proof without a challenge of ours', async () => {
    await expectCode(judge(await makeService({}, pki), { challenge: null }), 'SESSION_MISMATCH');
  });

  it('checks a session also where the policy demands none', async () => {
    const made = await makeService({ session: { exporter: other } }, pki);
    await expectCode(
      judge(made, {}, { freshness: { max_age_seconds: 300, nonce: 'any' } }),
      'SESSION_MISMATCH',
    );
  });

  it('cannot decide without a session that the policy demands', async () => {
    const missing = judge(await makeService({}, pki), { session: null });
    await expectCode(missing, 'SESSION_MISSING', 'undetermined');
    expect((await missing).verdict.unverified).toEqual([
      'session.signature',
      'session.binding',
      'freshness.nonce',
    ]);
  });
});

describe('freshness', () => {
  const quote = { freshness: { max_age_seconds: 300, nonce: 'quote' } };

  it('finds our challenge among those that the quote answers', async () => {
    const made = await makeService({}, pki);
    expect((await judge(made, {}, quote)).verdict.verdict).toBe('trusted');
    expect((await judge(made, { session: null }, quote)).verdict.verdict).toBe('trusted');
  });

  it('refuses a quote that answers others', async () => {
    const other = new Uint8Array(32).fill(0x77);
    const made = await makeService({}, pki);
    await expectCode(judge(made, { session: null, challenge: other }, quote), 'CHALLENGE_MISMATCH');
    const path = made.attestation.challenge as NonNullable<typeof made.attestation.challenge>;
    for (const challenge of [
      null,
      { ...path, index: 0 },
      { ...path, count: 2 },
      { ...path, path: [] },
      { ...path, path: [...path.path, other] },
    ])
      await expectCode(
        judge({ ...made, attestation: { ...made.attestation, challenge } }, {}, quote),
        'CHALLENGE_MISMATCH',
      );
  });

  it('refuses a quote that answers others also in an archive, and where the policy asks for none', async () => {
    const challenge = new Uint8Array(32).fill(0x77);
    const made = await makeService({}, pki);
    await expectCode(judge(made, { session: null, challenge, mode: 'archive' }), 'CHALLENGE_MISMATCH');
    const none = { freshness: { max_age_seconds: 300, nonce: 'any' } };
    await expectCode(judge(made, { session: null, challenge }, none), 'CHALLENGE_MISMATCH');
    for (const mode of ['archive', 'live'] as const)
      expect((await judge(made, { session: null, mode }, none)).verdict.verdict).toBe('trusted');
  });

  it('refuses a wrong path also where a session alone would do', async () => {
    const made = await makeService({ attestation: { challenge: { index: 0, count: 1, path: [] } } }, pki);
    await expectCode(judge(made), 'CHALLENGE_MISMATCH');
    const bare = await makeService(
      { identity: { challengeRoot: null }, attestation: { challenge: { index: 0, count: 1, path: [] } } },
      pki,
    );
    await expectCode(judge(bare), 'CHALLENGE_MISMATCH');
  });

  it('accepts an older quote for a new session, where the policy asks for no more', async () => {
    const made = await makeService(
      { identity: { challengeRoot: null }, attestation: { challenge: null } },
      pki,
    );
    expect((await judge(made)).verdict.verdict).toBe('trusted');
    await expectCode(judge(made, {}, quote), 'CHALLENGE_MISMATCH');
  });

  it('cannot decide without a challenge that the policy demands', async () => {
    await expectCode(
      judge(await makeService({}, pki), { session: null, challenge: null }, quote),
      'CHALLENGE_MISSING',
      'undetermined',
    );
  });

  it('compares the hardware timestamp', async () => {
    const made = await makeService({}, pki);
    await expectCode(judge(made, { now: PKI_TIME + 301_000 }), 'EVIDENCE_TOO_OLD');
    expect((await judge(made, { now: PKI_TIME + 300_000 })).verdict.verdict).toBe('trusted');
    const early = await makePki({ leaf: { notBefore: PKI_TIME - 3_600_000 } });
    await expectCode(judge(await makeService({}, early), { now: PKI_TIME - 61_000 }), 'EVIDENCE_FROM_FUTURE');
    expect(
      (
        await judge(
          made,
          { now: PKI_TIME + 2 * 3_600_000 },
          { freshness: { max_age_seconds: 'any', nonce: 'any' } },
        )
      ).verdict.verdict,
    ).toBe('trusted');
  });

  it('ends with the chain', async () => {
    await expectCode(judge(await makeService({}, pki), { now: PKI_TIME + 4 * 3_600_000 }), 'CHAIN_EXPIRED');
  });
});

describe('archive', () => {
  const archived = { session: null, challenge: null } as const;

  it('judges at a time that the caller knows', async () => {
    const made = await makeService({}, pki);
    const { verdict, service } = await judge(made, {
      ...archived,
      mode: 'archive',
      now: PKI_TIME + 3_600_000,
    });
    expect(verdict).toMatchObject({ verdict: 'trusted', mode: 'archive', unverified: [] });
    expect(service?.time).toBe('given');
  });

  it("says that the evidence's own time anchors nothing, and hands the service out as such", async () => {
    const made = await makeService({}, pki);
    const { verdict, service } = await judge(made, { ...archived, mode: 'archive', now: 'evidence' });
    expect(verdict).toMatchObject({
      verdict: 'undetermined',
      code: 'TIME_UNANCHORED',
      unverified: ['time-anchor'],
    });
    expect(service?.time).toBe('unanchored');
  });

  it('does not hide a rejection behind a missing anchor', async () => {
    const made = await makeService({ identity: { origin: 'sim.other' } }, pki);
    const trust = trustFor({ pki, identity: { ...made.identity, origin: 'sim.example.org/log' } });
    await expectCode(
      judge(made, { ...archived, trust, mode: 'archive', now: 'evidence' }),
      'SERVICE_ORIGIN_MISMATCH',
    );
  });
});

describe('the service', () => {
  const named = {
    origin: 'sim.example.org/log',
    config_digest: 'any',
    policy_authorities: ['aa'.repeat(32)],
  };

  it('must be the one that is named', async () => {
    const made = await makeService({}, pki);
    await expectCode(
      judge(made, {}, { service: { ...named, origin: 'sim.example.org' } }),
      'SERVICE_ORIGIN_MISMATCH',
    );
    await expectCode(
      judge(made, {}, { service: { ...named, config_digest: '00'.repeat(32) } }),
      'SERVICE_CONFIG_MISMATCH',
    );
  });

  it('must take orders from the authorities that are named, and nobody else', async () => {
    const made = await makeService({}, pki);
    await expectCode(judge(made, {}, { service: named }), 'SERVICE_CONFIG_MISSING', 'undetermined');
    expect((await judge(made, { config: CONFIG }, { service: named })).verdict.verdict).toBe('trusted');
    await expectCode(
      judge(made, { config: CONFIG }, { service: { ...named, policy_authorities: ['bb'.repeat(32)] } }),
      'SERVICE_AUTHORITIES_MISMATCH',
    );
    await expectCode(judge(made, { config: utf8('{}') }, { service: named }), 'SERVICE_CONFIG_MISMATCH');
    const mute = await makeService({ identity: { configDigest: nodeCrypto.sha256(utf8('{}')) } }, pki);
    await expectCode(judge(mute, { config: utf8('{}') }, { service: named }), 'SERVICE_AUTHORITIES_MISMATCH');
  });

  it('has authorities whose keys are written in either case', async () => {
    const upper = utf8(JSON.stringify({ policy: { keys: ['AA'.repeat(32)] } }));
    const made = await makeService({ identity: { configDigest: nodeCrypto.sha256(upper) } }, pki);
    for (const key of ['aa', 'AA'])
      expect(
        (
          await judge(
            made,
            { config: upper },
            { service: { ...named, policy_authorities: [key.repeat(32)] } },
          )
        ).verdict.verdict,
      ).toBe('trusted');
  });

  it('must run on a platform that the policy names', async () => {
    const made = await makeService({}, pki);
    const trust = { ...trustFor(made), platforms: { nitro: undefined } } as never;
    await expect(judge(made, { trust })).toRejectWith('EXPECTATION_MISSING');
  });
});

describe("an auditor's judge of seals", () => {
  const binding = new Uint8Array(64).fill(8);

  /** Judges the evidence of a seal of the unchanged service, at a time when its chain holds or after. */
  async function judgeSeal(
    document: Parameters<typeof makeDocument>[1],
    from: TestPki = pki,
    now: number = NOW,
  ): Promise<void> {
    const made = await makeService({}, pki);
    const judged = await auditJudge({ trust: trustFor(made), crypto: nodeCrypto, now })(made.attestation);
    expect(judged.anchored).toBe(now === NOW);
    await judged.judgeSeal(makeDocument(from, { user_data: binding, ...document }), binding);
  }

  it.each([
    ['while the chain holds', NOW],
    ['after it has ended', PKI_TIME + 400 * 86_400_000],
  ])('takes what the policy accepts and the seal is bound into, %s', async (_, now) => {
    await expect(judgeSeal({}, pki, now)).resolves.toBe(undefined);
    await expect(judgeSeal({ user_data: null }, pki, now)).toRejectWith('STATEMENT_NOT_BOUND');
    await expect(judgeSeal({ user_data: new Uint8Array(64) }, pki, now)).toRejectWith('STATEMENT_NOT_BOUND');
    const other = defaultPcrs().set(0, new Uint8Array(48).fill(9));
    await expect(judgeSeal({ pcrs: other }, pki, now)).toRejectWith('NITRO_PCR_MISMATCH');
    const debug = defaultPcrs().set(2, new Uint8Array(48));
    await expect(judgeSeal({ pcrs: debug }, pki, now)).toRejectWith('NITRO_DEBUG_MODE');
    await expect(judgeSeal({}, await makePki(), now)).toRejectWith('CHAIN_ROOT_UNTRUSTED');
  });
});
