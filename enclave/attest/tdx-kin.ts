/** Evidence of kin on TDX: a quote under one of these roots, of a TD that nobody can debug, fault or move. */
import { parseCertificate } from '../../src/codec/x509.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import { appraiseTdx, TDX_APPRAISE_CHECKS, verifyIntel } from '../../verifier/intel/index.ts';
import type { RootPin } from '../../verifier/roots.ts';
import { CheckLog } from '../../verifier/verdict.ts';
import { tdReportOf, tdxImage } from '../platform/tdx.ts';
import { firstMoment, readEndorsements } from './endorsed-kin.ts';
import type { ReadKin } from './kin.ts';

/**
 * Measurements are compared by whoever asks. The rest is not for the configuration to loosen: in a guest that its host
 * can debug, move or fault, the same image is not the same code.
 */
const TDX_KIN = Object.freeze({
  mrtd: 'any',
  rtmrs: 'any',
  debug: 'reject',
  service_td: 'none',
  owner: 'any',
  tcb: {
    statuses: ['UpToDate'],
    advisories: 'any',
    min_evaluation_number: 'any',
    min_tcb_date: 'any',
    grace_days: 'none',
  },
  platform: 'any',
  hardware: 'any',
  revocation: 'required',
} as const);

export const tdxKin =
  (roots: readonly RootPin[]): ReadKin =>
  async (evidence, endorsements, crypto) => {
    const quote = parseQuote(evidence);
    const report = tdReportOf(evidence);
    const collateral = readEndorsements(endorsements);
    const { certification } = quote;
    const certificates = certification.kind === 'ppid' ? [] : certification.certificates;
    const begins = certificates.map((der) => parseCertificate(der).notBefore);
    const at = firstMoment(collateral, begins);
    const verified = await verifyIntel(quote, { at, crypto, roots, collateral });
    appraiseTdx(verified, TDX_KIN, new CheckLog(TDX_APPRAISE_CHECKS));
    return { image: tdxImage(report, crypto), binding: report.reportData };
  };
