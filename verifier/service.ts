/**
 * Judges an attestation: evidence with the identity statement that it binds, and, for a live endpoint, the proof that
 * this very session ends in that enclave. What comes out is the service: its name, its keys, and until when.
 */
import { equalBytes } from '../src/base/bytes.ts';
import type { Millis } from '../src/base/clock.ts';
import type { Crypto } from '../src/base/crypto.ts';
import { AssayError, fail } from '../src/base/errors.ts';
import { toHex } from '../src/base/hex.ts';
import type { JsonObject } from '../src/codec/json.ts';
import { leafHash, verifyInclusion } from '../src/log/merkle.ts';
import type { Attestation, SessionProof } from '../src/statement/attestation.ts';
import { DOMAINS } from '../src/statement/bind.ts';
import type { NamedThumbprint } from '../src/statement/fields.ts';
import { Identity } from '../src/statement/identity.ts';
import { thumbprint } from '../src/statement/thumbprint.ts';
import { withEndorsements } from './endorsements.ts';
import { hearEvidence, type Hearing, type JudgeOptions, NONCE_CHECK, requireBinding } from './appraise.ts';
import type { PlatformTable, ProvenEvidence } from './platform.ts';
import { PLATFORMS } from './platforms.ts';
import { appraiseService, SERVICE_APPRAISE_CHECKS } from './service-appraise.ts';
import { judgeSession, type LiveSession, SESSION_CHECKS } from './session.ts';
import type { TrustPolicy } from './trust-policy.ts';
import type { CheckLog, PlannedCheck, Verdict } from './verdict.ts';

export type { LiveSession, SessionProof };

export type AttestationOptions = JudgeOptions & {
  /** The 32 random bytes that the caller sent; null when it sent none. */
  readonly challenge: Uint8Array | null;
  /** The live session that the attestation came through; null for a recorded one. */
  readonly session: LiveSession | null;
  /** The measured configuration, when it is at hand: it says whose policy orders count. */
  readonly config?: Uint8Array;
};

/** A service whose evidence was accepted: what receipts and sessions are checked against. */
export interface VerifiedService {
  readonly origin: string;
  readonly platform: string;
  readonly simulated: boolean;
  /** Number of the boot. */
  readonly epoch: number;
  readonly bootId: Uint8Array;
  /** Raw Ed25519: signs the checkpoints of this boot. */
  readonly epochKey: Uint8Array;
  /** Raw Ed25519: signs session proofs of this boot. */
  readonly sessionKey: Uint8Array;
  /** Raw Ed25519 log key, proven by its thumbprint in the keyring; null when the attestation carries none. */
  readonly logKey: Uint8Array | null;
  /** Raw X25519. */
  readonly hpkeKey: Uint8Array;
  readonly tlsSpkiHash: Uint8Array;
  readonly keyring: readonly NamedThumbprint[];
  readonly configDigest: Uint8Array;
  readonly custody: string;
  /** When the evidence ends, and with it every session on it. */
  readonly validUntil: Millis;
  /** SHA-256 of the evidence. */
  readonly evidenceDigest: Uint8Array;
  /** `unanchored`: judged at the evidence's own time, so that nothing says when it was made. */
  readonly time: 'live' | 'given' | 'unanchored';
  /**
   * What times that the service states rest on: its hardware signs one with each quote, or nothing does, and whoever
   * runs the machine sets them.
   */
  readonly clock: 'hardware' | 'unanchored';
}

/** `service` is null unless the verdict is trusted, or only its time is unanchored and the caller asked for that. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly service: VerifiedService | null;
  readonly failure: AssayError | null;
}

const STATEMENT_CHECKS: readonly PlannedCheck[] = Object.freeze([
  {
    name: 'statement.bound',
    clause: 'design 4: the slot holds SHA-512(assay/identity/v1 ‖ 00 ‖ length ‖ statement)',
  },
  { name: 'statement.format', clause: 'design 4; RFC 8949 4.2.1' },
  {
    name: 'statement.platform',
    clause: 'design 4: the statement names its platform; no recipient key in an identity quote',
  },
  {
    name: 'statement.challenges',
    clause: 'design 4: RFC 6962 root of the challenges, in the challenge slot where there is one',
  },
  { name: 'statement.simulated', clause: 'design 3.9' },
  { name: 'statement.keys', clause: 'RFC 9679: thumbprints of the keyring' },
]);

/**
 * Endorsements that travel with the attestation are judged with what the caller has. Never throws because of what an
 * attestation holds; rejects only for a bad trust policy.
 */
