/**
 * Which pieces of collateral a vendor has truly signed, whatever the moment. For those who remember what they have seen,
 * so that no stranger can make them remember what never was: a list of the year 9999, an evaluation a million.
 */
import { equalBytes } from '../src/base/bytes.ts';
import type { Crypto, VerifyKey } from '../src/base/crypto.ts';
import { AssayError } from '../src/base/errors.ts';
import type { Certificate } from '../src/codec/x509.ts';
import type { Collateral, CollateralItem } from '../src/collateral/index.ts';
import { type ChainProfile, P256_KEY, rawSignature, RSA_KEY, signedAs } from './chain.ts';
import { certificatesOf } from './collateral.ts';
import { PCK_CHAIN, TCB_SIGNING_CHAIN } from './intel/profiles.ts';
import { INTEL_ROOTS } from './intel/roots.ts';
import { matchRoot, type RootPin } from './roots.ts';
import { SNP_SIGNATURE } from './snp/profile.ts';
import { SNP_ROOTS } from './snp/roots.ts';

interface Authority {
  readonly certificate: Certificate;
  readonly key: VerifyKey;
  readonly how: Pick<ChainProfile, 'signature'>;
}

/** Revocation lists and statements whose signature leads to a pinned root; certificates are not among them. */
export async function signedItems(
  collateral: Collateral,
  crypto: Crypto,
  roots: readonly RootPin[] = [...INTEL_ROOTS, ...SNP_ROOTS],
): Promise<readonly CollateralItem[]> {
  const certificates = certificatesOf(collateral);
  const authorities = await authoritiesOf(certificates, crypto, roots);
  const found: CollateralItem[] = [];
  for (const item of collateral.items) if (await isSigned(item, authorities)) found.push(item);
  return Object.freeze(found);
}

/** Pinned roots, and what stands directly below them: AMD's authorities, Intel's, and the signer of its statements. */
async function authoritiesOf(
  certificates: readonly Certificate[],
  crypto: Crypto,
  pins: readonly RootPin[],
): Promise<readonly Authority[]> {
  const roots: Authority[] = [];
  for (const certificate of certificates) {
    if (!isPinned(certificate, pins, crypto)) continue;
    const intel = certificate.spki.curve !== null;
    const { algorithm } = intel ? P256_KEY : RSA_KEY;
    const key = await crypto.importKey(algorithm, certificate.spki.raw);
    roots.push({ certificate, key, how: intel ? PCK_CHAIN : { signature: SNP_SIGNATURE } });
  }
  const below: Authority[] = [];
  for (const certificate of certificates)
    for (const root of roots) {
      if (root.how !== PCK_CHAIN || !(await isIssued(certificate, root))) continue;
      below.push({ certificate, key: await crypto.importKey('ES256', certificate.spki.raw), how: PCK_CHAIN });
    }
  return [...roots, ...below];
}

function isPinned(certificate: Certificate, pins: readonly RootPin[], crypto: Crypto): boolean {
  try {
    matchRoot(pins, certificate, crypto);
    return true;
  } catch (error) {
    if (error instanceof AssayError) return false;
    throw error;
  }
}

const SIGNER = TCB_SIGNING_CHAIN.roles?.[0]?.[0];

async function isIssued(certificate: Certificate, root: Authority): Promise<boolean> {
  if (!equalBytes(certificate.issuer.raw, root.certificate.subject.raw)) return false;
  if (equalBytes(certificate.raw, root.certificate.raw)) return false;
  if (!signedAs(certificate.signatureAlgorithm, root.how)) return false;
  return holds(root, certificate.tbs, certificate.signature);
}

async function isSigned(item: CollateralItem, authorities: readonly Authority[]): Promise<boolean> {
  if (item.kind === 'certificate') return false;
  for (const authority of authorities) {
    const { certificate, key, how } = authority;
    if (item.kind === 'crl') {
      const { crl } = item;
      if (certificate.keyUsage?.cRLSign !== true || !signedAs(crl.signatureAlgorithm, how)) continue;
      if (!equalBytes(crl.issuer.raw, certificate.subject.raw)) continue;
      if (await holds(authority, crl.tbs, crl.signature)) return true;
    } else if (certificate.subject.commonName === SIGNER) {
      if (await accepts(key, item.document.signed, item.document.signature)) return true;
    }
  }
  return false;
}

/** A signature that is not even one of its kind was made by nobody. */
async function holds({ key }: Authority, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    return await accepts(key, message, rawSignature(signature, key.algorithm, 'signature'));
  } catch (error) {
    if (error instanceof AssayError) return false;
    throw error;
  }
}

async function accepts(key: VerifyKey, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    await key.verify(message, signature);
    return true;
  } catch (error) {
    if (error instanceof AssayError && error.code === 'SIGNATURE_INVALID') return false;
    throw error;
  }
}
