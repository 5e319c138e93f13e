/**
 * The persistent keyring (design sections 4, 5): one 32-byte seed from the hardware's entropy, from which every
 * persistent key is derived. It is made only under a genesis order, sealed under a data key that the release
 * backend gives to attested code alone, and opened only if its own birth quote checks out. There is no fallback.
 */
import { equalBytes, utf8 } from '../../src/base/bytes.ts';
import type { Crypto, Signer } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { Keyring as KeyringStatement } from '../../src/statement/keyring.ts';
import { thumbprint } from '../../src/statement/thumbprint.ts';
import { deriveSigner, openAesGcm, sealAesGcm } from '../../native/index.ts';
import { ed25519Raw } from '../../src/base/ed25519.ts';
import type { EndorsedEvidence } from '../attest/kin.ts';
import type { KeyringFile } from './keyring-file.ts';
import { RELEASE_CONTEXT } from './release.ts';

/** The persistent keys, usable and public parts only. */
export interface Keyring {
  readonly keyringId: Uint8Array;
  readonly custody: string;
  /** Signs C2SP checkpoints and nothing else. */
  readonly log: Signer;
  /** Name and RFC 9679 thumbprint of each key, as statements carry them. */
  readonly thumbprints: readonly { readonly name: string; readonly thumbprint: Uint8Array }[];
  /** Name and raw public key, as attestations carry them. */
  readonly named: readonly { readonly name: string; readonly key: Uint8Array }[];
}

/** What the release backend does for us; `context` is authenticated by it (KMS: EncryptionContext). */
export interface ReleaseBackend {
  readonly custody: string;
  generateDataKey(
    context: Readonly<Record<string, string>>,
  ): Promise<{ plaintext: Uint8Array; wrapped: Uint8Array }>;
  decrypt(wrapped: Uint8Array, context: Readonly<Record<string, string>>): Promise<Uint8Array>;
}

export interface KeyringParts {
  readonly crypto: Crypto;
  readonly backend: ReleaseBackend;
  readonly origin: string;
}

function contextOf(crypto: Crypto, header: Uint8Array, statement: KeyringStatement): Record<string, string> {
  return {
    [RELEASE_CONTEXT.origin]: statement.origin,
    [RELEASE_CONTEXT.keyring]: toHex(statement.keyringId),
    [RELEASE_CONTEXT.header]: toHex(crypto.sha256(header)),
  };
}

function deriveLog(seed: Uint8Array): Signer {
  return deriveSigner(seed, utf8('assay/key/log/v1'));
}

function describe(crypto: Crypto, log: Signer): Pick<Keyring, 'thumbprints' | 'named'> {
  const key = ed25519Raw(log.spki);
  return {
    named: [{ name: 'log', key }],
    thumbprints: [{ name: 'log', thumbprint: thumbprint(crypto, key) }],
  };
}

export interface Birth {
  readonly keyringId: Uint8Array;
  readonly seed: Uint8Array;
  readonly nonce: Uint8Array;
  readonly bootId: Uint8Array;
  readonly configDigest: Uint8Array;
  /** Quotes the birth; evidence and endorsements go into the file. */
  readonly quote: (binding: Uint8Array) => Promise<EndorsedEvidence>;
}

export interface MadeKeyring {
  readonly keyring: Keyring;
  readonly file: KeyringFile;
}

/** Makes a keyring. The caller has verified the genesis order; `seed` is wiped before this settles. */
export async function createKeyring(parts: KeyringParts, birth: Birth): Promise<MadeKeyring> {
  try {
    return await makeKeyring(parts, birth);
  } finally {
    birth.seed.fill(0);
  }
}

async function makeKeyring(parts: KeyringParts, birth: Birth): Promise<MadeKeyring> {
  const { crypto, backend, origin } = parts;
  const log = deriveLog(birth.seed);
  const { thumbprints, named } = describe(crypto, log);
  const statement: KeyringStatement = {
    origin,
    keyringId: birth.keyringId,
    version: 1,
    parentId: null,
    keys: [...thumbprints],
    bootId: birth.bootId,
    custody: backend.custody,
    configDigest: birth.configDigest,
  };
  const header = KeyringStatement.encode(statement);
  const { evidence, endorsements } = await birth.quote(bind(crypto, DOMAINS.keyring, header));
  const dataKey = await backend.generateDataKey(contextOf(crypto, header, statement));
  const sealedSeed = withSecret(dataKey.plaintext, (key) => sealAesGcm(key, birth.nonce, birth.seed, header));
  return {
    keyring: { keyringId: birth.keyringId, custody: backend.custody, log, thumbprints, named },
    file: {
      header,
      birth: evidence,
      birthEndorsements: endorsements,
      wrappedKey: dataKey.wrapped,
      sealedSeed,
    },
  };
}

/** Uses a secret and wipes it, also when its use fails. */
function withSecret<T>(secret: Uint8Array, use: (secret: Uint8Array) => T): T {
  try {
    return use(secret);
  } finally {
    secret.fill(0);
  }
}

/** Judges the birth evidence: resolves when it is authentic, of acceptable code, over `binding`. */
export type BirthJudge = (birth: EndorsedEvidence, binding: Uint8Array) => Promise<void>;

/**
 * Opens a keyring: header against this service, birth quote against the accepted measurements, data key from the
 * backend, every public key recomputed from the seed. Throws KEYRING_MISMATCH, KEYRING_BIRTH or the backend's code.
 */
export async function openKeyring(
  parts: KeyringParts,
  file: KeyringFile,
  judgeBirth: BirthJudge,
): Promise<Keyring> {
  const { crypto, backend, origin } = parts;
  const statement = readHeader(file.header);
  if (statement.origin !== origin)
    fail('KEYRING_MISMATCH', `the keyring belongs to ${statement.origin}, this is ${origin}`);
  if (statement.custody !== backend.custody)
    fail('KEYRING_MISMATCH', `in custody of ${statement.custody}, not ${backend.custody}`);
  const birth = { evidence: file.birth, endorsements: file.birthEndorsements };
  await judgeBirth(birth, bind(crypto, DOMAINS.keyring, file.header));
  const dataKey = await backend.decrypt(file.wrappedKey, contextOf(crypto, file.header, statement));
  const log = withSecret(
    withSecret(dataKey, (key) => openSeed(key, file)),
    deriveLog,
  );
  const { thumbprints, named } = describe(crypto, log);
  const same =
    statement.keys.length === thumbprints.length &&
    thumbprints.every(
      (own, i) =>
        own.name === statement.keys[i]?.name && equalBytes(own.thumbprint, statement.keys[i].thumbprint),
    );
  if (!same) fail('KEYRING_MISMATCH', 'the sealed seed does not give the keys of the header');
  return { keyringId: statement.keyringId, custody: backend.custody, log, thumbprints, named };
}

function readHeader(header: Uint8Array): KeyringStatement {
  try {
    return KeyringStatement.decode(header);
  } catch (error) {
    throw new AssayError('KEYRING_INVALID', 'keyring header', { cause: error });
  }
}

function openSeed(dataKey: Uint8Array, file: KeyringFile): Uint8Array {
  try {
    return openAesGcm(dataKey, file.sealedSeed, file.header);
  } catch (error) {
    throw new AssayError('KEYRING_MISMATCH', 'the released key does not open the seed under this header', {
      cause: error,
    });
  }
}
