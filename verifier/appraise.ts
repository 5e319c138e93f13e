/**
 * From evidence to a verdict: read, verify, appraise against the trust policy, and say what was not done. Judging a
 * piece of evidence never throws because of what is in it; every finding is in the verdict.
 */
import { compareBytes, equalBytes, isZero } from '../src/base/bytes.ts';
import { type Millis, requireMoment } from '../src/base/clock.ts';
import type { Crypto, Hashing } from '../src/base/crypto.ts';
import { AssayError, fail } from '../src/base/errors.ts';
import { toHex } from '../src/base/hex.ts';
import type { JsonObject } from '../src/codec/json.ts';
import { bind, type Domain } from '../src/statement/bind.ts';
import type { ProofCache } from './proof-cache.ts';
import { type Collateral, NO_COLLATERAL } from '../src/collateral/index.ts';
import type { PlatformJudge, PlatformTable, ProvenEvidence } from './platform.ts';
import { detectPlatform, platformJudge, PLATFORMS } from './platforms.ts';
import { requireTrustPolicy, trustPolicyDigest, type TrustPolicy, waivers } from './trust-policy.ts';
import { CheckLog, concludeVerdict, type PlannedCheck, type Verdict } from './verdict.ts';

/**
 * `live` judges evidence that just arrived. `archive` judges recorded evidence at a time that the caller knows from
 * elsewhere, or at the evidence's own (`'evidence'`), which then anchors nothing: TIME_UNANCHORED. Freshness is a
 * question for live evidence only.
 */
export type JudgementTime =
  | { readonly mode: 'live'; readonly now: Millis }
  | { readonly mode: 'archive'; readonly now: Millis | 'evidence' };

export type JudgeOptions = JudgementTime & {
  /** What is acceptable. Null judges authenticity only, and the best verdict is then `authentic`. */
  readonly trust: TrustPolicy | null;
  readonly crypto: Crypto;
  /** Certificates, revocation lists and signed statements of vendors; none when left out. */
  readonly collateral?: Collateral;
  /** Saves signatures of authorities and collateral that were verified before. */
  readonly cache?: ProofCache;
};

export type EvidenceOptions = JudgeOptions & {
  /** Null: recognise it. */
  readonly platform: string | null;
  /** What the quote's challenge slot must hold; null when the caller sent none. */
  readonly nonce: Uint8Array | null;
};

export interface EvidenceJudgement {
  readonly verdict: Verdict;
  /** Why the verdict is not better, with a message for people. */
  readonly failure: AssayError | null;
}

const EVIDENCE_CHECKS: readonly PlannedCheck[] = [
  { name: 'evidence.format', clause: 'strict and bounded reading; design 3.5' },
];
const TRUST_CHECKS: readonly PlannedCheck[] = [
  { name: 'trust.platform', clause: 'design 3.3: an expectation for the platform' },
];
const FRESHNESS_CHECKS: readonly PlannedCheck[] = [
  { name: 'freshness.age', clause: 'design 8: freshness.max_age_seconds against the hardware timestamp' },
];
export const NONCE_CHECK: PlannedCheck = { name: 'freshness.nonce', clause: 'design 8: freshness.nonce' };
const ANCHOR_CHECK: PlannedCheck = {
  name: 'time-anchor',
  clause: 'design 7: a time from outside the evidence',
};
const SERVICE_CHECK: PlannedCheck = {
  name: 'service',
  clause: 'design 3.4: the service, named by its statement',
};

/** A clock a little behind the hardware's is no sign of forgery. */
const CLOCK_SKEW_MS = 60_000;

/** One judgement under way. */
export interface Hearing {
  readonly log: CheckLog;
  readonly trust: TrustPolicy | null;
  /** Null when the evidence is not authentic: nothing more can be asked of it. */
  readonly evidence: ProvenEvidence | null;
  /**
   * Evidence without a signed time proves no age but by a challenge: the caller says whether it found one of its own
   * in the quote. Until then the age of such evidence is unverified.
   */
  judgeAge(challenged: boolean): void;
  conclude(claims?: JsonObject): Verdict;
}

