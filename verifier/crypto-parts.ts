/** What both implementations of crypto have in common: hashes, the checks of form, and keys that answer by a code. */
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concat } from '../src/base/bytes.ts';
import type { Hashing, SignatureAlgorithm, VerifyKey } from '../src/base/crypto.ts';
import { checkEd25519Key, checkEd25519Signature, ed25519Raw } from '../src/base/ed25519.ts';
import { fail } from '../src/base/errors.ts';
import { checkEcdsaSignature, checkEcdsaSpki, checkRsaSignature, rsaModulus } from '../src/base/spki.ts';

/** Throws KEY_INVALID unless the SubjectPublicKeyInfo has the one accepted form. */
export function checkKey(algorithm: SignatureAlgorithm, spki: Uint8Array): void {
  if (algorithm === 'Ed25519') checkEd25519Key(ed25519Raw(spki));
  else if (algorithm === 'PS384') rsaModulus(spki);
  else checkEcdsaSpki(algorithm, spki);
}

function checkSignature(algorithm: SignatureAlgorithm, signature: Uint8Array): void {
  if (algorithm === 'Ed25519') checkEd25519Signature(signature);
  else if (algorithm === 'PS384') checkRsaSignature(signature);
  else checkEcdsaSignature(algorithm, signature);
}

/** `genuine` may throw for what is not: either way the signature does not verify. */
export function keyOf(
  algorithm: SignatureAlgorithm,
  genuine: (message: Uint8Array, signature: Uint8Array) => Promise<boolean>,
): VerifyKey {
  return Object.freeze({
    algorithm,
    async verify(message: Uint8Array, signature: Uint8Array): Promise<void> {
      checkSignature(algorithm, signature);
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
