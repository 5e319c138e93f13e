/**
 * Symmetric and key-agreement helpers for the keyring, the release backends and HPKE. Private keys stay inside
 * closures. Randomness is an argument: inside an enclave it comes from the platform, never from here.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPair,
  generateKeyPairSync,
  hkdfSync,
  privateDecrypt,
} from 'node:crypto';
import { promisify } from 'node:util';
import { fail } from '../src/base/index.ts';

const generateKeyPairAsync = promisify(generateKeyPair);

const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;
const AES_256_BYTES = 32;

/** HKDF-SHA256 (RFC 5869); `salt` defaults to the empty one; `length` is 1..8160 bytes. */
export function hkdf(
  secret: Uint8Array,
  info: Uint8Array,
  length: number,
  salt: Uint8Array = new Uint8Array(0),
): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, info, length));
}

/** HMAC-SHA256 (RFC 2104) over the concatenation of the parts. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return Uint8Array.from(hmac.digest());
}

/**
 * AES-256-GCM (NIST SP 800-38D). Returns nonce (12) ‖ ciphertext ‖ tag (16). The caller vouches that the nonce is
 * fresh under this key: a repeated one gives both plaintexts and forgeries away. KEY_INVALID on a wrong length.
 */
export function sealAesGcm(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  additional: Uint8Array,
): Uint8Array {
  checkKey(key);
  if (nonce.length !== GCM_NONCE_BYTES) fail('KEY_INVALID', `a GCM nonce has 12 bytes, not ${nonce.length}`);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: GCM_TAG_BYTES });
  cipher.setAAD(additional);
  return Uint8Array.from(
    Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]),
  );
}

/** Opens what sealAesGcm made. CIPHERTEXT_INVALID when key, additional data or any bit differs. */
export function openAesGcm(key: Uint8Array, sealed: Uint8Array, additional: Uint8Array): Uint8Array {
  checkKey(key);
  const end = sealed.length - GCM_TAG_BYTES;
  if (end < GCM_NONCE_BYTES) fail('CIPHERTEXT_INVALID', 'shorter than its nonce and tag');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, GCM_NONCE_BYTES), {
    authTagLength: GCM_TAG_BYTES,
  });
  decipher.setAAD(additional);
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(GCM_NONCE_BYTES, end));
  try {
    decipher.final();
  } catch (cause) {
    plaintext.fill(0);
    fail('CIPHERTEXT_INVALID', 'the ciphertext does not open under this key and additional data', { cause });
  }
  const out = Uint8Array.from(plaintext);
  plaintext.fill(0);
  return out;
}

function checkKey(key: Uint8Array): void {
  if (key.length !== AES_256_BYTES) fail('KEY_INVALID', `an AES-256 key has 32 bytes, not ${key.length}`);
}

/** An X25519 key pair (RFC 7748) whose private half stays inside. */
export interface AgreementKey {
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The 32-byte shared secret with a raw public key; KEY_INVALID on another length or a point of small order. */
  agree(peer: Uint8Array): Uint8Array;
}

/** SubjectPublicKeyInfo of RFC 8410 for X25519, up to the 32 bytes of the key. */
const X25519_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

export function generateAgreementKey(): AgreementKey {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return Object.freeze({
    publicKey: Uint8Array.from(
      publicKey.export({ format: 'der', type: 'spki' }).subarray(X25519_PREFIX.length),
    ),
    agree(peer: Uint8Array): Uint8Array {
      if (peer.length !== 32) fail('KEY_INVALID', `an X25519 key has 32 bytes, not ${peer.length}`);
      const key = Buffer.concat([X25519_PREFIX, peer]);
      try {
        const theirs = createPublicKey({ key, format: 'der', type: 'spki' });
        return Uint8Array.from(diffieHellman({ privateKey, publicKey: theirs }));
      } catch (cause) {
        // RFC 7748 section 6.1: an all-zero result means a peer key of small order; OpenSSL refuses it.
        return fail('KEY_INVALID', 'the X25519 key is of small order', { cause });
      }
    },
  });
}

/** The RSA key that a KMS encrypts to (AWS KMS RecipientInfo: RSAES_OAEP_SHA_256). One request, one key. */
export interface RecipientKey {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** RSAES-OAEP with SHA-256 and MGF1-SHA-256, empty label; CIPHERTEXT_INVALID on anything else. */
  decrypt(ciphertext: Uint8Array): Uint8Array;
}

/** Off the event loop: finding the primes takes from 30 ms to a second. */
export async function generateRecipientKey(bits: 2048 | 3072): Promise<RecipientKey> {
  const { publicKey, privateKey } = await generateKeyPairAsync('rsa', { modulusLength: bits });
  const how = { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  return Object.freeze({
    spki: Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' })),
    decrypt(ciphertext: Uint8Array): Uint8Array {
      try {
        return Uint8Array.from(privateDecrypt(how, ciphertext));
      } catch (cause) {
        return fail('CIPHERTEXT_INVALID', 'not RSAES-OAEP-SHA256 to this key', { cause });
      }
    },
  });
}
