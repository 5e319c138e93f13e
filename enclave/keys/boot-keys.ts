/**
 * Keys of one boot (design section 4): made inside, never stored, gone with the process. One key, one purpose.
 *
 * Epoch, session and HPKE keys are KeyObjects in OpenSSL's secure heap and are never exported. The TLS key is
 * the exception: Node's TLS takes a key only as PEM, so it passes through the JavaScript heap once. By itself it
 * opens nothing: the session key signs the TLS exporter, and the identity quote carries the hash of the TLS key.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { type AgreementKey, generateAgreementKey, generateSigner } from '../../native/index.ts';
import type { Hashing, Signer } from '../../src/base/crypto.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { selfSignedCertificate } from '../../src/codec/x509-write.ts';

export interface BootKeys {
  /** 32 bytes from the hardware; names this boot in every statement. */
  readonly bootId: Uint8Array;
  /** Signs checkpoints beside the log key: what only the log key signed is not hardware bound. */
  readonly epoch: Signer;
  /** Signs session statements only. */
  readonly session: Signer;
  /** X25519; nothing is encrypted to it yet, but every identity carries its public part. */
  readonly hpke: AgreementKey;
  readonly tls: { readonly key: string; readonly cert: string; readonly spkiHash: Uint8Array };
}

/** Nobody relies on these dates: clients compare the certificate's key with the quoted hash. */
const VALID = { notBefore: Date.UTC(2020, 0, 1), notAfter: Date.UTC(2049, 11, 31) } as const;

function tlsIdentity(hashing: Hashing, bootId: Uint8Array): BootKeys['tls'] {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const certificate = selfSignedCertificate({
    subjectCommonName: 'assay enclave',
    serial: Uint8Array.of(1, ...bootId.subarray(0, 15)),
    ...VALID,
    spki,
    sign: (tbs) => new Uint8Array(sign('sha256', tbs, privateKey)),
  });
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: formatPem('CERTIFICATE', certificate),
    spkiHash: hashing.sha256(spki),
  };
}

export function makeBootKeys(hashing: Hashing, bootId: Uint8Array): BootKeys {
  return {
    bootId,
    epoch: generateSigner('Ed25519'),
    session: generateSigner('Ed25519'),
    hpke: generateAgreementKey(),
    tls: tlsIdentity(hashing, bootId),
  };
}