export function judgeAttestation(attestation: Attestation, options: AttestationOptions): Promise<Judgement> {
  return judgeAttestationOn(PLATFORMS, attestation, options);
}

/** Not part of the package: a test of unsigned hardware has a table of its own. */
export async function judgeAttestationOn(
  platforms: PlatformTable,
  attestation: Attestation,
  options: AttestationOptions,
): Promise<Judgement> {
  const { trust, challenge, session } = options;
  const nonce = trust !== null || (challenge !== null && attestation.challenge !== null);
  const hearing = await hearEvidence(
    attestation.evidence,
    attestation.platform,
    { ...options, collateral: withEndorsements(attestation.endorsements, options.collateral) },
    [
      ...STATEMENT_CHECKS,
      ...(session !== null || trust !== null ? SESSION_CHECKS : []),
      ...(nonce ? [NONCE_CHECK] : []),
      ...(trust === null ? [] : SERVICE_APPRAISE_CHECKS),
    ],
    platforms,
  );
  const { evidence, log } = hearing;
  if (evidence === null) return settle(hearing, null, null, options);
  const identity = readIdentity(attestation, evidence, options.crypto, log);
  if (identity === null) return settle(hearing, null, null, options);
  await judgeSession(identity, attestation, options, log);
  if (nonce) judgeChallenge(identity, attestation, options, log);
  const { challenge: place } = attestation;
  hearing.judgeAge(challenge !== null && place !== null && log.passed('freshness.nonce'));
  if (hearing.trust !== null)
    appraiseService(identity, hearing.trust, options.config ?? null, options.crypto, log);
  return settle(hearing, identity, serviceOf(identity, attestation, evidence, options), options);
}

/** Null when the statement is not bound or contradicts the evidence; the log says which. */
function readIdentity(
  attestation: Attestation,
  evidence: ProvenEvidence,
  crypto: Crypto,
  log: CheckLog,
): Identity | null {
  try {
    log.demand('statement.bound', () =>
      requireBinding(evidence, DOMAINS.identity, attestation.identity, crypto),
    );
    const identity = log.demand('statement.format', () => Identity.decode(attestation.identity));
    log.demand('statement.platform', () => checkPlatform(identity, attestation, evidence));
    log.demand('statement.challenges', () => checkChallengeRoot(identity, evidence));
    log.demand('statement.simulated', () => checkSimulated(identity, evidence));
    log.demand('statement.keys', () => checkKeys(identity, attestation, crypto));
    return identity;
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return null;
  }
}

function checkPlatform(identity: Identity, attestation: Attestation, evidence: ProvenEvidence): void {
  if (identity.platform !== attestation.platform)
    fail('STATEMENT_MISMATCH', `the statement is of platform ${JSON.stringify(identity.platform)}`);
  // Only release quotes carry a key to encrypt to; in an identity quote it would open a second meaning.
  if (evidence.recipient !== null) fail('STATEMENT_MISMATCH', 'an identity quote carries a recipient key');
}

/** Where there is no slot for it, the statement alone holds the root, and the evidence binds the statement. */
function checkChallengeRoot(identity: Identity, evidence: ProvenEvidence): void {
  if (!evidence.hasChallengeSlot) return;
  const none = new Uint8Array(0);
  if (!equalBytes(identity.challengeRoot ?? none, evidence.challenge ?? none))
    fail('CHALLENGE_MISMATCH', 'the quote and the statement hold different challenges');
}

function checkSimulated(identity: Identity, evidence: ProvenEvidence): void {
  if (identity.simulated !== evidence.simulated)
    fail(
      'SIMULATED_MISMATCH',
      `the statement says simulated: ${identity.simulated}, its root says ${evidence.simulated}`,
    );
  if (identity.origin.startsWith('sim.') !== identity.simulated)
    fail('SIMULATED_MISMATCH', 'the origin and the statement disagree about being simulated');
}

/** Raw keys travel beside the statement and count only by their thumbprints in it. */
function checkKeys(identity: Identity, attestation: Attestation, crypto: Crypto): void {
  const names = identity.keyring.map(({ name }) => name);
  if (new Set(names).size !== names.length) fail('STATEMENT_MISMATCH', 'the keyring names a key twice');
  for (const { name, key } of attestation.keys) {
    const entry = identity.keyring.find((candidate) => candidate.name === name);
    if (entry === undefined || !equalBytes(entry.thumbprint, thumbprint(crypto, key)))
      fail('STATEMENT_MISMATCH', `the key ${JSON.stringify(name)} is not the one in the keyring`);
  }
}

