/** Intel TDX and SGX in the table of platforms. */
import { isZero } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { parseQuote, type Tee } from '../../src/evidence/intel/index.ts';
import {
  type OpenedEvidence,
  type PlatformJudge,
  type ProvenEvidence,
  simulatedRoots,
  type Verified,
} from '../platform.ts';
import type { TrustPolicy } from '../trust-policy.ts';
import type { CheckLog } from '../verdict.ts';
import { acceptableUntil } from './appraise.ts';
import { appraiseSgx, SGX_APPRAISE_CHECKS } from './appraise-sgx.ts';
import { appraiseTdx, TDX_APPRAISE_CHECKS } from './appraise-tdx.ts';
import { intelClaimsJson } from './claims.ts';
import { INTEL_ROOTS } from './roots.ts';
import { INTEL_VERIFY_CHECKS, type IntelClaims, verifyIntel } from './verify.ts';

function open(bytes: Uint8Array, tee: Tee): OpenedEvidence {
  const quote = parseQuote(bytes);
  if (quote.tee !== tee) fail('PLATFORM_UNKNOWN', `the quote is of ${quote.tee}, not of ${tee}`);
  return {
    // A quote has no clock.
    time: null,
    async verify({ trust, ...context }) {
      return intelEvidence(
        await verifyIntel(quote, { ...context, roots: [...INTEL_ROOTS, ...simulatedRoots(trust, tee)] }),
      );
    },
  };
}

export const tdxJudge: PlatformJudge = Object.freeze({
  timed: false,
  verifyChecks: INTEL_VERIFY_CHECKS,
  appraiseChecks: TDX_APPRAISE_CHECKS,
  open: (bytes: Uint8Array): OpenedEvidence => open(bytes, 'tdx'),
});

export const sgxJudge: PlatformJudge = Object.freeze({
  timed: false,
  verifyChecks: INTEL_VERIFY_CHECKS,
  appraiseChecks: SGX_APPRAISE_CHECKS,
  open: (bytes: Uint8Array): OpenedEvidence => open(bytes, 'sgx'),
});

function intelEvidence(verified: Verified<IntelClaims>): ProvenEvidence {
  const { reportData } = verified.claims.quote.body;
  return {
    simulated: verified.pin.simulated,
    validUntil: verified.validUntil,
    time: null,
    binding: isZero(reportData) ? null : reportData,
    challenge: null,
    hasChallengeSlot: false,
    recipient: null,
    claims: intelClaimsJson(verified),
    acceptableUntil: ({ platforms }) => {
      const expected = platforms[verified.claims.quote.tee];
      return expected === undefined ? verified.validUntil : acceptableUntil(verified.claims, expected.tcb);
    },
    appraise: (trust, log) => appraise(verified, trust, log),
  };
}

function appraise(verified: Verified<IntelClaims>, trust: TrustPolicy, log: CheckLog): void {
  const common = { hardware: trust.hardware.ids, revocation: trust.revocation };
  const { tdx, sgx } = trust.platforms;
  if (verified.claims.quote.tee === 'tdx') {
    if (tdx === undefined) fail('PLATFORM_NOT_ACCEPTED', 'trust policy: platforms.tdx is not stated');
    else appraiseTdx(verified, { ...tdx, ...common }, log);
  } else if (sgx === undefined) fail('PLATFORM_NOT_ACCEPTED', 'trust policy: platforms.sgx is not stated');
  else appraiseSgx(verified, { ...sgx, ...common }, log);
}
