/**
 * intel/: judges quotes of TDX guests and SGX enclaves. Verify proves who signed and computes the level of the trusted
 * computing base; appraise decides whether both are good enough.
 */
export type { CommonTrust } from './appraise.ts';
export { appraiseSgx, SGX_APPRAISE_CHECKS } from './appraise-sgx.ts';
export { appraiseTdx, TDX_APPRAISE_CHECKS } from './appraise-tdx.ts';
export type { Forecast } from './forecast.ts';
export { sgxJudge, tdxJudge } from './judge.ts';
export { parseQuote, type Quote, quoteTee } from '../../src/evidence/intel/index.ts';
export { INTEL_ROOTS } from './roots.ts';
export type { TcbShortfall, TcbExplanation } from './shortfall.ts';
export type { ConvergedStatus, TcbEvaluation } from './tcb.ts';
export type { PlatformTrust, TcbTrust } from './trust.ts';
export { INTEL_VERIFY_CHECKS, type IntelClaims, type IntelContext, verifyIntel } from './verify.ts';
