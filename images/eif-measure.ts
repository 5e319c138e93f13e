/**
 * What an enclave image measures to on hardware. PCR8 is that of the certificate in the image, and anybody can put a
 * certificate into one: it is given only where the signature over PCR0 holds, as the hypervisor checks it before
 * boot. The signed bytes are made anew and compared, not parsed.
 */
import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import { equalBytes } from '../src/base/bytes.ts';
import type { Hashing } from '../src/base/crypto.ts';
import { AssayError, fail } from '../src/base/errors.ts';
import { COSE_ALG, parseCoseSign1, sigStructure } from '../src/codec/cose.ts';
import { type EifSignature, eifSignaturePayload, parseEifSignature } from '../src/evidence/eif-signature.ts';
import { parseEif, type EifImage } from '../src/image/eif.ts';
import { type ImageMeasurements, measureImage, measureSigner } from '../src/image/pcr.ts';
import { type ImageWarning, imageWarnings, requireCanonical } from '../src/image/warnings.ts';

export interface EifMeasurements extends ImageMeasurements {
  /** Of the certificate that signed; null for an image without a signature, whose PCR8 is zero. */
  readonly pcr8: Uint8Array | null;
  /** Empty for a canonical image. */
  readonly warnings: readonly ImageWarning[];
}

export interface EifSigningAlgorithm {
  readonly alg: number;
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** Of r and s together. */
  readonly signatureSize: number;
}

/** The curves that the hypervisor takes, by OpenSSL's names; the algorithm follows from the curve. */
const ALGORITHMS: Readonly<Record<string, EifSigningAlgorithm>> = {
  prime256v1: { alg: COSE_ALG.ES256, hash: 'sha256', signatureSize: 64 },
  secp384r1: { alg: COSE_ALG.ES384, hash: 'sha384', signatureSize: 96 },
  // ES512 (RFC 9053 section 2.1).
  secp521r1: { alg: -36, hash: 'sha512', signatureSize: 132 },
};

/** Null for a key of another kind. */
export function signingAlgorithm(key: KeyObject): EifSigningAlgorithm | null {
  const curve = key.asymmetricKeyType === 'ec' ? key.asymmetricKeyDetails?.namedCurve : undefined;
  return curve !== undefined && Object.hasOwn(ALGORITHMS, curve)
    ? (ALGORITHMS[curve] as EifSigningAlgorithm)
    : null;
}

/**
 * Reads an image strictly and measures it. An image that is not canonical is refused unless `canonical` is false,
 * and is then measured with warnings. Throws EIF_ codes.
 */
export function measureEif(
  hashing: Hashing,
  file: Uint8Array,
  options: { readonly canonical?: boolean } = {},
): EifMeasurements {
  const image = parseEif(file);
  if (options.canonical !== false) requireCanonical(image);
  return measureParsed(hashing, image);
}

export function measureParsed(hashing: Hashing, image: EifImage): EifMeasurements {
  const measured = measureImage(hashing, image);
  const warnings = imageWarnings(image);
  if (image.signature === null) return { ...measured, pcr8: null, warnings };
  const signature = parseEifSignature(image.signature);
  requireSignature(signature, measured.pcr0);
  return { ...measured, pcr8: measureSigner(hashing, signature.certificate), warnings };
}

/** Throws EIF_SIGNATURE_INVALID for bytes that are none, EIF_SIGNATURE_MISMATCH for one that does not hold. */
export function requireSignature({ certificate, signature }: EifSignature, pcr0: Uint8Array): void {
  const { key, sign1 } = readSigner(certificate, signature);
  const algorithm = signingAlgorithm(key);
  if (algorithm === null || algorithm.alg !== sign1.alg || algorithm.signatureSize !== sign1.signature.length)
    fail('EIF_SIGNATURE_MISMATCH', 'the algorithm is not that of the key in the certificate');
  if (!equalBytes(sign1.payload, eifSignaturePayload(pcr0)))
    fail('EIF_SIGNATURE_MISMATCH', 'what is signed is not PCR0 of this image');
  const options = { key, dsaEncoding: 'ieee-p1363' } as const;
  if (!verify(algorithm.hash, sigStructure(sign1), options, sign1.signature))
    fail('EIF_SIGNATURE_MISMATCH', 'the signature is not by the key in the certificate');
}

function readSigner(
  certificate: Uint8Array,
  signature: Uint8Array,
): { key: KeyObject; sign1: ReturnType<typeof parseCoseSign1> } {
  try {
    const options = { path: 'eif.signature', maxPayload: 1_024, signature: { min: 64, max: 132 } };
    return { key: new X509Certificate(certificate).publicKey, sign1: parseCoseSign1(signature, options) };
  } catch (cause) {
    throw new AssayError(
      'EIF_SIGNATURE_INVALID',
      'no certificate that can be read, or no COSE_Sign1 of the form that is signed',
      { cause },
    );
  }
}
