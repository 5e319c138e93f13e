/**
 * The crypto that the ground needs, as an argument (design section 3, rule 6).
 *
 * Two implementations give the same verdicts: `verifier/webcrypto.ts` (browsers and Node) and
 * `native/crypto.ts` (node:crypto; faster). Hashes are synchronous because awaiting WebCrypto for each Merkle
 * node is about nine times slower.
 */

/** SHA-2 over the concatenation of the parts. */
export interface Hashing {
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  sha384(...parts: readonly Uint8Array[]): Uint8Array;
  sha512(...parts: readonly Uint8Array[]): Uint8Array;
}

/**
 * PS384 is RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 8017 section 8.1): keys of
 * 4,096 bits with the exponent 65537, signatures of 512 bytes. ES256 is ECDSA P-256 with SHA-256, ES384 is ECDSA P-384 with SHA-384: signatures are IEEE P1363 (r ‖ s, 64 or
 * 96 bytes), and high-S is accepted because genuine hardware emits it. Ed25519 is RFC 8032 with canonical A and
 * R and neither of small order (`ed25519.ts`).
 */
export type SignatureAlgorithm = 'ES256' | 'ES384' | 'PS384' | 'Ed25519';

/** Those of which Assay itself holds private keys. */
export type SigningAlgorithm = Exclude<SignatureAlgorithm, 'PS384'>;

/** A public key that is on its curve and ready for use. */
export interface VerifyKey {
  readonly algorithm: SignatureAlgorithm;
  /** Resolves when the signature is genuine; rejects with SIGNATURE_INVALID otherwise. There is no boolean to forget. */
  verify(message: Uint8Array, signature: Uint8Array): Promise<void>;
}

export interface Crypto extends Hashing {
  /** Imports a DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7); rejects with KEY_INVALID. */
  importKey(algorithm: SignatureAlgorithm, spki: Uint8Array): Promise<VerifyKey>;
}

/** What signs: private keys stay inside; only the enclave, the simulator and command-line tools have one. */
export interface Signer {
  readonly algorithm: SigningAlgorithm;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}
