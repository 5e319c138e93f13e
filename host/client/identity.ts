/**
 * A caller's identity: a key pair with a self-signed certificate for mTLS. Nobody relies on the certificate's
 * names; the policy names the SHA-256 of the public key (SubjectPublicKeyInfo, DER).
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { nodeCrypto } from '../../native/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { selfSignedCertificate } from '../../src/codec/x509-write.ts';

export interface ClientIdentity {
  /** PKCS#8 PEM. */
  readonly key: string;
  /** PEM. */
  readonly cert: string;
  /** SHA-256 of the SPKI: what a policy's principal names, and what stands in each leaf. */
  readonly principal: Uint8Array;
}

const DAY_MS = 86_400_000;

function identityOf(keyPem: string): ClientIdentity {
  const privateKey = createPrivateKey(keyPem);
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    fail('CLIENT_KEY_INVALID', 'not a P-256 key');
  const spki = new Uint8Array(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }));
  const certificate = selfSignedCertificate({
    subjectCommonName: 'assay client',
    serial: Uint8Array.of(1, ...randomBytes(15)),
    notBefore: Date.now() - DAY_MS,
    notAfter: Date.now() + 3_650 * DAY_MS,
    spki,
    sign: (tbs) => new Uint8Array(sign('sha256', tbs, privateKey)),
  });
  return { key: keyPem, cert: formatPem('CERTIFICATE', certificate), principal: nodeCrypto.sha256(spki) };
}

/** A new P-256 identity, in memory. */
export function createClientIdentity(): ClientIdentity {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return identityOf(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
}

/** Reads a PKCS#8 PEM key (P-256), or makes one of mode 0600 when the file is absent and `create` is set. */
export function loadClientIdentity(path: string, options: { create: boolean }): ClientIdentity {
  try {
    if (options.create && !existsSync(path)) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, createClientIdentity().key, { mode: 0o600, flag: 'wx' });
    }
    return identityOf(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new AssayError('CLIENT_KEY_INVALID', `${path}: not a readable P-256 key in PKCS#8 PEM`, {
      cause: error,
    });
  }
}

export function principalText(identity: ClientIdentity): string {
  return toHex(identity.principal);
}