function judgeChallenge(
  identity: Identity,
  attestation: Attestation,
  options: AttestationOptions,
  log: CheckLog,
): void {
  const { challenge, trust, mode, session } = options;
  const wanted = trust?.freshness.nonce ?? 'any';
  const carried = challenge !== null && attestation.challenge !== null;
  if (mode === 'archive' && !carried) log.notApplicable('freshness.nonce');
  else if (wanted === 'any' && !carried) log.waive('freshness.nonce');
  else
    log.judge('freshness.nonce', () => {
      if (carried) checkChallenge(identity, attestation, challenge, options.crypto);
      if (mode === 'archive' || wanted === 'any') return;
      if (wanted === 'session' && session === null) fail('SESSION_MISSING', 'there is no session to prove');
      if (challenge === null) fail('CHALLENGE_MISSING', 'no challenge is given to compare');
      if (wanted === 'quote' && !carried)
        fail('CHALLENGE_MISMATCH', 'the quote answers no challenge of ours');
    });
}

/** The challenge is a leaf under the root that the quote holds, by itself or in what it binds (design 4). */
function checkChallenge(
  identity: Identity,
  attestation: Attestation,
  challenge: Uint8Array,
  crypto: Crypto,
): void {
  const { challengeRoot } = identity;
  const place = attestation.challenge;
  if (challengeRoot === null || place === null)
    return fail('CHALLENGE_MISMATCH', 'the quote holds no challenge');
  try {
    verifyInclusion(crypto, {
      index: place.index,
      size: place.count,
      leafHash: leafHash(crypto, challenge),
      proof: place.path,
      root: challengeRoot,
    });
  } catch (cause) {
    if (!(cause instanceof AssayError)) throw cause;
    fail('CHALLENGE_MISMATCH', 'our challenge is not among those that the quote answers', { cause });
  }
}

function settle(
  hearing: Hearing,
  identity: Identity | null,
  service: VerifiedService | null,
  options: { readonly trust: TrustPolicy | null },
): Judgement {
  const { evidence } = hearing;
  const unanchored = evidence !== null && evidence.time === null;
  const clock: JsonObject = unanchored ? { clock: 'unanchored' } : {};
  const verdict = hearing.conclude(
    identity === null ? {} : { identity: { ...identityJson(identity), ...clock } },
  );
  const { failure } = hearing.log;
  const accepted = verdict.verdict === 'trusted' || hearing.log.onlyTimeOpen;
  return Object.freeze({ verdict, service: accepted && options.trust !== null ? service : null, failure });
}

function serviceOf(
  identity: Identity,
  attestation: Attestation,
  evidence: ProvenEvidence,
  options: AttestationOptions,
): VerifiedService {
  const { origin, platform, simulated, epoch, bootId, epochKey, sessionKey, hpkeKey, tlsSpkiHash } = identity;
  const { keyring, configDigest, custody } = identity;
  const live = options.mode === 'live' ? 'live' : 'given';
  return Object.freeze({
    origin,
    platform,
    simulated,
    epoch,
    bootId,
    epochKey,
    sessionKey,
    logKey: attestation.keys.find(({ name }) => name === 'log')?.key ?? null,
    hpkeKey,
    tlsSpkiHash,
    keyring,
    configDigest,
    custody,
    validUntil: evidence.validUntil,
    evidenceDigest: options.crypto.sha256(attestation.evidence),
    time: options.now === 'evidence' ? 'unanchored' : live,
    clock: evidence.time === null ? 'unanchored' : 'hardware',
  });
}

function identityJson(identity: Identity): JsonObject {
  const hexOrNull = (bytes: Uint8Array | null): string | null => (bytes === null ? null : toHex(bytes));
  return {
    platform: identity.platform,
    simulated: identity.simulated,
    origin: identity.origin,
    epoch: identity.epoch,
    boot_id: toHex(identity.bootId),
    epoch_key: toHex(identity.epochKey),
    session_key: toHex(identity.sessionKey),
    tls_spki_sha256: toHex(identity.tlsSpkiHash),
    hpke_key: toHex(identity.hpkeKey),
    keyring: identity.keyring.map(({ name, thumbprint: print }) => ({ name, thumbprint: toHex(print) })),
    custody: identity.custody,
    config_digest: toHex(identity.configDigest),
    witness_policy_digest: hexOrNull(identity.witnessPolicyDigest),
    gpu_digest: hexOrNull(identity.gpuDigest),
    challenge_root: hexOrNull(identity.challengeRoot),
  };
}
