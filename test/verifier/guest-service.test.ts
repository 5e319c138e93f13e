/** Attestations of TDX and SEV-SNP guests: endorsements that travel along, challenges in the statement, no signed time. */
import { describe, expect, it } from 'vitest';
import { createAttestor, createQuoter } from '../../enclave/attest/index.ts';
import { makeBootKeys } from '../../enclave/keys/index.ts';
import { createClock, UNBOUNDED_ERROR_MS } from '../../enclave/platform/clock.ts';
import { ORIGIN } from '../../host/launch/index.ts';
import { nodeCrypto } from '../../native/index.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { ed25519Raw } from '../../src/base/ed25519.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { NO_COLLATERAL, parseBundle, writeBundle } from '../../src/collateral/index.ts';
import { type Attestation, MAX_ENDORSEMENTS } from '../../src/statement/attestation.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { Identity } from '../../src/statement/identity.ts';
import { thumbprint } from '../../src/statement/thumbprint.ts';
import { auditJudge, judgeAttestation, type LiveSession } from '../../verifier/index.ts';
import { withEndorsements } from '../../verifier/endorsements.ts';
import { type GuestBench, GUEST_KINDS, GUEST_TIME, guestBench, trustOf } from '../support/guests.ts';

const CHALLENGE = new Uint8Array(32).fill(0x55);
const EXPORTER = new Uint8Array(32).fill(6);
const LOG = new Uint8Array(32).fill(0x58);
const ANY_AGE: JsonObject = { freshness: { max_age_seconds: 'any', nonce: 'any' } };

async function served(guest: GuestBench) {
  const { platform } = guest;
  const keys = makeBootKeys(nodeCrypto, new Uint8Array(32).fill(1));
  const monotonicNs = (): bigint => 0n;
  const attestor = createAttestor({
    hashing: nodeCrypto,
    quoter: createQuoter(platform, monotonicNs, () => undefined),
    clock: createClock(platform.time.source, monotonicNs, GUEST_TIME, UNBOUNDED_ERROR_MS),
    keys,
    identity: {
      platform: platform.kind,
      simulated: true,
      origin: ORIGIN,
      epoch: 1,
      bootId: keys.bootId,
      epochKey: ed25519Raw(keys.epoch.spki),
      sessionKey: ed25519Raw(keys.session.spki),
      tlsSpkiHash: keys.tls.spkiHash,
      hpkeKey: keys.hpke.publicKey,
      keyring: [{ name: 'log', thumbprint: thumbprint(nodeCrypto, LOG) }],
      custody: `sim-kms:${guest.hardware.keyId}`,
      configDigest: guest.configDigest,
      witnessPolicyDigest: null,
      gpuDigest: null,
    },
    named: [{ name: 'log', key: LOG }],
  });
  await platform.measureConfiguration(guest.configDigest);
  const sessionOf = (attestation: Attestation): LiveSession => ({
    proof: attestor.session(attestation, CHALLENGE, EXPORTER),
    exporter: EXPORTER,
    tlsSpkiHash: keys.tls.spkiHash,
  });
  return { attestor, sessionOf };
}

