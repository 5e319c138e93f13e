/**
 * Collateral at a moment: which of several items counts, and whether its signer signed it. Who the signer is, is the
 * chain's question.
 */
import { equalBytes } from '../src/base/bytes.ts';
import type { Millis } from '../src/base/clock.ts';
import type { VerifyKey } from '../src/base/crypto.ts';
import { AssayError, fail } from '../src/base/errors.ts';
import type { Certificate, Name } from '../src/codec/x509.ts';
import type { Crl } from '../src/codec/x509-crl.ts';
import type { Collateral } from '../src/collateral/index.ts';
import type { ProofCache } from './proof-cache.ts';

export interface SignatureContext {
  readonly cache?: ProofCache;
}

export interface SignedItem {
  /** The parsed value: what was proven of it is remembered by its identity, as long as it lives. */
  readonly owner: object;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  readonly key: VerifyKey;
  readonly signer: Certificate;
  readonly name: string;
}

/** Rejects with COLLATERAL_SIGNATURE_INVALID. */
export async function requireSigned(item: SignedItem, { cache }: SignatureContext): Promise<void> {
  if (cache?.fact<true>(item.owner, item.key) === true) return;
  try {
    await item.key.verify(item.signed, item.signature);
  } catch (cause) {
    if (!(cause instanceof AssayError) || cause.code !== 'SIGNATURE_INVALID') throw cause;
    fail(
      'COLLATERAL_SIGNATURE_INVALID',
      `${item.name} is not signed by ${item.signer.subject.commonName ?? '?'}`,
    );
  }
  cache?.addFact(item.owner, item.key, true);
}

/**
 * Of several for one purpose the newest that holds at the moment; when none does the newest of all, so that the
 * error can say when it ended.
 */
export function newestAt<T>(
  candidates: readonly T[],
  at: Millis,
  span: (candidate: T) => { readonly from: Millis; readonly until: Millis },
): T | null {
  const holds = (candidate: T): boolean => span(candidate).from <= at && at <= span(candidate).until;
  let best: T | null = null;
  for (const candidate of candidates) {
    if (best === null) best = candidate;
    else if (holds(candidate) !== holds(best)) best = holds(candidate) ? candidate : best;
    else if (span(candidate).from > span(best).from) best = candidate;
  }
  return best;
}

/** All lists in the name of an authority. */
export function crlsOf(collateral: Collateral, { raw }: Name): readonly Crl[] {
  return collateral.items.flatMap((item) =>
    item.kind === 'crl' && equalBytes(item.crl.issuer.raw, raw) ? [item.crl] : [],
  );
}

/** The newest list of an authority that holds at the moment, or the newest of all; null when there is none. */
export function crlOf(collateral: Collateral, { raw }: Name, at: Millis): Crl | null {
  const lists: Crl[] = [];
  for (const item of collateral.items)
    if (item.kind === 'crl' && equalBytes(item.crl.issuer.raw, raw)) lists.push(item.crl);
  return newestAt(lists, at, ({ thisUpdate, nextUpdate }) => ({ from: thisUpdate, until: nextUpdate }));
}

export function certificatesOf(collateral: Collateral): readonly Certificate[] {
  const found: Certificate[] = [];
  for (const item of collateral.items) if (item.kind === 'certificate') found.push(item.certificate);
  return found;
}

/** Throws COLLATERAL_MISSING, which also says which files looked like collateral and could not be read. */
export function missing(collateral: Collateral, what: string): never {
  const broken = collateral.ignored.filter(({ code }) => code !== null);
  const aside = broken.slice(0, 3).map(({ name, code }) => `${name} is not readable (${code})`);
  return fail('COLLATERAL_MISSING', [`${what} is not at hand`, ...aside].join('; '));
}
