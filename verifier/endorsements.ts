/**
 * Endorsements as they travel with an attestation: a collateral bundle that the attester's host put there. They count
 * for nothing by themselves; every item in them is verified like one that the caller gave.
 */
import { AssayError, fail } from '../src/base/errors.ts';
import { equalBytes } from '../src/base/bytes.ts';
import {
  type Collateral,
  type CollateralItem,
  mergeCollateral,
  NO_COLLATERAL,
  parseBundle,
} from '../src/collateral/index.ts';
import { MAX_ENDORSEMENTS } from '../src/statement/attestation.ts';

/**
 * Whether what the caller has is a later word of the same vendor on the same matter. Intel signs old evaluations anew,
 * and lists of before a revocation hold for weeks: whoever brings evidence must not choose the one that suits him.
 */
function isNewer(known: CollateralItem, brought: CollateralItem): boolean {
  if (known.kind === 'crl' && brought.kind === 'crl')
    return (
      equalBytes(known.crl.issuer.raw, brought.crl.issuer.raw) &&
      known.crl.thisUpdate > brought.crl.thisUpdate
    );
  if (known.kind === 'tcb-info' && brought.kind === 'tcb-info') {
    const [a, b] = [known.document.value, brought.document.value];
    return a.tee === b.tee && a.fmspc === b.fmspc && a.tcbEvaluationDataNumber > b.tcbEvaluationDataNumber;
  }
  if (known.kind === 'qe-identity' && brought.kind === 'qe-identity') {
    const [a, b] = [known.document.value, brought.document.value];
    return a.id === b.id && a.tcbEvaluationDataNumber > b.tcbEvaluationDataNumber;
  }
  return false;
}

/** The caller's collateral and these, less what the caller has a later word on. A bundle that cannot be read is listed under `ignored`; nothing is thrown for it. */
export function withEndorsements(
  endorsements: Uint8Array | null | undefined,
  given: Collateral = NO_COLLATERAL,
): Collateral {
  // From plain JavaScript an attestation of before there were endorsements has no such member.
  if (endorsements === null || endorsements === undefined) return given;
  try {
    if (endorsements.length > MAX_ENDORSEMENTS)
      fail('BUNDLE_INVALID', `bundle: more than ${MAX_ENDORSEMENTS} bytes`);
    const { items } = parseBundle(endorsements);
    const own = items.filter((item) => !given.items.some((known) => isNewer(known, item)));
    return mergeCollateral(given, { items: own, ignored: [] });
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const ignored = Object.freeze({ name: 'endorsements', code: error.code, why: error.message });
    return Object.freeze({ items: given.items, ignored: Object.freeze([...given.ignored, ignored]) });
  }
}
