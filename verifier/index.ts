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
export {
  ChainCache,
  type ChainContext,
  type ChainProfile,
  P384_CHAIN,
  type VerifiedChain,
  verifyChain,
} from './chain.ts';
export {
  appraiseNitro,
  NITRO_APPRAISE_CHECKS,
  NITRO_ROOTS,
  NITRO_VERIFY_CHECKS,
  type NitroClaims,
  type NitroContext,
  type NitroExpectations,
  type Verified,
  verifyNitro,
} from './nitro.ts';
export { detectPlatform, PLATFORM_NAMES } from './platforms.ts';
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
  type NitroTrust,
  parseTrustPolicy,
  readTrustPolicy,
  type ServiceExpectations,
  type SimulatedRoot,
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
