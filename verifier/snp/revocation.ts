/**
 * Has AMD withdrawn the authority that issued the report key? The root signs one list for the product, which AMD
 * publishes under two addresses.
 *
 * A list speaks of what its issuer has issued (RFC 5280 section 5), so the root's names ASK and ASVK. Keys of chips are
 * not on it, and could not be: all of their certificates have the serial number 0, which would name all or none. AMD
 * withdraws those by raising the versions that they are derived from, which is what a minimum of versions asks for.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Millis } from '../../src/base/clock.ts';
import type { Crypto, VerifyKey } from '../../src/base/crypto.ts';
import type { Certificate } from '../../src/codec/x509.ts';
import type { Crl } from '../../src/codec/x509-crl.ts';
import type { Collateral } from '../../src/collateral/index.ts';
import type { ChainProfile, Link, VerifiedChain } from '../chain.ts';
import { crlOf, crlsOf } from '../collateral.ts';
import type { ProofCache } from '../proof-cache.ts';
import { requireNotRevoked, requireUnnamed, verifyCrl } from '../revocation.ts';
import type { CheckLog, PlannedCheck } from '../verdict.ts';

export const SNP_REVOCATION_CHECK: PlannedCheck = Object.freeze({
  name: 'snp.revocation',
  clause: 'RFC 5280 6.3.3; AMD 57230: the list of ARK, current, without ASK or ASVK',
});

/** Which list said that nothing is revoked. */
export interface RevocationProof {
  /** CRL number (RFC 5280 section 5.2.3), null when the list has none. */
  readonly number: bigint | null;
  readonly thisUpdate: Millis;
  readonly nextUpdate: Millis;
}

export interface RevocationContext {
  readonly at: Millis;
  readonly crypto: Crypto;
  readonly profile: ChainProfile;
  readonly collateral: Collateral;
  readonly cache?: ProofCache;
  readonly log: CheckLog;
}

/**
 * Null when no list of the root is at hand. Every one that holds at the moment counts, as none says under which of the
 * addresses it was published; when none holds, the newest is refused for its age. Rejects with what `verifyCrl`
 * rejects with, or CERTIFICATE_REVOKED, under the check of revocation.
 */
export async function proveUnrevoked(
  chain: VerifiedChain,
  context: RevocationContext,
): Promise<RevocationProof | null> {
  const { at, collateral, log } = context;
  const [root, authority] = chain.certificates as readonly [Certificate, Certificate, Certificate];
  const newest = crlOf(collateral, root.subject, at);
  if (newest === null) return null;
  const issuer: Link = { certificate: root, key: chain.keys[0] as VerifyKey };
  const name = `the revocation list of ${root.subject.commonName ?? 'the root'}`;
  return log.demandAsync(SNP_REVOCATION_CHECK.name, async () => {
    for (const crl of new Set([newest, ...currentLists(collateral, root, at)])) {
      await verifyCrl(crl, issuer, name, context);
      for (const certificate of [root, authority]) requireNotRevoked(crl, certificate);
    }
    const lists = crlsOf(collateral, root.subject);
    if (lists.length > 1) await requireUnnamed(lists, newest, issuer, [root, authority], context);
    const { number, thisUpdate, nextUpdate } = newest;
    return Object.freeze({ number, thisUpdate, nextUpdate });
  });
}

function currentLists({ items }: Collateral, { subject }: Certificate, at: Millis): readonly Crl[] {
  return items.flatMap((item) => {
    if (item.kind !== 'crl' || !equalBytes(item.crl.issuer.raw, subject.raw)) return [];
    return item.crl.thisUpdate <= at && at <= item.crl.nextUpdate ? [item.crl] : [];
  });
}
