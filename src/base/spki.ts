/**
 * The one accepted encoding of an ECDSA public key: named curve and uncompressed point (RFC 5480 sections 2.1.1.1
 * and 2.2). Compressed points, the point at infinity, explicit parameters and trailing bytes are refused before a
 * library sees them, because libraries differ on all four.
 */
import { fail } from './errors.ts';
import { fromHex } from './hex.ts';

interface Shape {
  readonly curve: string;
  /** id-ecPublicKey, the curve and the 04 of an uncompressed point: everything before x and y. */
  readonly prefix: Uint8Array;
  /** Bytes of each of x, y, r and s. */
  readonly size: number;
}

const SHAPES: Readonly<Record<'ES256' | 'ES384', Shape>> = {
  ES256: {
    curve: 'P-256',
    prefix: fromHex('3059301306072a8648ce3d020106082a8648ce3d03010703420004'),
    size: 32,
  },
  ES384: {
    curve: 'P-384',
    prefix: fromHex('3076301006072a8648ce3d020106052b8104002203620004'),
    size: 48,
  },
};

/** Throws KEY_INVALID unless the SubjectPublicKeyInfo has the one accepted shape; that the point is on the curve is not checked. */
export function checkEcdsaSpki(algorithm: 'ES256' | 'ES384', spki: Uint8Array): void {
  const { curve, prefix, size } = SHAPES[algorithm];
  if (spki.length !== prefix.length + 2 * size || prefix.some((byte, i) => spki[i] !== byte))
    fail('KEY_INVALID', `not the SubjectPublicKeyInfo of an uncompressed ${curve} point`);
}

/** Throws SIGNATURE_INVALID unless the signature has the length of r and s (IEEE P1363: 64 or 96 bytes). */
export function checkEcdsaSignature(algorithm: 'ES256' | 'ES384', signature: Uint8Array): void {
  const expected = 2 * SHAPES[algorithm].size;
  if (signature.length !== expected)
    fail('SIGNATURE_INVALID', `an ${algorithm} signature has ${expected} bytes, not ${signature.length}`);
}
