/**
 * The one accepted encoding of a public key. ECDSA: named curve and uncompressed point (RFC 5480 sections 2.1.1.1
 * and 2.2). Compressed points, the point at infinity, explicit parameters and trailing bytes are refused before a
 * library sees them, because libraries differ on all four. RSA: 4,096 bits and the exponent 65537 (RFC 3279 section
 * 2.3.1), the only keys that a vendor signs evidence with.
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

/** SEQUENCE { rsaEncryption NULL, BIT STRING { SEQUENCE { INTEGER of 513 octets, 65537 } } }: all before the modulus. */
const RSA_PREFIX = fromHex('30820222300d06092a864886f70d01010105000382020f003082020a0282020100');
const RSA_SUFFIX = fromHex('0203010001');
/** Bytes of the modulus, and so of a signature. */
const RSA_SIZE = 512;

/** The modulus, big-endian. Throws KEY_INVALID unless the SubjectPublicKeyInfo is of RSA-4096 with exponent 65537. */
export function rsaModulus(spki: Uint8Array): Uint8Array {
  const end = RSA_PREFIX.length + RSA_SIZE;
  const modulus = spki.subarray(RSA_PREFIX.length, end);
  const framed =
    spki.length === end + RSA_SUFFIX.length &&
    RSA_PREFIX.every((byte, i) => spki[i] === byte) &&
    RSA_SUFFIX.every((byte, i) => spki[end + i] === byte);
  const first = modulus[0] ?? 0;
  const last = modulus[RSA_SIZE - 1] ?? 0;
  if (!framed || first < 0x80 || last % 2 === 0)
    fail('KEY_INVALID', 'not the SubjectPublicKeyInfo of an RSA key of 4,096 bits with the exponent 65537');
  return modulus;
}

/** Throws SIGNATURE_INVALID unless the signature is as long as the modulus (RFC 8017 section 8.1.2 step 1). */
export function checkRsaSignature(signature: Uint8Array): void {
  if (signature.length !== RSA_SIZE)
    fail('SIGNATURE_INVALID', `a PS384 signature has ${RSA_SIZE} bytes, not ${signature.length}`);
}
