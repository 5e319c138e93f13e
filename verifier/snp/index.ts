/** snp/: judges attestation reports of AMD SEV-SNP: verify (authentic), appraise (acceptable), and their roots. */
export { appraiseSnp, SNP_APPRAISE_CHECKS, type SnpExpectations } from './appraise.ts';
export type { SnpWeakness } from './explain.ts';
export { snpEvidence, snpJudge } from './judge.ts';
export { parseSnpReport, type SnpReport } from '../../src/evidence/snp/index.ts';
export { type RevocationProof, SNP_REVOCATION_CHECK } from './revocation.ts';
export { SNP_ROOTS } from './roots.ts';
export type { Shortfall, SnpLevels, SnpPart } from './tcb.ts';
export type { SnpMinimum } from './trust.ts';
export { SNP_VERIFY_CHECKS, type SnpClaims, type SnpContext, verifySnp } from './verify.ts';
