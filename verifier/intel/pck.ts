/**
 * The certificate path of the key that vouches for the quoting enclave: from the quote where it carries one, else
 * from collateral.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Millis } from '../../src/base/clock.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { type Certificate, parseCertificate } from '../../src/codec/x509.ts';
import type { Collateral } from '../../src/collateral/index.ts';
import {
  type Certification,
  isPck,
  type PckExtension,
  type Quote,
  readPck,
} from '../../src/evidence/intel/index.ts';
import { certificatesOf, missing, newestAt } from '../collateral.ts';
import type { ProofCache } from '../proof-cache.ts';

interface PathContext {
  readonly at: Millis;
  readonly crypto: Crypto;
  readonly collateral: Collateral;
  readonly cache?: ProofCache;
}

/**
 * Root first, leaf last; not verified. Rejects with QUOTE_PCK_MISSING, COLLATERAL_MISSING or what a certificate
 * throws.
 */
export async function pckPath(quote: Quote, context: PathContext): Promise<readonly Certificate[]> {
  const { certification } = quote;
  if (certification.kind === 'ppid') return upward(await leafFor(certification, quote, context), [], context);
  const given = certification.certificates.map((der, i) =>
    certificateOf(der, `quote.certification[${i}]`, context),
  );
  // Which one it is stands in it; most quotes give it first.
  const leaf = given.find(isPck) ?? (given[0] as Certificate);
  const others = given.filter((one) => one !== leaf);
  return upward(leaf, others, context);
}

/**
 * One value for the same bytes, in whichever quote they come: what is proven of the authorities of one platform is then
 * known of all.
 */
function certificateOf(der: Uint8Array, path: string, { cache, crypto }: PathContext): Certificate {
  if (cache === undefined) return parseCertificate(der, { path });
  const key = `certificate ${toHex(crypto.sha256(der))}`;
  // What a cache keeps outlives the caller's buffer, so it is read from a copy.
  const certificate = cache.get<Certificate>(key) ?? parseCertificate(der.slice(), { path });
  cache.add(key, certificate);
  return certificate;
}

/** The two above a PCK, by name: quotes give them in either order, or leave them to the collateral. */
function upward(
  leaf: Certificate,
  given: readonly Certificate[],
  { collateral, at }: PathContext,
): readonly Certificate[] {
  const above = (of: Certificate, what: string): Certificate =>
    issuersOf(of, given)[0] ??
    // Intel issues its authorities again with the same key and name: the newest that holds now.
    newestAt(issuersOf(of, certificatesOf(collateral)), at, ({ notBefore, notAfter }) => ({
      from: notBefore,
      until: notAfter,
    })) ??
    missing(collateral, what);
  const authority = above(leaf, 'the certificate of the PCK CA');
  return [above(authority, 'the certificate of the Intel SGX Root CA'), authority, leaf];
}

function issuersOf(certificate: Certificate, among: readonly Certificate[]): readonly Certificate[] {
  return among.filter(({ subject }) => equalBytes(subject.raw, certificate.issuer.raw));
}

/** So many platforms of the same versions are tried; a signature each. */
const MAX_CANDIDATES = 256;

/**
 * The PCK certificate that fits the platform's versions. Which platform it is of stands encrypted in the quote: of
 * several it is the one whose key signed the report of the quoting enclave.
 */
async function leafFor(
  { type, ppid, cpuSvn, pceSvn, pceId }: Extract<Certification, { kind: 'ppid' }>,
  { qe }: Quote,
  { collateral, crypto }: PathContext,
): Promise<Certificate> {
  const fits = (pck: PckExtension): boolean =>
    equalBytes(pck.cpuSvn, cpuSvn) &&
    pck.pceSvn === pceSvn &&
    equalBytes(pck.pceId, pceId) &&
    (type !== 1 || equalBytes(pck.ppid, ppid));
  const found = certificatesOf(collateral).filter((certificate) => {
    const pck = pckIn(certificate);
    return pck !== null && fits(pck);
  });
  if (found.length > 1)
    for (const candidate of found.slice(0, MAX_CANDIDATES))
      if (await hasSigned(candidate, qe, crypto)) return candidate;
  return (
    found[0] ??
    fail(
      'QUOTE_PCK_MISSING',
      `certification data of type ${type}: no PCK certificate for CPUSVN ${toHex(cpuSvn)}, PCESVN ${pceSvn} is at hand`,
    )
  );
}

/** Null for what is no PCK certificate, or a broken one: others may fit. */
function pckIn(certificate: Certificate): PckExtension | null {
  if (!isPck(certificate)) return null;
  try {
    return readPck(certificate);
  } catch (error) {
    if (error instanceof AssayError) return null;
    throw error;
  }
}

async function hasSigned({ spki }: Certificate, qe: Quote['qe'], crypto: Crypto): Promise<boolean> {
  try {
    const key = await crypto.importKey('ES256', spki.raw);
    await key.verify(qe.signed, qe.signature);
    return true;
  } catch (error) {
    if (error instanceof AssayError) return false;
    throw error;
  }
}
