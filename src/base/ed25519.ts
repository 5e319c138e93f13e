/**
 * One Ed25519 semantics everywhere (RFC 8032 section 5.1, narrowed): A on the curve, canonical A and R, neither of
 * small order, S < L, and the equation without the cofactor. Libraries disagree exactly on the signatures that these
 * checks take away, because RFC 8032 leaves them open, and a log that two verifiers judge differently proves nothing.
 */
import { fail } from './errors.ts';

/** SubjectPublicKeyInfo of RFC 8410 section 4, up to the 32 bytes of the key. */
const SPKI_PREFIX = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);

const P = (1n << 255n) - 19n;
/** The order of the base point. */
const L = (1n << 252n) + 27742317777372353535851937790883648493n;
/** The curve constant d = -121665/121666. */
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const SIGN_BIT = 1n << 255n;

/** The y of the eight points of small order (orders 1, 2, 4, 4 and four of order 8); x only adds a sign. */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  1n,
  P - 1n,
  0n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n,
]);

/** DER SubjectPublicKeyInfo of a raw 32-byte key. Any other length is KEY_INVALID; the point is not checked. */
export function ed25519Spki(rawKey: Uint8Array): Uint8Array {
  if (rawKey.length !== 32) fail('KEY_INVALID', `an Ed25519 key has 32 bytes, not ${rawKey.length}`);
  const spki = new Uint8Array(44);
  spki.set(SPKI_PREFIX);
  spki.set(rawKey, SPKI_PREFIX.length);
  return spki;
}

/** The raw 32-byte key of a DER SubjectPublicKeyInfo; anything but the one encoding of RFC 8410 is KEY_INVALID. */
export function ed25519Raw(spki: Uint8Array): Uint8Array {
  if (spki.length !== 44 || SPKI_PREFIX.some((byte, i) => spki[i] !== byte))
    fail('KEY_INVALID', 'not the SubjectPublicKeyInfo of an Ed25519 key');
  return spki.slice(SPKI_PREFIX.length);
}

/** Throws KEY_INVALID unless the 32 bytes are the canonical encoding of a point of the curve, not of small order. */
export function checkEd25519Key(rawKey: Uint8Array): void {
  if (rawKey.length !== 32) fail('KEY_INVALID', `an Ed25519 key has 32 bytes, not ${rawKey.length}`);
  const y = littleEndian(rawKey, 0) & ~SIGN_BIT;
  if (y >= P) fail('KEY_INVALID', 'the Ed25519 key is not canonical: y is not below p');
  if (SMALL_ORDER_Y.has(y)) fail('KEY_INVALID', 'the Ed25519 key is of small order');
  if (!isOnCurve(y)) fail('KEY_INVALID', 'the Ed25519 key is not a point of the curve');
}

/**
 * Throws SIGNATURE_INVALID unless the 64 bytes can be a signature: R canonical and not of small order, S < L. That
 * R is a point needs no check: the equation is tested by comparing R with the encoding of a computed point.
 */
export function checkEd25519Signature(signature: Uint8Array): void {
  if (signature.length !== 64)
    fail('SIGNATURE_INVALID', `an Ed25519 signature has 64 bytes, not ${signature.length}`);
  const y = littleEndian(signature, 0) & ~SIGN_BIT;
  if (y >= P) fail('SIGNATURE_INVALID', 'R of the Ed25519 signature is not canonical');
  if (SMALL_ORDER_Y.has(y)) fail('SIGNATURE_INVALID', 'R of the Ed25519 signature is of small order');
  if (littleEndian(signature, 32) >= L)
    fail('SIGNATURE_INVALID', 'S of the Ed25519 signature is not below L');
}

/** Both checks: KEY_INVALID or SIGNATURE_INVALID. The signature's equation is still to be verified. */
export function checkEd25519(rawKey: Uint8Array, signature: Uint8Array): void {
  checkEd25519Key(rawKey);
  checkEd25519Signature(signature);
}

function littleEndian(bytes: Uint8Array, at: number): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 32);
  return (
    view.getBigUint64(0, true) |
    (view.getBigUint64(8, true) << 64n) |
    (view.getBigUint64(16, true) << 128n) |
    (view.getBigUint64(24, true) << 192n)
  );
}

/**
 * x^2 = (y^2 - 1) / (d y^2 + 1) has a root (RFC 8032 section 5.1.3) exactly if u v is a square, by Euler's criterion.
 * u v = 0 happens only at y = 1 and y = -1, whose encodings with the wrong sign of x never come here: small order.
 */
function isOnCurve(y: bigint): boolean {
  const yy = (y * y) % P;
  const uv = ((yy - 1n + P) * ((D * yy + 1n) % P)) % P;
  return power(uv, (P - 1n) >> 1n) === 1n;
}

/** Left-to-right square and multiply; the inputs are public, so time need not be constant. About 0.1 ms. */
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % P;
    if (bit === '1') result = (result * base) % P;
  }
  return result;
}