describe.each(GUEST_KINDS)('an attestation of a %s guest', (kind) => {
  async function scene(changes: JsonObject = {}) {
    const guest = await guestBench(kind);
    const { attestor, sessionOf } = await served(guest);
    const trust = await trustOf(guest, changes);
    const judge = (attestation: Attestation, options: Partial<Parameters<typeof judgeAttestation>[1]> = {}) =>
      judgeAttestation(attestation, {
        mode: 'live',
        now: GUEST_TIME,
        trust,
        crypto: nodeCrypto,
        challenge: CHALLENGE,
        session: sessionOf(attestation),
        ...options,
      } as Parameters<typeof judgeAttestation>[1]);
    return { guest, attestor, sessionOf, trust, judge };
  }

  it('is trusted with nothing but what it brings, and says that its clock is not anchored', async () => {
    const { attestor, judge } = await scene();
    const fresh = await attestor.fresh(CHALLENGE);
    const { verdict, service, failure } = await judge(fresh);
    expect([failure, verdict.verdict, verdict.unverified]).toEqual([null, 'trusted', []]);
    expect(service).toMatchObject({ platform: kind, simulated: true, clock: 'unanchored' });
    expect(service?.custody).toMatch(/^sim-kms:/);
    expect(verdict.claims['identity']).toMatchObject({ platform: kind, clock: 'unanchored' });
    expect(verdict.checks.find(({ name }) => name === 'statement.challenges')?.status).toBe('pass');
  });

  it('proves its age by our challenge alone: CHALLENGE_MISSING', async () => {
    const { attestor, judge, trust } = await scene();
    const current = await attestor.current();
    const old = await judge(current, {
      trust: { ...trust, freshness: { max_age_seconds: 300, nonce: 'session' } },
    });
    expect(old.verdict).toMatchObject({ verdict: 'undetermined', code: 'CHALLENGE_MISSING' });
    expect(old.service).toBeNull();
    const any = { ...trust, freshness: { max_age_seconds: 'any', nonce: 'session' } } as const;
    expect((await judge(current, { trust: any })).verdict.verdict).toBe('trusted');
  });

  it('answers our challenge in the statement that it binds, and nobody else’s: CHALLENGE_MISMATCH', async () => {
    const { attestor, judge } = await scene();
    const others = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill));
    const [mine] = await Promise.all([CHALLENGE, ...others].map((one) => attestor.fresh(one)));
    expect((await judge(mine as Attestation)).verdict.verdict).toBe('trusted');
    const path = (mine as Attestation).challenge;
    const foreign = await attestor.fresh(new Uint8Array(32).fill(4));
    for (const attestation of [foreign, { ...foreign, challenge: path }, { ...mine, challenge: null }])
      expect((await judge(attestation as Attestation)).failure?.code).toBe('CHALLENGE_MISMATCH');
    // A root that stands beside the statement and not in it is nobody's.
    const bare = await attestor.current();
    expect((await judge({ ...bare, challenge: path })).failure?.code).toBe('CHALLENGE_MISMATCH');
    const identity = Identity.encode({ ...Identity.decode(bare.identity), challengeRoot: CHALLENGE });
    expect((await judge({ ...bare, identity })).failure?.code).toBe('STATEMENT_NOT_BOUND');
  });

  it('without endorsements is judged with the caller’s, or not at all: COLLATERAL_MISSING', async () => {
    const { attestor, judge } = await scene();
    const fresh = await attestor.fresh(CHALLENGE);
    const bare = { ...fresh, endorsements: null };
    expect((await judge(bare)).verdict).toMatchObject({
      verdict: 'undetermined',
      code: 'COLLATERAL_MISSING',
    });
    const collateral = parseBundle(fresh.endorsements as Uint8Array);
    expect((await judge(bare, { collateral })).verdict.verdict).toBe('trusted');
    // From plain JavaScript, or a file of before there were endorsements.
    const { endorsements: _, ...older } = fresh;
    expect((await judge(older as Attestation, { collateral })).verdict.verdict).toBe('trusted');
  });

  it('with a broken bundle is judged as if there were none, and never crashes', async () => {
    const { attestor, judge } = await scene();
    const fresh = await attestor.fresh(CHALLENGE);
    const good = fresh.endorsements as Uint8Array;
    const collateral = parseBundle(good);
    const cut = writeBundle(collateral.items.slice(1));
    for (const endorsements of [
      utf8('{}'),
      good.slice(0, -1),
      new Uint8Array(10),
      new Uint8Array(MAX_ENDORSEMENTS + 1),
    ]) {
      const judged = await judge({ ...fresh, endorsements });
      expect(judged.verdict).toMatchObject({ verdict: 'undetermined', code: 'COLLATERAL_MISSING' });
      expect((await judge({ ...fresh, endorsements }, { collateral })).verdict.verdict).toBe('trusted');
      const { items, ignored } = withEndorsements(endorsements, collateral);
      expect(items).toEqual(collateral.items);
      expect(ignored).toEqual([{ name: 'endorsements', code: 'BUNDLE_INVALID', why: expect.any(String) }]);
    }
    expect((await judge({ ...fresh, endorsements: cut })).verdict.verdict).not.toBe('trusted');
    expect(withEndorsements(null)).toBe(NO_COLLATERAL);
  });

  it('of another machine is not ours, though the program is', async () => {
    const { judge } = await scene();
    const other = await guestBench(kind, { seed: 2 });
    const { attestor } = await served(other);
    expect((await judge(await attestor.fresh(CHALLENGE))).failure?.code).toBe('CHAIN_ROOT_UNTRUSTED');
  });

  it('is no seal, and a seal is no identity: STATEMENT_NOT_BOUND', async () => {
    const { guest, attestor, judge } = await scene();
    const fresh = await attestor.fresh(CHALLENGE);
    const binding = bind(nodeCrypto, DOMAINS.seal, fresh.identity);
    const { evidence } = await guest.platform.quote({ binding, challenge: null, recipient: null });
    expect((await judge({ ...fresh, evidence })).failure?.code).toBe('STATEMENT_NOT_BOUND');
  });

  it('vouches for the seals of its boot, which bring no endorsements of their own', async () => {
    const { guest, attestor, trust } = await scene();
    const epoch = await attestor.current();
    const judged = auditJudge({ trust, crypto: nodeCrypto, now: GUEST_TIME });
    const { judgeSeal, anchored } = await judged(epoch);
    expect(anchored).toBe(true);
    const binding = new Uint8Array(64).fill(9);
    const { evidence } = await guest.platform.quote({ binding, challenge: null, recipient: null });
    await judgeSeal(evidence, binding);
    await expect(judgeSeal(evidence, new Uint8Array(64))).toRejectWith('STATEMENT_NOT_BOUND');
    const bare = { ...epoch, endorsements: null };
    await expect(judged(bare)).toRejectWith('COLLATERAL_MISSING');
    const collateral = parseBundle(epoch.endorsements as Uint8Array);
    const given = await auditJudge({ trust, crypto: nodeCrypto, now: GUEST_TIME, collateral })(bare);
    await given.judgeSeal(evidence, binding);
  });

  it('is not judged at its own time, which it has not: TIME_UNANCHORED', async () => {
    const { attestor, judge, trust } = await scene(ANY_AGE);
    const current = await attestor.current();
    const judged = await judge(current, {
      trust,
      mode: 'archive',
      now: 'evidence',
      challenge: null,
      session: null,
    });
    expect(judged.verdict).toMatchObject({ verdict: 'undetermined', code: 'TIME_UNANCHORED' });
  });
});
