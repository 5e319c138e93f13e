/**
 * Identity: which code runs, with which keys, for which service (design section 4). One identity quote serves
 * every session until it is a minute old; a client that wants its own challenge inside the quote asks for a
 * fresh one and shares it with whoever else asked meanwhile.
 */
import type { Hashing } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import type { Attestation, SessionProof } from '../../src/statement/attestation.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { Identity } from '../../src/statement/identity.ts';
import { Session } from '../../src/statement/session.ts';
import type { BootKeys } from '../keys/boot-keys.ts';
import type { EnclaveClock } from '../platform/clock.ts';
import { batchChallenges, requireChallenge } from './challenges.ts';
import type { Quoter } from './quoter.ts';

export interface Attestor {
  /** The identity quote of this boot, at most a minute old. */
  current(): Promise<Attestation>;
  /** An identity quote made after this call, with the challenge in it. */
  fresh(challenge: Uint8Array): Promise<Attestation>;
  /** Binds a TLS channel to a quote: signed by the session key, which the quote carries. */
  session(attestation: Attestation, challenge: Uint8Array, exporter: Uint8Array): SessionProof;
}

export interface AttestorParts {
  readonly hashing: Hashing;
  readonly quoter: Quoter;
  readonly clock: EnclaveClock;
  readonly keys: BootKeys;
  /** Everything in the identity but the challenge root. */
  readonly identity: Omit<Identity, 'challengeRoot'>;
  /** Raw public keys that the identity names by thumbprint. */
  readonly named: Attestation['keys'];
}

const MAX_AGE_MS = 60_000;
/** A path of ten hashes at most; and no more waiting than the heap should hold. */
const MAX_BATCH = 1_024;
const MAX_WAITING = 65_536;

export function createAttestor(parts: AttestorParts): Attestor {
  const { hashing, quoter, clock, keys } = parts;
  let latest: { attestation: Attestation; at: number } | null = null;
  let refreshing: Promise<Attestation> | null = null;
  let gathering: {
    challenge: Uint8Array;
    resolve: (attestation: Attestation) => void;
    reject: (error: unknown) => void;
  }[] = [];
  let quoting = false;

  async function quoteIdentity(challengeRoot: Uint8Array | null): Promise<Attestation> {
    const identity = Identity.encode({ ...parts.identity, challengeRoot });
    const binding = bind(hashing, DOMAINS.identity, identity);
    const { evidence, endorsements } = await quoter.quote('identity', {
      binding,
      challenge: challengeRoot,
      recipient: null,
    });
    const { platform } = parts.identity;
    return { platform, evidence, identity, challenge: null, keys: parts.named, endorsements };
  }

  async function refresh(): Promise<Attestation> {
    const attestation = await quoteIdentity(null);
    latest = { attestation, at: clock.now() };
    return attestation;
  }

  /** Challenges gather while a quote is under way; the next quote carries the root of all of them. */
  async function quoteChallenges(): Promise<void> {
    quoting = true;
    await new Promise((resolve) => setImmediate(resolve));
    while (gathering.length > 0) {
      const taken = gathering.splice(0, MAX_BATCH);
      try {
        const batch = batchChallenges(
          hashing,
          taken.map(({ challenge }) => challenge),
        );
        const attestation = await quoteIdentity(batch.root);
        taken.forEach(({ resolve }, index) => resolve({ ...attestation, challenge: batch.path(index) }));
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
    quoting = false;
  }

  return {
    async current() {
      if (latest !== null && clock.now() - latest.at < MAX_AGE_MS) return latest.attestation;
      refreshing ??= refresh().finally(() => {
        refreshing = null;
      });
      return refreshing;
    },
    async fresh(challenge) {
      requireChallenge(challenge);
      if (gathering.length >= MAX_WAITING) fail('QUOTE_UNAVAILABLE', `${MAX_WAITING} challenges are waiting`);
      return new Promise((resolve, reject) => {
        gathering.push({ challenge, resolve, reject });
        if (!quoting) void quoteChallenges();
      });
    },
    session(attestation, challenge, exporter) {
      const statement = Session.encode({
        role: 'enclave',
        bootId: keys.bootId,
        challenge: requireChallenge(challenge),
        exporter,
        tlsSpkiHash: keys.tls.spkiHash,
        evidenceDigest: hashing.sha256(attestation.evidence),
      });
      return { statement, signature: keys.session.sign(bind(hashing, DOMAINS.session, statement)) };
    },
  };
}
