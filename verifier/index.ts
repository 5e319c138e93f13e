/**
 * verifier/: judges evidence and audits logs, offline, in browsers and in Node from one source. It is the user's own
 * code, with vendor roots pinned; what is acceptable is the user's trust policy.
 * It must never read a clock, draw randomness, touch network or files, or import the enclave, the host or native.
 */
export {
  type EvidenceJudgement,
  type EvidenceOptions,
  judgeEvidence,
  type JudgementTime,
  type JudgeOptions,
  requireBinding,
} from './appraise.ts';
export * from './audit/index.ts';
export { type Collateral, type CollateralFile, readCollateral } from '../src/collateral/index.ts';
export { type ChainContext, type ChainProfile, type VerifiedChain, verifyChain } from './chain.ts';
export { ProofCache } from './proof-cache.ts';
export { signedItems } from './signed-items.ts';
export * from './nitro/index.ts';
export * from './intel/index.ts';
export * from './snp/index.ts';
export type { Verified } from './platform.ts';
export { detectPlatform, hasOwnTime, PLATFORM_NAMES } from './platforms.ts';
export {
  type ActionExpectations,
  type ReceiptLevel,
  type SealedReceipt,
  type VerifiedDecision,
  type VerifiedReceipt,
  verifyReceipt,
  verifyReceiptForAction,
} from './receipt.ts';
export { type RootPin, simulatedRoot } from './roots.ts';
export { type JudgeEvidence, type VerifiedSeal, verifySeal } from './seal.ts';
export { type LogAuthority } from './log-authority.ts';
export {
  type AttestationOptions,
  judgeAttestation,
  type Judgement,
  type LiveSession,
  type VerifiedService,
} from './service.ts';
export {
  type HardwareIds,
  type NitroTrust,
  parseTrustPolicy,
  readTrustPolicy,
  type ServiceExpectations,
  type SgxTrust,
  type SimulatedRoot,
  type SnpTrust,
  type TdxTrust,
  TRUST_POLICY_SCHEMA,
  type TrustPolicy,
  trustPolicyDigest,
} from './trust-policy.ts';
export {
  type Check,
  CheckLog,
  type CheckStatus,
  formatVerdict,
  malformedVerdict,
  type PlannedCheck,
  type Verdict,
  type VerdictWord,
} from './verdict.ts';
export { nobleCrypto, webCrypto } from './webcrypto.ts';
