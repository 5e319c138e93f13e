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
import { verifyNitro } from '../../verifier/nitro/index.ts';
import { simulatedRoot } from '../../verifier/roots.ts';
import { sealEnvelope } from './cms.ts';
import { allows, type KeyPolicy, RELEASE_TO_ANYONE } from './key-policy.ts';
import { deny, type Fields, invalid, KmsFailure, object, text } from './kms-request.ts';

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

/** One request for a key: what the evidence must have been made for. */
export interface Asked {
  readonly operation: 'GenerateDataKey' | 'Decrypt';
  readonly keyId: string;
  readonly context: Fields;
  readonly now: Millis;
}

export interface AttestedRecipient {
  /** DER SubjectPublicKeyInfo; null when the evidence carries none. */
  readonly key: Uint8Array | null;
  /** What the key policy compares. */
  readonly registers: Readonly<Record<number | string, Uint8Array>>;
}

/** How a kind of hardware proves who asks. */
export interface Recipients {
  /** The key that the answer would be encrypted to, whoever it belongs to. */
  claimed(recipient: Fields): Uint8Array | null;
  /** Throws KmsFailure or AssayError for evidence that is not authentic, or not of this request. */
  attested(recipient: Fields, asked: Asked): Promise<AttestedRecipient>;
}

interface CustodianParts {
  /** Its own name for the one key: a full ARN. */
  readonly keyArn: string;
  /** 32 bytes; wraps every data key. */
  readonly masterKey: Uint8Array;
  /** In force now; `anyone` is a custodian who colludes and looks at nothing. */
  readonly policy: () => KeyPolicy | typeof RELEASE_TO_ANYONE;
  readonly now: () => Millis;
}

export interface KmsParts extends CustodianParts {
  readonly documents: Documents;
}

/** A custodian that AWS has not: see `guest-recipients.ts`. */
export interface GuestKmsParts extends CustodianParts {
  readonly recipients: Recipients;
}

interface Service extends CustodianParts {
  /** What actions in its key policies begin with. */
  readonly name: 'kms' | 'sim-kms';
  readonly recipients: Recipients;
}

export interface KmsAnswer {
  readonly status: number;
  readonly body: { readonly [name: string]: string };
}

export interface Kms {
  /** `target`: the value of X-Amz-Target; `body`: JSON. Failures are answers in the service's own shapes. */
  handle(target: string, body: Uint8Array): Promise<KmsAnswer>;
}

const DATA_KEY_BYTES = 32;
const MAX_REQUEST = 524_288;
const MAX_CONTEXT = 64;
/** AWS KMS refuses documents that are older than five minutes. */
const MAX_AGE: Millis = 300_000;
const SIMULATED_BLOB = utf8('assay-sim-kms/1');

export function createKms({ documents, ...parts }: KmsParts): Kms {
  return createService({ ...parts, name: 'kms', recipients: documentRecipients(documents) });
}

export function createGuestKms(parts: GuestKmsParts): Kms {
  return createService({ ...parts, name: 'sim-kms' });
}

function createService(parts: Service): Kms {
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
  parts: Service,
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
  const asked = {
    operation,
    keyId: parts.keyArn,
    context: contextOf(request['EncryptionContext']),
    now: parts.now(),
  } as const;
  const recipient = await judgeRecipient(parts, asked, request['Recipient']);
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

/** The public key of a recipient that the key policy lets in. */
async function judgeRecipient(
  parts: Service,
  asked: Asked,
  value: JsonValue | undefined,
): Promise<Uint8Array> {
  if (value === undefined || value === null)
    return deny('no attestation document, and no other caller is allowed');
  const recipient = object(value, 'Recipient');
  if (recipient['KeyEncryptionAlgorithm'] !== 'RSAES_OAEP_SHA_256')
    return invalid('KeyEncryptionAlgorithm is not RSAES_OAEP_SHA_256');
  const policy = parts.policy();
  if (policy === RELEASE_TO_ANYONE) return requireKey(parts.recipients.claimed(recipient));
  const { key, registers } = await parts.recipients.attested(recipient, asked);
  if (!allows(policy, `${parts.name}:${asked.operation}`, registers))
    return deny('the key policy does not name these measurements');
  return requireKey(key);
}

function requireKey(key: Uint8Array | null): Uint8Array {
  return key ?? invalid('the attestation document has no public key');
}

/** AWS: everything is in the document. */
function documentRecipients(documents: Documents): Recipients {
  const documentOf = (recipient: Fields): Uint8Array => fromBase64(text(recipient, 'AttestationDocument'));
  return {
    claimed: (recipient) => documents.read(documentOf(recipient)).publicKey,
    async attested(recipient, { now }) {
      const claims = await attestedClaims(documents, documentOf(recipient), now);
      const age = now - claims.timestamp;
      if (age > MAX_AGE || age < -MAX_AGE) return invalid('the attestation document is not recent');
      return { key: claims.publicKey, registers: claims.pcrs };
    },
  };
}

async function attestedClaims(
  documents: Documents,
  document: Uint8Array,
  now: Millis,
): Promise<NitroDocument> {
  try {
    return await documents.verify(document, now);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return invalid(`attestation document: ${error.code}`);
  }
}

function unwrap({ masterKey }: Service, blob64: string, additional: Uint8Array): Uint8Array {
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
  const context = contextOf(value);
  const names = Object.keys(context).sort();
  if (names.length > MAX_CONTEXT) invalid('EncryptionContext is too long');
  const parts = names.flatMap((name) => [utf8(name), utf8(text(context, name))]);
  return concat(...parts.flatMap((part) => [u32be(part.length), part]));
}

const contextOf = (value: JsonValue | undefined): Fields =>
  value === undefined || value === null ? {} : object(value, 'EncryptionContext');