/** Reads, verifies and appraises; the caller adds what only it can know. `more`: the checks that it will run. */
export async function hearEvidence(
  given: Uint8Array,
  platform: string | null,
  options: JudgeOptions,
  more: readonly PlannedCheck[],
  platforms: PlatformTable = PLATFORMS,
): Promise<Hearing> {
  const { crypto } = options;
  // What is judged is what was given now: the buffer is the caller's, and may be filled anew while signatures are awaited.
  const bytes = given.slice();
  const asked =
    options.now === 'evidence' && options.mode === 'archive'
      ? null
      : requireMoment(options.now as Millis, 'now');
  const trust = options.trust === null ? null : requireTrustPolicy(options.trust);
  const found = recognise(bytes, platform, platforms);
  const log = new CheckLog(planOf(found.judge, trust !== null, options.now === 'evidence', more));
  let at = asked;
  let evidence: ProvenEvidence | null = null;
  try {
    const opened = log.demand('evidence.format', () => found.open());
    at ??=
      opened.time ??
      log.demand('time-anchor', () =>
        fail('TIME_UNANCHORED', 'the evidence has no time of its own; give one'),
      );
    const { cache, collateral = NO_COLLATERAL } = options;
    const saved = cache === undefined ? {} : { cache };
    evidence = await opened.verify({ at, crypto, trust, collateral, log, ...saved });
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
  }
  if (evidence !== null && trust !== null) {
    appraise(evidence, trust, log, options);
    const until = evidence.acceptableUntil?.(trust) ?? evidence.validUntil;
    evidence = { ...evidence, validUntil: Math.min(until, evidence.validUntil) };
  }
  const proven = evidence;
  return {
    log,
    trust,
    evidence,
    judgeAge: (challenged) => {
      if (proven === null || proven.time !== null || trust === null) return;
      if (options.mode === 'archive' || trust.freshness.max_age_seconds === 'any') return;
      log.judge('freshness.age', () => {
        if (!challenged)
          fail(
            'CHALLENGE_MISSING',
            'without a signed time only a challenge of ours in the quote proves an age',
          );
      });
    },
    conclude: (claims = {}) =>
      concludeVerdict(log, {
        platform: found.name,
        simulated: proven?.simulated ?? null,
        mode: options.mode,
        at,
        validUntil: proven?.validUntil ?? null,
        evidenceSha256: toHex(crypto.sha256(bytes)),
        trustSha256: trust === null ? null : trustPolicyDigest(trust, crypto),
        claims: proven === null ? {} : { ...proven.claims, ...claims },
      }),
  };
}

/** Judges bare evidence: a document as the hardware returned it. Rejects only for a bad trust policy. */
export async function judgeEvidence(bytes: Uint8Array, options: EvidenceOptions): Promise<EvidenceJudgement> {
  const { nonce, trust: policy } = options;
  const more = [
    ...(policy === null ? [] : [SERVICE_CHECK]),
    ...(policy === null && nonce === null ? [] : [NONCE_CHECK]),
  ];
  const hearing = await hearEvidence(bytes, options.platform, options, more);
  const { log, evidence, trust } = hearing;
  if (evidence !== null) {
    if (trust !== null) judgeService(trust, log);
    if (trust !== null || nonce !== null) judgeNonce(evidence, nonce, trust, options.mode, log);
    hearing.judgeAge(nonce !== null && log.passed('freshness.nonce'));
  }
  return { verdict: hearing.conclude(), failure: log.failure };
}

function judgeService(trust: TrustPolicy, log: CheckLog): void {
  if (trust.service === 'any') log.waive('service');
  else log.judge('service', () => fail('STATEMENT_MISSING', 'a bare document does not name its service'));
}

