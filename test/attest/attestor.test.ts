import { describe, expect, it } from 'vitest';
import { type Attestor, createAttestor, createQuoter } from '../../enclave/attest/index.ts';
import { nodeCrypto } from '../../native/index.ts';
import { AssayError } from '../../src/base/errors.ts';
import { ed25519Raw } from '../../src/base/ed25519.ts';
import { toHex } from '../../src/base/hex.ts';
import type { Attestation } from '../../src/statement/attestation.ts';
import { Identity } from '../../src/statement/identity.ts';
import { thumbprint } from '../../src/statement/thumbprint.ts';
import {
  judgeAttestation,
  readTrustPolicy,
  type TrustPolicy,
  type Verdict,
  webCrypto,
} from '../../verifier/index.ts';
import { testEnclave, TEST_ORIGIN, type TestEnclave } from '../support/enclave.ts';
import { MEASURED } from '../support/simulated.ts';

interface Bench {
  readonly enclave: TestEnclave;
  readonly attestor: Attestor;
  readonly trust: TrustPolicy;
  readonly quotes: number[];
  /** Fails the next quotes with this, while set. */
  failure: unknown;
}

async function bench(faults: readonly string[] = [], nonce: 'quote' | 'session' = 'session'): Promise<Bench> {
  const enclave = await testEnclave({ faults });
  const { keys, machine, clock, platform, configDigest } = enclave;
  const log = new Uint8Array(32).fill(0x58);
  const out = { enclave, quotes: [] as number[], failure: undefined as unknown };
  const counted = {
    ...platform,
    quote: async (request: Parameters<typeof platform.quote>[0]) => {
      out.quotes.push(machine.now);
      if (out.failure !== undefined) throw out.failure;
      return platform.quote(request);
    },
  };
  const attestor = createAttestor({
    hashing: nodeCrypto,
    quoter: createQuoter(
      counted,
      () => BigInt(machine.now) * 1_000_000n,
      () => undefined,
    ),
    clock,
    keys,
    identity: {
      platform: 'nitro',
      simulated: true,
      origin: TEST_ORIGIN,
      epoch: 1,
      bootId: keys.bootId,
      epochKey: ed25519Raw(keys.epoch.spki),
      sessionKey: ed25519Raw(keys.session.spki),
      tlsSpkiHash: keys.tls.spkiHash,
      hpkeKey: keys.hpke.publicKey,
      keyring: [{ name: 'log', thumbprint: thumbprint(nodeCrypto, log) }],
      custody: 'test',
      configDigest,
      witnessPolicyDigest: null,
      gpuDigest: null,
    },
    named: [{ name: 'log', key: log }],
  });
  const trust = readTrustPolicy({
    version: 1,
    service: { origin: TEST_ORIGIN, config_digest: toHex(configDigest), policy_authorities: 'any' },
    hardware: { ids: 'any' },
    platforms: { nitro: { pcrs: { '0': [toHex(MEASURED.pcr0)] }, debug: 'reject' } },
    freshness: { max_age_seconds: 300, nonce },
    revocation: 'any',
    simulated: {
      roots: [
        {
          platform: 'nitro',
          spki_sha256: toHex(machine.hardware.rootSpkiSha256),
          name: machine.hardware.rootName,
        },
      ],
    },
    witnesses: 'none',
  });
  return Object.assign(out, { attestor, trust });
}

const challengeOf = (i: number): Uint8Array => nodeCrypto.sha256(Uint8Array.of(i & 0xff, i >>> 8));
const EXPORTER = new Uint8Array(32).fill(6);

async function judge(
  { enclave, attestor, trust }: Bench,
  attestation: Attestation,
  challenge: Uint8Array,
  seen: { exporter?: Uint8Array; tlsSpkiHash?: Uint8Array; proofFor?: Uint8Array } = {},
): Promise<Verdict> {
  const proof = attestor.session(attestation, seen.proofFor ?? challenge, EXPORTER);
  const { verdict } = await judgeAttestation(attestation, {
    trust,
    crypto: webCrypto,
    now: enclave.machine.now,
    mode: 'live',
    challenge,
    session: {
      proof,
      exporter: seen.exporter ?? EXPORTER,
      tlsSpkiHash: seen.tlsSpkiHash ?? enclave.keys.tls.spkiHash,
    },
  });
  return verdict;
}

