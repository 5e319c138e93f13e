/**
 * The keyring as the host stores it: public header, birth evidence, wrapped data key, sealed seed. Nothing in it
 * is secret to the host except through the data key, which the release backend unwraps only for an attested
 * enclave. JSON, so that people can look at it.
 */
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { toBase64 } from '../../src/codec/base64.ts';
import { parseJson } from '../../src/codec/json.ts';
import { jsonBytes, jsonObject } from '../../src/codec/json-shape.ts';
import { MAX_ENDORSEMENTS } from '../../src/statement/attestation.ts';

export interface KeyringFile {
  /** Keyring statement (design section 4), deterministic CBOR: names, thumbprints, origin, birth boot. */
  readonly header: Uint8Array;
  /** Hardware evidence of the birth, over `bind(keyring, header)`. */
  readonly birth: Uint8Array;
  /** A collateral bundle to judge the birth with; null where the evidence needs none. */
  readonly birthEndorsements: Uint8Array | null;
  /** The data key as the release backend wrapped it. */
  readonly wrappedKey: Uint8Array;
  /** AES-256-GCM: 12-byte nonce, ciphertext, 16-byte tag; the header is the additional data. */
  readonly sealedSeed: Uint8Array;
}

const TYPE = 'assay/keyring/v1';
/** Evidence of today has 5 KB, its endorsements 11; the file has both in base64. */
export const MAX_KEYRING_FILE = 524_288;
const MAX_FIELD = 65_535;
const FIELDS = ['type', 'header', 'birth', 'wrapped_key', 'sealed_seed'];

export function formatKeyring(file: KeyringFile): Uint8Array {
  const body = {
    type: TYPE,
    header: toBase64(file.header),
    birth: toBase64(file.birth),
    wrapped_key: toBase64(file.wrappedKey),
    sealed_seed: toBase64(file.sealedSeed),
    // Left out where there are none: on Nitro the file has the fields that it always had.
    ...(file.birthEndorsements === null ? {} : { birth_endorsements: toBase64(file.birthEndorsements) }),
  };
  return utf8(`${JSON.stringify(body, null, 1)}\n`);
}

/** Strict: exactly these fields, `birth_endorsements` perhaps among them. Throws KEYRING_INVALID. */
export function parseKeyring(bytes: Uint8Array): KeyringFile {
  try {
    const value = parseJson(bytes, { maxBytes: MAX_KEYRING_FILE, maxDepth: 2, path: 'keyring' });
    const body = jsonObject(value, 'keyring', FIELDS, ['birth_endorsements']);
    if (body['type'] !== TYPE) fail('KEYRING_INVALID', `not of type ${TYPE}`);
    const field = (name: string): Uint8Array => jsonBytes(body, name, 'keyring', { max: MAX_FIELD });
    return {
      header: field('header'),
      birth: field('birth'),
      birthEndorsements: Object.hasOwn(body, 'birth_endorsements')
        ? jsonBytes(body, 'birth_endorsements', 'keyring', { min: 1, max: MAX_ENDORSEMENTS })
        : null,
      wrappedKey: field('wrapped_key'),
      sealedSeed: field('sealed_seed'),
    };
  } catch (error) {
    throw new AssayError('KEYRING_INVALID', error instanceof AssayError ? error.message : 'keyring file', {
      cause: error,
    });
  }
}
