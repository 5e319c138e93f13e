/** Evidence of kin on SEV-SNP: a report under one of these roots, of a guest that nobody can debug or move. */
import { parseSnpReport } from '../../src/evidence/snp/index.ts';
import {
  appraiseSnp,
  SNP_APPRAISE_CHECKS,
  SNP_REVOCATION_CHECK,
  verifySnp,
} from '../../verifier/snp/index.ts';
import type { RootPin } from '../../verifier/roots.ts';
import { CheckLog } from '../../verifier/verdict.ts';
import { firstMoment, readEndorsements } from './endorsed-kin.ts';
import type { ReadKin } from './kin.ts';

/**
 * Measurements are compared by whoever asks. The rest is not for the configuration to loosen: in a guest that its host
 * can debug, move or fault, the same image is not the same code.
 */
const SNP_KIN = Object.freeze({
  measurement: 'any',
  debug: 'reject',
  vmpl: [0],
  tcb: { minimum: 'any', provisional_firmware: 'reject' },
  milan_vcek: 'reject',
  id_key: 'any',
  host_data: 'any',
  hardware: 'any',
  revocation: 'required',
} as const);

export const snpKin =
  (roots: readonly RootPin[]): ReadKin =>
  async (evidence, endorsements, crypto) => {
    const report = parseSnpReport(evidence);
    const collateral = readEndorsements(endorsements);
    const at = firstMoment(collateral);
    const verified = await verifySnp(report, { at, crypto, roots, collateral });
    appraiseSnp(verified, SNP_KIN, new CheckLog([SNP_REVOCATION_CHECK, ...SNP_APPRAISE_CHECKS]));
    return { image: report.measurement, binding: report.reportData };
  };