describe('the attestor', () => {
  it('answers many challenges with one quote, each with a path that the verifier follows', async () => {
    const one = await bench([], 'quote');
    const challenges = Array.from({ length: 37 }, (_, i) => challengeOf(i));
    const first = one.attestor.fresh(challenges[0] as Uint8Array);
    const rest = challenges.slice(1).map((challenge) => one.attestor.fresh(challenge));
    const made = await Promise.all([first, ...rest]);
    expect(one.quotes).toHaveLength(1);
    for (const [i, attestation] of made.entries()) {
      expect(attestation.challenge).toMatchObject({ index: i, count: 37 });
      expect(await judge(one, attestation, challenges[i] as Uint8Array)).toMatchObject({
        verdict: 'trusted',
      });
    }
    const swapped = await judge(one, made[3] as Attestation, challenges[4] as Uint8Array);
    expect(swapped).toMatchObject({ verdict: 'rejected', code: 'CHALLENGE_MISMATCH' });
  });

  it('gathers what comes during a quote for the next one, at most 1,024 in each', async () => {
    const one = await bench(['slow-quotes=20']);
    const early = one.attestor.fresh(challengeOf(1));
    await new Promise((resolve) => setTimeout(resolve, 5));
    const late = Array.from({ length: 1_025 }, (_, i) => one.attestor.fresh(challengeOf(i + 2)));
    const [first, ...rest] = await Promise.all([early, ...late]);
    expect(first?.challenge?.count).toBe(1);
    expect(rest[0]?.challenge?.count).toBe(1_024);
    expect(rest.at(-1)?.challenge?.count).toBe(1);
    expect(one.quotes).toHaveLength(3);
    const verdict = await judge(one, rest[1_023] as Attestation, challengeOf(1_025));
    expect(verdict).toMatchObject({ verdict: 'trusted' });
  });

  it('holds 65,536 challenges at most, and answers all that it took', async () => {
    const one = await bench(['slow-quotes=20']);
    const early = one.attestor.fresh(challengeOf(1));
    await new Promise((resolve) => setTimeout(resolve, 5));
    one.failure = new AssayError('NSM_REFUSED', 'InternalError');
    const held = Array.from({ length: 65_536 }, () => one.attestor.fresh(challengeOf(2)));
    await expect(one.attestor.fresh(challengeOf(3))).toRejectWith('QUOTE_UNAVAILABLE');
    await early;
    const ends = new Set((await Promise.allSettled(held)).map(({ status }) => status));
    expect([...ends]).toEqual(['rejected']);
    one.failure = undefined;
    const again = await one.attestor.fresh(challengeOf(3));
    expect(await judge(one, again, challengeOf(3))).toMatchObject({ verdict: 'trusted' });
  });

  it('keeps the identity quote for a minute, and one refresh serves all who wait', async () => {
    const one = await bench();
    const { machine } = one.enclave;
    const [a, b] = await Promise.all([one.attestor.current(), one.attestor.current()]);
    machine.now += 59_999;
    expect(await one.attestor.current()).toBe(a);
    expect(a).toBe(b);
    expect(one.quotes).toHaveLength(1);
    machine.now += 1;
    expect(await one.attestor.current()).not.toBe(a);
    expect(one.quotes).toHaveLength(2);
    expect(await judge(one, await one.attestor.current(), challengeOf(1))).toMatchObject({
      verdict: 'trusted',
    });
  });

  it('says what the device says when it fails, and goes on when it works again', async () => {
    const one = await bench();
    one.failure = new Error('device');
    await expect(one.attestor.current()).toRejectWith('QUOTE_UNAVAILABLE');
    const many = [1, 2, 3].map((i) => one.attestor.fresh(challengeOf(i)));
    for (const each of many) await expect(each).toRejectWith('QUOTE_UNAVAILABLE');
    one.failure = new AssayError('NSM_REFUSED', 'InternalError');
    await expect(one.attestor.fresh(challengeOf(1))).toRejectWith('NSM_REFUSED');
    one.failure = undefined;
    for (const again of [await one.attestor.fresh(challengeOf(1)), await one.attestor.current()])
      expect(await judge(one, again, challengeOf(1))).toMatchObject({ verdict: 'trusted' });
  });

  it('takes challenges of 32 bytes only: CHALLENGE_INVALID', async () => {
    const { attestor } = await bench();
    const current = await attestor.current();
    for (const length of [0, 31, 33, 64]) {
      await expect(attestor.fresh(new Uint8Array(length))).toRejectWith('CHALLENGE_INVALID');
      expect(() => attestor.session(current, new Uint8Array(length), EXPORTER)).toFailWith(
        'CHALLENGE_INVALID',
      );
    }
  });

  it('proves the session: another exporter, TLS key, challenge or boot is SESSION_MISMATCH', async () => {
    const one = await bench();
    const current = await one.attestor.current();
    const challenge = challengeOf(1);
    expect(await judge(one, current, challenge)).toMatchObject({ verdict: 'trusted', simulated: true });
    const other = new Uint8Array(32).fill(0xdd);
    for (const seen of [{ exporter: other }, { tlsSpkiHash: other }, { proofFor: challengeOf(2) }])
      expect(await judge(one, current, challenge, seen)).toMatchObject({
        verdict: 'rejected',
        code: 'SESSION_MISMATCH',
      });
    const stranger = await bench();
    const mixed = { ...one, attestor: stranger.attestor };
    expect((await judge(mixed, current, challenge)).verdict).toBe('rejected');
  });

  it('names each challenge root in the identity, and none when nobody asked', async () => {
    const { attestor } = await bench();
    const fresh = await attestor.fresh(challengeOf(1));
    expect(Identity.decode(fresh.identity).challengeRoot).not.toBeNull();
    const current = await attestor.current();
    expect(Identity.decode(current.identity).challengeRoot).toBeNull();
    expect(current.challenge).toBeNull();
  });
});
