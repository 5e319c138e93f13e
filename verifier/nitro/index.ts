/** nitro/: judges attestation documents of AWS Nitro: verify (authentic), appraise (acceptable), and their roots. */
export { appraiseNitro, NITRO_APPRAISE_CHECKS, type NitroExpectations } from './appraise.ts';
export { nitroEvidence, nitroJudge } from './judge.ts';
export { type NitroDocument, parseNitro } from '../../src/evidence/nitro.ts';
export { NITRO_ROOTS } from './roots.ts';
export { NITRO_VERIFY_CHECKS, type NitroClaims, type NitroContext, verifyNitro } from './verify.ts';
