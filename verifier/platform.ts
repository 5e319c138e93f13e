/**
 * What every platform offers the one code that judges statements, sessions and freshness: the same rooms, `open`
 * (read the bytes), `verify` (who made them) and `appraise` (are they acceptable).
 */
import type { Millis } from '../src/base/clock.ts';
import type { Crypto } from '../src/base/crypto.ts';
import type { JsonObject } from '../src/codec/json.ts';
import type { Collateral } from '../src/collateral/index.ts';
import type { VerifiedChain } from './chain.ts';
import type { ProofCache } from './proof-cache.ts';
import { type RootPin, simulatedRoot } from './roots.ts';
import type { TrustPolicy } from './trust-policy.ts';
import type { CheckLog, PlannedCheck } from './verdict.ts';

declare const proven: unique symbol;

/** Claims that hardware signed. Only a `verify…` function makes one. */
export interface Verified<Claims> {
  readonly [proven]: true;
  readonly claims: Claims;
  readonly pin: RootPin;
  readonly chain: VerifiedChain;
  readonly at: Millis;
  /** Earliest and latest moment at which the same verification holds. */
  readonly validFrom: Millis;
  readonly validUntil: Millis;
}

export interface VerifyContext {
  readonly at: Millis;
  readonly crypto: Crypto;
  /** Null: only genuine hardware is authentic. A trust policy can name simulated roots. */
  readonly trust: TrustPolicy | null;
  /** Certificates, revocation lists and signed statements of the vendor; empty on platforms that need none. */
  readonly collateral: Collateral;
  readonly cache?: ProofCache;
  readonly log: CheckLog;
}

/** Evidence that was read and not yet verified. */
export interface OpenedEvidence {
  /** The time it claims for itself, null when it has none. */
  readonly time: Millis | null;
  verify(context: VerifyContext): Promise<ProvenEvidence>;
}

/** Evidence that hardware, or a simulated root that the trust policy names, has signed. */
export interface ProvenEvidence {
  readonly simulated: boolean;
  readonly validUntil: Millis;
  /** Signed by the hardware; null on platforms without a clock. */
  readonly time: Millis | null;
  /** The 64-byte slot that holds bind(statement); null when empty. */
  readonly binding: Uint8Array | null;
  /** The slot for a challenge; null when empty. */
  readonly challenge: Uint8Array | null;
  /** False where the evidence has but one slot: a challenge can only stand in the statement that it binds. */
  readonly hasChallengeSlot: boolean;
  /** The slot for a key that others encrypt to; null when empty. */
  readonly recipient: Uint8Array | null;
  readonly claims: JsonObject;
  /** When the trust policy itself stops to accept it, where that is before `validUntil`. */
  acceptableUntil?(trust: TrustPolicy): Millis;
  /** Records every expectation of the platform in `log`; throws the first that is not met. */
  appraise(trust: TrustPolicy, log: CheckLog): void;
}

export interface PlatformJudge {
  /** Whether evidence carries a time that the hardware signed. */
  readonly timed: boolean;
  readonly verifyChecks: readonly PlannedCheck[];
  readonly appraiseChecks: readonly PlannedCheck[];
  open(bytes: Uint8Array): OpenedEvidence;
}

export type PlatformTable = ReadonlyMap<string, PlatformJudge>;

/** The roots that a trust policy adds for a platform: simulated ones, and only by name. */
export function simulatedRoots(trust: TrustPolicy | null, platform: string): readonly RootPin[] {
  if (trust === null || trust.simulated === 'reject') return [];
  return trust.simulated.roots
    .filter((root) => root.platform === platform)
    .map((root) => simulatedRoot(root.platform, root.name, root.spki_sha256));
}
