/**
 * The key release of simulated hardware, in the shape of AWS KMS: GenerateDataKey and Decrypt with a Recipient.
 * The document is judged by the production verifier under the simulated root, its registers by the key policy,
 * and the answer is encrypted to the key inside the document. Requests without a Recipient are denied, because
 * nothing but an enclave has business with this key.
 */
import { randomBytes } from 'node:crypto';
import type { Millis } from '../../src/base/clock.ts';
import { concat, equalBytes, u32be, utf8 } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { fromBase64, toBase64 } from '../../src/codec/base64.ts';
import { type JsonValue, parseJson } from '../../src/codec/json.ts';
import { type NitroDocument, parseNitro } from '../../src/evidence/nitro.ts';
import { nodeCrypto, openAesGcm, sealAesGcm } from '../../native/crypto.ts';
import { verifyNitro } from '../../verifier/nitro.ts';
import { simulatedRoot } from '../../verifier/roots.ts';
import { sealEnvelope } from './cms.ts';
import { allows, type KeyPolicy, RELEASE_TO_ANYONE } from './key-policy.ts';

/** How this hardware's documents are read, and what makes one genuine. */
export interface Documents {
  readonly read: (document: Uint8Array) => NitroDocument;
  readonly verify: (document: Uint8Array, at: Millis) => Promise<NitroDocument>;
}

/** Documents that this root has signed. */
export function signedDocuments(root: { readonly name: string; readonly spkiSha256: Uint8Array }): Documents {
  const roots = [simulatedRoot('nitro', root.name, toHex(root.spkiSha256))];
  return {
    read: parseNitro,
    async verify(bytes, at) {
      const document = parseNitro(bytes);
      await verifyNitro(document, { at, crypto: nodeCrypto, roots });
      return document;
    },
  };
}

export interface KmsParts {
  /** Full ARN of the one key. */
  readonly keyArn: string;
  /** 32 bytes; wraps every data key. */
  readonly masterKey: Uint8Array;
  /** In force now; `anyone` is a custodian who colludes and looks at nothing. */
  readonly policy: () => KeyPolicy | typeof RELEASE_TO_ANYONE;
  readonly documents: Documents;
  readonly now: () => Millis;
}

export interface KmsAnswer {
  readonly status: number;
  readonly body: { readonly [name: string]: string };
}

export interface Kms {
  /** `target`: the value of X-Amz-Target; `body`: JSON. Failures are answers in the service's own shapes. */
  handle(target: string, body: Uint8Array): Promise<KmsAnswer>;
}

type Fields = { readonly [name: string]: JsonValue };

const DATA_KEY_BYTES = 32;
const MAX_REQUEST = 524_288;
const MAX_CONTEXT = 64;
/** AWS KMS refuses documents that are older than five minutes. */
const MAX_AGE: Millis = 300_000;
const SIMULATED_BLOB = utf8('assay-sim-kms/1');