function judgeNonce(
  evidence: ProvenEvidence,
  nonce: Uint8Array | null,
  trust: TrustPolicy | null,
  mode: JudgeOptions['mode'],
  log: CheckLog,
): void {
  const wanted = trust?.freshness.nonce ?? 'any';
  if (nonce === null && mode === 'archive') log.notApplicable('freshness.nonce');
  else if (nonce === null && wanted === 'any') log.waive('freshness.nonce');
  else
    log.judge('freshness.nonce', () => {
      if (nonce?.length === 0) fail('CHALLENGE_MISSING', 'a challenge of no bytes asks for nothing');
      if (nonce !== null && !equalBytes(challengeOf(evidence, nonce.length), nonce))
        fail('CHALLENGE_MISMATCH', 'the quote holds another challenge');
      if (mode === 'archive' || wanted === 'any') return;
      if (wanted === 'session') fail('SESSION_MISSING', 'a bare document proves no session');
      if (nonce === null) fail('CHALLENGE_MISSING', 'no challenge is given to compare');
    });
}

/**
 * Where hardware has but one slot, of 64 bytes, a bare document answers a challenge by holding it there, with zeros
 * behind it.
 */
function challengeOf({ hasChallengeSlot, challenge, binding }: ProvenEvidence, length: number): Uint8Array {
  if (hasChallengeSlot || binding === null) return challenge ?? new Uint8Array(0);
  return isZero(binding.subarray(length)) ? binding.subarray(0, length) : binding;
}

interface Recognised {
  readonly name: string | null;
  readonly judge: PlatformJudge | null;
  readonly open: () => ReturnType<PlatformJudge['open']>;
}

function recognise(bytes: Uint8Array, platform: string | null, platforms: PlatformTable): Recognised {
  try {
    const name = platform ?? detectPlatform(bytes);
    const judge = platformJudge(name, platforms);
    return { name, judge, open: () => judge.open(bytes) };
  } catch (error) {
    return {
      name: null,
      judge: null,
      open: () => {
        throw error;
      },
    };
  }
}

function planOf(
  judge: PlatformJudge | null,
  appraised: boolean,
  unanchored: boolean,
  more: readonly PlannedCheck[],
): readonly PlannedCheck[] {
  const verify = [...EVIDENCE_CHECKS, ...(judge?.verifyChecks ?? [])];
  const appraisal = appraised ? [...TRUST_CHECKS, ...(judge?.appraiseChecks ?? []), ...FRESHNESS_CHECKS] : [];
  return [...verify, ...appraisal, ...more, ...(unanchored ? [ANCHOR_CHECK] : [])];
}

function appraise(evidence: ProvenEvidence, trust: TrustPolicy, log: CheckLog, options: JudgeOptions): void {
  for (const waived of waivers(trust)) log.note(waived);
  log.judge('trust.platform', () => {
    try {
      evidence.appraise(trust, log);
    } catch (error) {
      // Whatever else it threw stands in the log under its own check.
      if (!(error instanceof AssayError) || error.code === 'PLATFORM_NOT_ACCEPTED') throw error;
    }
  });
  if (options.now === 'evidence')
    log.judge('time-anchor', () =>
      fail('TIME_UNANCHORED', 'judged at the time that the evidence gives itself'),
    );
  const limit = trust.freshness.max_age_seconds;
  if (options.mode === 'archive') log.notApplicable('freshness.age');
  else if (limit === 'any') log.waive('freshness.age');
  else if (evidence.time !== null) {
    const { time } = evidence;
    log.judge('freshness.age', () => checkAge(time, options.now, limit));
  }
}

function checkAge(time: Millis, now: Millis, limit: number): void {
  if (time > now + CLOCK_SKEW_MS)
    fail('EVIDENCE_FROM_FUTURE', `made ${Math.ceil((time - now) / 1000)} s after now`);
  if (now - time > limit * 1000)
    fail('EVIDENCE_TOO_OLD', `made ${Math.floor((now - time) / 1000)} s ago, at most ${limit} s are allowed`);
}

/** Throws STATEMENT_NOT_BOUND unless the evidence was made for this statement, in this domain. */
export function requireBinding(
  evidence: Pick<ProvenEvidence, 'binding'>,
  domain: Domain,
  statement: Uint8Array,
  hashing: Hashing,
): void {
  const { binding } = evidence;
  if (binding === null || compareBytes(binding, bind(hashing, domain, statement)) !== 0)
    fail('STATEMENT_NOT_BOUND', `the evidence does not bind this statement as ${domain}`);
}
