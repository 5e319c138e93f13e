/**
 * Private keys that sign. The KeyObject stays in a closure: nothing here exports it, and with `--secure-heap`
 * OpenSSL keeps its secret part in memory that is locked, guarded and wiped when freed.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { fail, type Signer, type SigningAlgorithm } from '../src/base/index.ts';
import { hkdf } from './secrets.ts';

/** PrivateKeyInfo of RFC 8410 section 7, up to the 32 bytes of the seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SEED_BYTES = 32;

/** A fresh key pair from OpenSSL's generator, which the operating system seeds. */
export function generateSigner(algorithm: SigningAlgorithm): Signer {
  if (algorithm === 'Ed25519') return signerOf(algorithm, generateKeyPairSync('ed25519').privateKey);
  const namedCurve = algorithm === 'ES384' ? 'P-384' : 'P-256';
  return signerOf(algorithm, generateKeyPairSync('ec', { namedCurve }).privateKey);
}

/**
 * The Ed25519 signer of a 32-byte seed (RFC 8032 section 5.1.5). The DER made on the way is wiped; `seed` is the
 * caller's to wipe. Throws KEY_INVALID on another length.
 */
export function signerFromSeed(seed: Uint8Array): Signer {
  if (seed.length !== SEED_BYTES) fail('KEY_INVALID', `an Ed25519 seed has 32 bytes, not ${seed.length}`);
  // allocUnsafeSlow: the small pool of Buffer is shared, and what lies there is not ours to wipe.
  const der = Buffer.allocUnsafeSlow(PKCS8_PREFIX.length + SEED_BYTES);
  try {
    der.set(PKCS8_PREFIX);
    der.set(seed, PKCS8_PREFIX.length);
    return signerOf('Ed25519', createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  } finally {
    der.fill(0);
  }
}

/** signerFromSeed(hkdf(secret, info, 32)), with the derived seed wiped. */
export function deriveSigner(secret: Uint8Array, info: Uint8Array): Signer {
  const seed = hkdf(secret, info, SEED_BYTES);
  try {
    return signerFromSeed(seed);
  } finally {
    seed.fill(0);
  }
}

function signerOf(algorithm: SigningAlgorithm, key: KeyObject): Signer {
  const spki = Uint8Array.from(createPublicKey(key).export({ format: 'der', type: 'spki' }));
  const how = algorithm === 'Ed25519' ? key : ({ key, dsaEncoding: 'ieee-p1363' } as const);
  const digest = algorithm === 'Ed25519' ? null : algorithm === 'ES384' ? 'sha384' : 'sha256';
  return Object.freeze({
    algorithm,
    spki,
    sign: (message: Uint8Array): Uint8Array => Uint8Array.from(sign(digest, message, how)),
  });
}