/** An awsJson error with the service's name for it. */
class KmsFailure extends Error {
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

const deny = (message: string): never => {
  throw new KmsFailure('AccessDeniedException', message);
};
const invalid = (message: string): never => {
  throw new KmsFailure('ValidationException', message);
};

export function createKms(parts: KmsParts): Kms {
  return Object.freeze({
    async handle(target: string, bytes: Uint8Array): Promise<KmsAnswer> {
      try {
        return { status: 200, body: await perform(parts, target, bytes) };
      } catch (error) {
        if (error instanceof KmsFailure)
          return { status: 400, body: { __type: error.type, message: error.message } };
        if (error instanceof AssayError)
          return { status: 400, body: { __type: 'ValidationException', message: error.message } };
        throw error;
      }
    },
  });
}

async function perform(
  parts: KmsParts,
  target: string,
  bytes: Uint8Array,
): Promise<{ [name: string]: string }> {
  const operation = target.startsWith('TrentService.') ? target.slice('TrentService.'.length) : '';
  if (operation !== 'GenerateDataKey' && operation !== 'Decrypt')
    throw new KmsFailure('UnknownOperationException', 'only GenerateDataKey and Decrypt are here');
  const request = object(
    parseJson(bytes, { maxBytes: MAX_REQUEST, maxDepth: 4, path: 'request' }),
    'request',
  );
  if (request['KeyId'] !== parts.keyArn) throw new KmsFailure('NotFoundException', 'no key of that ARN');
  const context = canonicalContext(request['EncryptionContext']);
  const recipient = await judgeRecipient(parts, `kms:${operation}`, request['Recipient']);
  const additional = concat(SIMULATED_BLOB, utf8(parts.keyArn), context);
  if (operation === 'Decrypt') {
    const plaintext = unwrap(parts, text(request, 'CiphertextBlob'), additional);
    return {
      KeyId: parts.keyArn,
      EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      CiphertextForRecipient: toBase64(sealEnvelope(plaintext, recipient)),
    };
  }
  if (request['KeySpec'] !== 'AES_256') return invalid('KeySpec is not AES_256');
  const dataKey = new Uint8Array(randomBytes(DATA_KEY_BYTES));
  const blob = concat(
    SIMULATED_BLOB,
    sealAesGcm(parts.masterKey, new Uint8Array(randomBytes(12)), dataKey, additional),
  );
  return {
    KeyId: parts.keyArn,
    CiphertextBlob: toBase64(blob),
    CiphertextForRecipient: toBase64(sealEnvelope(dataKey, recipient)),
  };
}

/** The public key of a document that the key policy lets in. */
async function judgeRecipient(
  parts: KmsParts,
  action: string,
  value: JsonValue | undefined,
): Promise<Uint8Array> {
  if (value === undefined || value === null)
    return deny('no attestation document, and no other caller is allowed');
  const recipient = object(value, 'Recipient');
  if (recipient['KeyEncryptionAlgorithm'] !== 'RSAES_OAEP_SHA_256')
    return invalid('KeyEncryptionAlgorithm is not RSAES_OAEP_SHA_256');
  const document = fromBase64(text(recipient, 'AttestationDocument'));
  const policy = parts.policy();
  if (policy === RELEASE_TO_ANYONE) return requireKey(parts.documents.read(document).publicKey);
  const claims = await attestedClaims(parts, document);
  const age = parts.now() - claims.timestamp;
  if (age > MAX_AGE || age < -MAX_AGE) return invalid('the attestation document is not recent');
  if (!allows(policy, action, claims.pcrs)) return deny('the key policy does not name these measurements');
  return requireKey(claims.publicKey);
}

function requireKey(key: Uint8Array | null): Uint8Array {
  return key ?? invalid('the attestation document has no public key');
}

async function attestedClaims({ documents, now }: KmsParts, document: Uint8Array): Promise<NitroDocument> {
  try {
    return await documents.verify(document, now());
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return invalid(`attestation document: ${error.code}`);
  }
}

function unwrap({ masterKey }: KmsParts, blob64: string, additional: Uint8Array): Uint8Array {
  const blob = fromBase64(blob64);
  try {
    const prefix = blob.subarray(0, SIMULATED_BLOB.length);
    if (!equalBytes(prefix, SIMULATED_BLOB))
      throw new KmsFailure('InvalidCiphertextException', 'not a blob of ours');
    return openAesGcm(masterKey, blob.subarray(SIMULATED_BLOB.length), additional);
  } catch (error) {
    if (error instanceof KmsFailure) throw error;
    throw new KmsFailure('InvalidCiphertextException', 'the blob does not open under this key and context');
  }
}

/** Order of names does not matter; lengths keep names and values apart. */
function canonicalContext(value: JsonValue | undefined): Uint8Array {
  const context = value === undefined || value === null ? {} : object(value, 'EncryptionContext');
  const names = Object.keys(context).sort();
  if (names.length > MAX_CONTEXT) invalid('EncryptionContext is too long');
  const parts = names.flatMap((name) => [utf8(name), utf8(text(context, name))]);
  return concat(...parts.flatMap((part) => [u32be(part.length), part]));
}

function object(value: JsonValue | undefined, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return invalid(`${what} is not an object`);
  return value as Fields;
}

function text(fields: Fields, name: string): string {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === 'string' ? value : invalid(`${name} is not text`);
}
