/**
 * Keys for pages without WebCrypto, and of curves that a browser's lacks: @noble/curves, which is an order of magnitude
 * slower and gives the same verdicts. Only `webcrypto.ts` imports this, and only on need: a page need not carry it.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concat, equalBytes } from '../src/base/bytes.ts';
import type { VerifyKey } from '../src/base/crypto.ts';
import { AssayError } from '../src/base/errors.ts';
import { rsaModulus } from '../src/base/spki.ts';
import { type KeyForm, keyOf } from './crypto-parts.ts';
import { verifyPss } from './rsa-pss.ts';

/** Bytes of a point in an SPKI follow its fixed head: 65 for P-256, 97 for P-384, 32 for Ed25519. */
const POINT_SIZE = { ES256: 65, ES384: 97, Ed25519: 32 } as const;

/** `spki` has the one accepted form of its algorithm. Throws KEY_INVALID for a point that is not on its curve. */
export function nobleKey(form: KeyForm, spki: Uint8Array): VerifyKey {
  const { algorithm } = form;
  if (algorithm === 'PS384') {
    const modulus = rsaModulus(spki).slice();
    return keyOf(form, async (message, signature) => verifyPss(modulus, message, signature));
  }
  const point = spki.slice(-POINT_SIZE[algorithm]);
  if (algorithm === 'Ed25519') return nobleEd25519(form, point);
  const curve = algorithm === 'ES256' ? p256 : p384;
  try {
    curve.Point.fromBytes(point).assertValidity();
  } catch (cause) {
    throw new AssayError('KEY_INVALID', 'the public key is not a point of its curve', { cause });
  }
  // lowS would refuse about half of what genuine hardware signs.
  return keyOf(form, async (message, signature) =>
    curve.verify(signature, message, point, { lowS: false, prehash: true, format: 'compact' }),
  );
}

/**
 * Without the cofactor, as OpenSSL and the browsers do it: R must be the encoding of S·B - k·A. The library's own
 * verify multiplies by the cofactor and so accepts signatures that the others refuse.
 */
function nobleEd25519(form: KeyForm, rawKey: Uint8Array): VerifyKey {
  const { Point } = ed25519;
  const { Fn } = Point;
  const key = Point.fromBytes(rawKey);
  return keyOf(form, async (message, signature) => {
    const r = signature.subarray(0, 32);
    const k = Fn.create(littleEndian(sha512(concat(r, rawKey, message))));
    const s = littleEndian(signature.subarray(32));
    const expected = Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k));
    return equalBytes(expected.toBytes(), r);
  });
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  return value;
}
