/**
 * Evidence of kin on hardware that signs no time is judged with the endorsements that were kept beside it, at the first
 * moment at which all of them hold. What is asked is who made it; the log that holds it gives its place in time.
 */
import type { Millis } from '../../src/base/clock.ts';
import { type Collateral, itemBegins, NO_COLLATERAL, parseBundle } from '../../src/collateral/index.ts';

/** Throws BUNDLE_INVALID. */
export function readEndorsements(endorsements: Uint8Array | null): Collateral {
  return endorsements === null ? NO_COLLATERAL : parseBundle(endorsements);
}

/** `others`: beginnings of certificates that the evidence brings itself. */
export function firstMoment({ items }: Collateral, others: readonly Millis[] = []): Millis {
  return [...items.map(itemBegins), ...others].reduce((last, at) => Math.max(last, at), 0);
}
