/**
 * Signs an enclave image as nitro-cli does (aws-nitro-enclaves-image-format src/utils/eif_signer.rs): a COSE_Sign1
 * over PCR0, with the certificate beside it, whose digest becomes PCR8. The key is somebody else's file: it is read,
 * used once and forgotten.
 */
import { createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { type EifSigningAlgorithm, requireSignature, signingAlgorithm } from '../../images/eif-measure.ts';
import { withSignature } from '../../images/eif.ts';
import { isProgram } from '../../images/program.ts';
import type { Millis } from '../../src/base/clock.ts';
import type { Hashing } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { encodeCoseSign1, protectedHeader, sigStructure } from '../../src/codec/cose.ts';
import { parsePem } from '../../src/codec/pem.ts';
import {
  eifSignaturePayload,
  formatEifSignature,
  parseEifSignature,
} from '../../src/evidence/eif-signature.ts';
import { measureImage, parseEif } from '../../src/image/index.ts';

export interface SigningPem {
  /** PKCS#8 or SEC1, P-256, P-384 or P-521, no passphrase. Overwritten with zeros. */
  readonly key: Uint8Array;
  /** One CERTIFICATE block. */
  readonly certificate: Uint8Array;
}

/** The image with a signature, in place of one that it may have. Throws EIF_ codes; EIF_SIGNER_UNFIT for the PEMs. */
export function signImage(hashing: Hashing, file: Uint8Array, pem: SigningPem, now: Millis): Uint8Array {
  const image = parseEif(file);
  if (isProgram(image))
    fail('EIF_CONTENT_INVALID', 'a program of the simulated platform does not boot: nothing would check it');
  const certificate = readCertificate(pem.certificate, now);
  const { key, algorithm } = readKey(pem.key);
  if (!certificate.checkPrivateKey(key)) fail('EIF_SIGNER_UNFIT', 'the certificate is for another key');
  const { pcr0 } = measureImage(hashing, image);
  const payload = eifSignaturePayload(pcr0);
  const protectedBytes = protectedHeader(algorithm.alg);
  const message = sigStructure({ protectedBytes, payload });
  const signature = sign(algorithm.hash, message, { key, dsaEncoding: 'ieee-p1363' });
  const section = formatEifSignature({
    certificate: new Uint8Array(certificate.raw),
    signature: encodeCoseSign1(protectedBytes, payload, new Uint8Array(signature)),
  });
  const signed = withSignature(file, section);
  // What is handed out is what a reader found good, not what was meant.
  requireSignature(parseEifSignature(parseEif(signed).signature ?? section), pcr0);
  return signed;
}

function readCertificate(pem: Uint8Array, now: Millis): X509Certificate {
  let certificate: X509Certificate;
  try {
    const blocks = parsePem(new TextDecoder('utf-8', { fatal: true }).decode(pem), 'CERTIFICATE');
    // PCR8 measures one certificate: which of a chain it would be is not for us to guess.
    if (blocks.length !== 1) fail('EIF_SIGNER_UNFIT', `${blocks.length} certificates in the file, not one`);
    certificate = new X509Certificate(blocks[0] as Uint8Array);
  } catch (cause) {
    if (cause instanceof AssayError && cause.code === 'EIF_SIGNER_UNFIT') throw cause;
    throw new AssayError('EIF_SIGNER_UNFIT', 'the certificate cannot be read', { cause });
  }
  // Otherwise it would be seen when the enclave is to start, or never.
  if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo))
    fail(
      'EIF_SIGNER_UNFIT',
      `the certificate is valid from ${certificate.validFrom} to ${certificate.validTo}`,
    );
  return certificate;
}

function readKey(pem: Uint8Array): { key: KeyObject; algorithm: EifSigningAlgorithm } {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength), format: 'pem' });
  } catch {
    // The cause is left out: OpenSSL's message could quote the file.
    return fail('EIF_SIGNER_UNFIT', 'the key cannot be read as a private key in PEM without a passphrase');
  } finally {
    pem.fill(0);
  }
  const algorithm = signingAlgorithm(key);
  return algorithm === null
    ? fail('EIF_SIGNER_UNFIT', 'the key is not on P-256, P-384 or P-521')
    : { key, algorithm };
}
