/** The P-384 keys that sign reports, from the seed. */
import { createECDH, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { toHex } from '../../../src/base/hex.ts';
import type { Derive } from '../state.ts';

/** Order of the group of P-384 (SP 800-186 section 3.2.1.4). */
const ORDER = BigInt(
  '0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
);

export interface ReportKey {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** ECDSA with SHA-384: r and s, 48 bytes each, big-endian. Another pair each time, high-S half of the time. */
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** The key of this purpose: 72 derived bytes reduced (FIPS 186-5 appendix A.2.1). */
export function deriveReportKey(derive: Derive, purpose: string): ReportKey {
  const wide = BigInt(`0x${toHex(derive(purpose, 72))}`);
  const scalar = Buffer.from(((wide % (ORDER - 1n)) + 1n).toString(16).padStart(96, '0'), 'hex');
  const point = createECDH('secp384r1');
  point.setPrivateKey(scalar);
  const raw = point.getPublicKey();
  const jwk = {
    kty: 'EC',
    crv: 'P-384',
    d: scalar.toString('base64url'),
    x: raw.subarray(1, 49).toString('base64url'),
    y: raw.subarray(49).toString('base64url'),
  };
  const key: KeyObject = createPrivateKey({ key: jwk, format: 'jwk' });
  return Object.freeze({
    spki: new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' })),
    sign: (message: Uint8Array) =>
      new Uint8Array(sign('sha384', message, { key, dsaEncoding: 'ieee-p1363' })),
  });
}
