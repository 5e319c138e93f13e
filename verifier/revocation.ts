/**
 * Certificate revocation lists (RFC 5280 sections 5 and 6.3.3): by the right authority, over the bytes received, and
 * not past the time at which the next one was promised. A list that is missing, old or withheld never reads as "not
 * revoked".
 */
import { equalBytes } from '../src/base/bytes.ts';
import { formatTime, type Millis, requireMoment } from '../src/base/clock.ts';
import type { Crypto } from '../src/base/crypto.ts';
import { AssayError, fail } from '../src/base/errors.ts';
import { toHex } from '../src/base/hex.ts';
import { type Crl, isRevoked } from '../src/codec/x509-crl.ts';
import type { Certificate } from '../src/codec/x509.ts';
import { type ChainProfile, type Link, rawSignature, signedAs } from './chain.ts';
import { requireSigned, type SignatureContext } from './collateral.ts';

export interface CrlContext extends SignatureContext {
  readonly at: Millis;
  readonly crypto: Crypto;
  readonly profile: ChainProfile;
}

/** Rejects with CRL_ISSUER_MISMATCH, COLLATERAL_SIGNATURE_INVALID or COLLATERAL_STALE. `name` is the list's in errors. */
export async function verifyCrl(crl: Crl, issuer: Link, name: string, context: CrlContext): Promise<void> {
  const { certificate, key } = issuer;
  if (!equalBytes(crl.issuer.raw, certificate.subject.raw))
    fail('CRL_ISSUER_MISMATCH', `${name} is of ${JSON.stringify(crl.issuer.commonName ?? '')}`);
  // One name may have had several keys; where both sides name theirs, they must be the same.
  const { authorityKeyId } = crl;
  const own = certificate.subjectKeyId;
  if (authorityKeyId !== null && own !== null && !equalBytes(authorityKeyId, own))
    fail('CRL_ISSUER_MISMATCH', `${name} is signed by another key of the same name`);
  // RFC 5280 section 6.3.3 (f).
  if (certificate.keyUsage?.cRLSign !== true)
    fail('CRL_ISSUER_MISMATCH', `${name} is of an authority that may not sign lists`);
  if (!signedAs(crl.signatureAlgorithm, context.profile))
    fail('COLLATERAL_SIGNATURE_INVALID', `${name} is signed with another algorithm`);
  const signature = rawSignature(crl.signature, key.algorithm, `${name}.signature`);
  await requireSigned({ owner: crl, signed: crl.tbs, signature, key, signer: certificate, name }, context);
  requireFresh(name, crl.thisUpdate, crl.nextUpdate, context.at);
}

/** Throws COLLATERAL_STALE unless `at` lies between the two, both included. */
export function requireFresh(name: string, from: Millis, until: Millis, at: Millis): void {
  requireMoment(at, 'at');
  if (at < from)
    fail('COLLATERAL_STALE', `${name} begins at ${formatTime(from)}, verified at ${formatTime(at)}`);
  if (at > until)
    fail('COLLATERAL_STALE', `${name} ended at ${formatTime(until)}, verified at ${formatTime(at)}`);
}

const MAX_LISTS = 64;

/**
 * A list that has ended clears nobody, and still says what its authority knew: what a later one than the list that
 * clears names is revoked. Without this whoever brings an older list that holds longer takes a revocation back. Rejects
 * with CERTIFICATE_REVOKED; COLLATERAL_INVALID for more lists than anyone collects.
 */
export async function requireUnnamed(
  lists: readonly Crl[],
  clearing: Crl,
  issuer: Link,
  certificates: readonly Certificate[],
  context: CrlContext,
): Promise<void> {
  if (lists.length > MAX_LISTS)
    fail('COLLATERAL_INVALID', `${lists.length} lists of one authority, at most ${MAX_LISTS}`);
  for (const crl of lists) {
    // What became known after the moment of the judgement is no part of it.
    if (crl.thisUpdate <= clearing.thisUpdate || crl.thisUpdate > context.at) continue;
    const named = certificates.find(({ serial }) => isRevoked(crl, serial));
    if (named !== undefined && (await isGenuine(crl, issuer, context))) requireNotRevoked(crl, named);
  }
}

async function isGenuine(crl: Crl, issuer: Link, context: CrlContext): Promise<boolean> {
  try {
    await verifyCrl(crl, issuer, 'another list', context);
    return true;
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return error.code === 'COLLATERAL_STALE';
  }
}

/** Throws CERTIFICATE_REVOKED. The list must be verified, and of the certificate's issuer. */
export function requireNotRevoked(crl: Crl, certificate: Certificate): void {
  if (isRevoked(crl, certificate.serial))
    fail(
      'CERTIFICATE_REVOKED',
      `certificate ${toHex(certificate.serial)} of ${JSON.stringify(certificate.subject.commonName ?? '')} is revoked by its issuer`,
    );
}
