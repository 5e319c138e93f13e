/** What both implementations of crypto have in common: hashes, the checks of form, and keys that answer by a code. */
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concat } from '../src/base/bytes.ts';
import type { Hashing, SignatureAlgorithm, VerifyKey } from '../src/base/crypto.ts';
import { fail } from '../src/base/errors.ts';
import { checkEcdsaSignature, checkEcdsaSpki, checkRsaSignature, rsaModulus } from '../src/base/spki.ts';

/** The one accepted form of an algorithm's keys and signatures. */
export interface KeyForm {
  readonly algorithm: SignatureAlgorithm;
  /** Throws KEY_INVALID for a SubjectPublicKeyInfo of another form. */
  readonly checkKey: (spki: Uint8Array) => void;
  /** Throws SIGNATURE_INVALID. */
  readonly checkSignature: (signature: Uint8Array) => void;
}

/**
 * That of Ed25519 is loaded with the first of its keys: no vendor signs evidence with it, so a page that judges
 * evidence, and no receipts and logs, need not carry it.
 */
export async function keyForm(algorithm: SignatureAlgorithm): Promise<KeyForm> {
  if (algorithm === 'PS384')
    return { algorithm, checkKey: (spki) => void rsaModulus(spki), checkSignature: checkRsaSignature };
  if (algorithm !== 'Ed25519')
    return {
      algorithm,
      checkKey: (spki) => checkEcdsaSpki(algorithm, spki),
      checkSignature: (signature) => checkEcdsaSignature(algorithm, signature),
    };
  const { checkEd25519Key, checkEd25519Signature, ed25519Raw } = await import('../src/base/ed25519.ts');
  return {
    algorithm,
    checkKey: (spki) => checkEd25519Key(ed25519Raw(spki)),
    checkSignature: checkEd25519Signature,
  };
}

/** `genuine` may throw for what is not: either way the signature does not verify. */
export function keyOf(
  { algorithm, checkSignature }: KeyForm,
  genuine: (message: Uint8Array, signature: Uint8Array) => Promise<boolean>,
): VerifyKey {
  return Object.freeze({
    algorithm,
    async verify(message: Uint8Array, signature: Uint8Array): Promise<void> {
      checkSignature(signature);
      let holds = false;
      try {
        holds = await genuine(message, signature);
      } catch (cause) {
        fail('SIGNATURE_INVALID', 'the signature does not verify', { cause });
      }
      if (!holds) fail('SIGNATURE_INVALID', 'the signature does not verify');
    },
  });
}

export const hashing: Hashing = {
  sha256: (...parts: readonly Uint8Array[]): Uint8Array => sha256(joined(parts)),
  sha384: (...parts: readonly Uint8Array[]): Uint8Array => sha384(joined(parts)),
  sha512: (...parts: readonly Uint8Array[]): Uint8Array => sha512(joined(parts)),
};

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : concat(...parts);
}
