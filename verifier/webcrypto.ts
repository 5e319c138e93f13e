/**
 * The crypto of browsers, which Node has too: signatures by WebCrypto, hashes by @noble/hashes because awaiting
 * WebCrypto for each Merkle node is about nine times slower. @noble/curves stands in where WebCrypto lacks a curve.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concat, equalBytes } from '../src/base/bytes.ts';
import type { Crypto, SignatureAlgorithm, VerifyKey } from '../src/base/crypto.ts';
import { checkEd25519Key, checkEd25519Signature, ed25519Raw } from '../src/base/ed25519.ts';
import { AssayError, fail } from '../src/base/errors.ts';
import { checkEcdsaSignature, checkEcdsaSpki } from '../src/base/spki.ts';

type Subtle = typeof globalThis.crypto.subtle;
type SubtleKey = Awaited<ReturnType<Subtle['importKey']>>;
type Bytes = Uint8Array<ArrayBuffer>;

const IMPORT = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384' },
  Ed25519: { name: 'Ed25519' },
} as const;

const VERIFY = {
  ES256: { name: 'ECDSA', hash: 'SHA-256' },
  ES384: { name: 'ECDSA', hash: 'SHA-384' },
  Ed25519: { name: 'Ed25519' },
} as const;

/** Bytes of a point in an SPKI follow its fixed head: 65 for P-256, 97 for P-384, 32 for Ed25519. */
const POINT_SIZE = { ES256: 65, ES384: 97, Ed25519: 32 } as const;

function checkKey(algorithm: SignatureAlgorithm, spki: Uint8Array): void {
  if (algorithm === 'Ed25519') checkEd25519Key(ed25519Raw(spki));
  else checkEcdsaSpki(algorithm, spki);
}

function checkSignature(algorithm: SignatureAlgorithm, signature: Uint8Array): void {
  if (algorithm === 'Ed25519') checkEd25519Signature(signature);
  else checkEcdsaSignature(algorithm, signature);
}

/** WebCrypto takes no shared memory, and bytes from outside may be a view of some. */
function owned(bytes: Uint8Array): Bytes {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Bytes) : new Uint8Array(bytes);
}

async function importSubtle(
  subtle: Subtle,
  algorithm: SignatureAlgorithm,
  spki: Uint8Array,
): Promise<SubtleKey | null> {
  try {
    return await subtle.importKey('spki', owned(spki), IMPORT[algorithm], false, ['verify']);
  } catch (cause) {
    // Browsers without the curve say NotSupportedError; everything else is a bad key.
    if ((cause as { name?: unknown } | null)?.name === 'NotSupportedError') return null;
    return fail('KEY_INVALID', `the public key is not a point of its curve`, { cause });
  }
}

function keyOf(
  algorithm: SignatureAlgorithm,
  genuine: (message: Uint8Array, signature: Uint8Array) => Promise<boolean>,
): VerifyKey {
  return Object.freeze({
    algorithm,
    async verify(message: Uint8Array, signature: Uint8Array): Promise<void> {
      checkSignature(algorithm, signature);
      let holds = false;
      try {
        holds = await genuine(message, signature);
      } catch (cause) {
        fail('SIGNATURE_INVALID', 'the signature does not verify', { cause });
      }
      if (!holds) fail('SIGNATURE_INVALID', 'the signature does not verify');
    },
  });
}

function nobleKey(algorithm: SignatureAlgorithm, spki: Uint8Array): VerifyKey {
  const point = spki.slice(-POINT_SIZE[algorithm]);
  if (algorithm === 'Ed25519') return nobleEd25519(point);
  const curve = algorithm === 'ES256' ? p256 : p384;
  try {
    curve.Point.fromBytes(point).assertValidity();
  } catch (cause) {
    throw new AssayError('KEY_INVALID', 'the public key is not a point of its curve', { cause });
  }
  // lowS would refuse about half of what genuine hardware signs.
  return keyOf(algorithm, async (message, signature) =>
    curve.verify(signature, message, point, { lowS: false, prehash: true, format: 'compact' }),
  );
}

/**
 * Without the cofactor, as OpenSSL and the browsers do it: R must be the encoding of S·B - k·A. The library's own
 * verify multiplies by the cofactor and so accepts signatures that the others refuse.
 */
function nobleEd25519(rawKey: Uint8Array): VerifyKey {
  const { Point } = ed25519;
  const { Fn } = Point;
  const key = Point.fromBytes(rawKey);
  return keyOf('Ed25519', async (message, signature) => {
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

const hashing = {
  sha256: (...parts: readonly Uint8Array[]): Uint8Array => sha256(joined(parts)),
  sha384: (...parts: readonly Uint8Array[]): Uint8Array => sha384(joined(parts)),
  sha512: (...parts: readonly Uint8Array[]): Uint8Array => sha512(joined(parts)),
};

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : concat(...parts);
}

/** Without WebCrypto at all (a page that is not a secure context): slower, same verdicts. */
export const nobleCrypto: Crypto = Object.freeze({
  ...hashing,
  async importKey(algorithm: SignatureAlgorithm, spki: Uint8Array): Promise<VerifyKey> {
    checkKey(algorithm, spki);
    return nobleKey(algorithm, spki);
  },
});

/** The crypto for browsers and for Node. importKey rejects with KEY_INVALID, verify with SIGNATURE_INVALID. */
export const webCrypto: Crypto = Object.freeze({
  ...hashing,
  async importKey(algorithm: SignatureAlgorithm, spki: Uint8Array): Promise<VerifyKey> {
    checkKey(algorithm, spki);
    const subtle: Subtle | undefined = globalThis.crypto?.subtle;
    const key = subtle === undefined ? null : await importSubtle(subtle, algorithm, spki);
    if (subtle === undefined || key === null) return nobleKey(algorithm, spki);
    return keyOf(algorithm, (message, signature) =>
      subtle.verify(VERIFY[algorithm], key, owned(signature), owned(message)),
    );
  },
});
