/**
 * Endorsements as they travel with an attestation: a collateral bundle that the attester's host put there. They count
 * for nothing by themselves; every item in them is verified like one that the caller gave.
 */
import { AssayError, fail } from '../src/base/errors.ts';
import { type Collateral, mergeCollateral, NO_COLLATERAL, parseBundle } from '../src/collateral/index.ts';
import { MAX_ENDORSEMENTS } from '../src/statement/attestation.ts';

/** The caller's collateral and these. A bundle that cannot be read is listed under `ignored`; nothing is thrown for it. */
export function withEndorsements(
  endorsements: Uint8Array | null | undefined,
  given: Collateral = NO_COLLATERAL,
): Collateral {
  // From plain JavaScript an attestation of before there were endorsements has no such member.
  if (endorsements === null || endorsements === undefined) return given;
  try {
    if (endorsements.length > MAX_ENDORSEMENTS)
      fail('BUNDLE_INVALID', `bundle: more than ${MAX_ENDORSEMENTS} bytes`);
    return mergeCollateral(given, parseBundle(endorsements));
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const ignored = Object.freeze({ name: 'endorsements', code: error.code, why: error.message });
    return Object.freeze({ items: given.items, ignored: Object.freeze([...given.ignored, ignored]) });
  }
}
