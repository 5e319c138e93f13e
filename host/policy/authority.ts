/** Keys of policy authorities: Ed25519 in PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes them. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { ed25519Raw } from '../../src/base/ed25519.ts';
import { fail } from '../../src/base/errors.ts';

export interface AuthorityKey {
  /** The raw 32-byte public key: what the enclave's configuration names. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** Throws POLICY_SOURCE_INVALID for a file that cannot be read or is not an Ed25519 private key. */
export function readAuthorityKey(path: string): AuthorityKey {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    return fail('POLICY_SOURCE_INVALID', `${path}: cannot be read`, { cause: error });
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The cause is left out: OpenSSL's message could quote the file.
    return fail('POLICY_SOURCE_INVALID', `${path}: is not a private key in PEM`);
  }
  if (key.asymmetricKeyType !== 'ed25519')
    return fail('POLICY_SOURCE_INVALID', `${path}: is not an Ed25519 key`);
  return authorityOf(key);
}

/** Makes a key and writes it, readable by its owner only; never over an existing file. */
export function writeAuthorityKey(path: string): AuthorityKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    writeFileSync(path, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    return fail('POLICY_SOURCE_INVALID', `${path}: exists already or cannot be written`, { cause: error });
  }
  return authorityOf(privateKey);
}

function authorityOf(key: KeyObject): AuthorityKey {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return Object.freeze({
    publicKey: ed25519Raw(new Uint8Array(spki)),
    sign: (message: Uint8Array) => new Uint8Array(sign(null, message, key)),
  });
}
