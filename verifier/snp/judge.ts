/** AMD SEV-SNP in the table of platforms. */
import { isZero } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { parseSnpReport } from '../../src/evidence/snp/index.ts';
import {
  type OpenedEvidence,
  type PlatformJudge,
  type ProvenEvidence,
  simulatedRoots,
  type Verified,
} from '../platform.ts';
import type { TrustPolicy } from '../trust-policy.ts';
import { appraiseSnp, SNP_APPRAISE_CHECKS } from './appraise.ts';
import { snpClaimsJson } from './claims.ts';
import { SNP_ROOTS } from './roots.ts';
import { SNP_VERIFY_CHECKS, type SnpClaims, verifySnp } from './verify.ts';

export const snpJudge: PlatformJudge = Object.freeze({
  timed: false,
  verifyChecks: SNP_VERIFY_CHECKS,
  appraiseChecks: SNP_APPRAISE_CHECKS,
  open(bytes: Uint8Array): OpenedEvidence {
    const report = parseSnpReport(bytes);
    return {
      time: null,
      async verify({ trust, ...context }) {
        const verified = await verifySnp(report, {
          ...context,
          roots: [...SNP_ROOTS, ...simulatedRoots(trust, 'snp')],
        });
        return snpEvidence(verified, trust);
      },
    };
  },
});

/** `trust`: so that claims can say what falls short of it. */
export function snpEvidence(verified: Verified<SnpClaims>, trust: TrustPolicy | null): ProvenEvidence {
  const { claims, pin, validUntil } = verified;
  const { reportData } = claims.report;
  return {
    simulated: pin.simulated,
    validUntil,
    time: null,
    binding: isZero(reportData) ? null : reportData,
    challenge: null,
    hasChallengeSlot: false,
    recipient: null,
    claims: snpClaimsJson(verified, trust?.platforms.snp ?? null),
    appraise(policy, log) {
      const expected = policy.platforms.snp;
      if (expected === undefined)
        return fail('PLATFORM_NOT_ACCEPTED', 'trust policy: platforms.snp is not stated');
      const { hardware, revocation } = policy;
      appraiseSnp(verified, { ...expected, hardware: hardware.ids, revocation }, log);
    },
  };
}
