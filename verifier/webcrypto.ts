/**
 * The crypto of browsers, which Node has too: signatures by WebCrypto, hashes by @noble/hashes because awaiting
 * WebCrypto for each Merkle node is about nine times slower. Where WebCrypto or a curve of it is lacking, `noble.ts` is
 * loaded and stands in.
 */
import type { Crypto, SignatureAlgorithm, VerifyKey } from '../src/base/crypto.ts';
import { fail } from '../src/base/errors.ts';
import { hashing, keyForm, keyOf } from './crypto-parts.ts';

type Subtle = typeof globalThis.crypto.subtle;
type SubtleKey = Awaited<ReturnType<Subtle['importKey']>>;
type Bytes = Uint8Array<ArrayBuffer>;

const IMPORT = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384' },
  PS384: { name: 'RSA-PSS', hash: 'SHA-384' },
  Ed25519: { name: 'Ed25519' },
} as const;

const VERIFY = {
  ES256: { name: 'ECDSA', hash: 'SHA-256' },
  ES384: { name: 'ECDSA', hash: 'SHA-384' },
  PS384: { name: 'RSA-PSS', saltLength: 48 },
  Ed25519: { name: 'Ed25519' },
} as const;

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

/** Without WebCrypto at all (a page that is not a secure context): slower, same verdicts. */
export const nobleCrypto: Crypto = Object.freeze({
  ...hashing,
  async importKey(algorithm: SignatureAlgorithm, spki: Uint8Array): Promise<VerifyKey> {
    const form = await keyForm(algorithm);
    const { nobleKey } = await import('./noble.ts');
    // Nothing is awaited between the check of the bytes and their use.
    form.checkKey(spki);
    return nobleKey(form, spki);
  },
});

/** The crypto for browsers and for Node. importKey rejects with KEY_INVALID, verify with SIGNATURE_INVALID. */
export const webCrypto: Crypto = Object.freeze({
  ...hashing,
  async importKey(algorithm: SignatureAlgorithm, spki: Uint8Array): Promise<VerifyKey> {
    const form = await keyForm(algorithm);
    form.checkKey(spki);
    const subtle: Subtle | undefined = globalThis.crypto?.subtle;
    const key = subtle === undefined ? null : await importSubtle(subtle, algorithm, spki);
    if (subtle === undefined || key === null) return nobleCrypto.importKey(algorithm, spki);
    return keyOf(form, (message, signature) =>
      subtle.verify(VERIFY[algorithm], key, owned(signature), owned(message)),
    );
  },
});
