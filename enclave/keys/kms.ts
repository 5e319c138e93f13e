/**
 * Client of AWS KMS for attested enclaves (AWS KMS API Reference: GenerateDataKey, Decrypt, RecipientInfo;
 * protocol awsJson1_1: one POST with `X-Amz-Target: TrentService.<operation>`).
 *
 * The plaintext never travels: KMS verifies the attestation document and encrypts to the RSA key in it, which is
 * made for this one request. The full key ARN is sent and must come back, and a context is bound into every
 * wrapped key, so that no other blob of the same master key can be slipped in.
 *
 * KMS answers are not signed. Whoever carries them can put in a data key of his own choice, so on real hardware
 * the connection must be TLS that ends here; over a plain socket the carrier is trusted, as simulated hardware is.
 */
import type * as Http from 'node:http';
import type { Duplex } from 'node:stream';
import { utf8 } from '../../src/base/bytes.ts';
import type { Hashing } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { fromBase64, toBase64 } from '../../src/codec/base64.ts';
import { type JsonValue, parseJson } from '../../src/codec/json.ts';
import { generateRecipientKey, type RecipientKey } from '../../native/crypto.ts';
import { openEnvelope } from './cms.ts';
import type { ReleaseBackend } from './keyring.ts';

export interface KmsOptions {
  /** Opens a connection to the KMS; closed after one request. */
  readonly connect: () => Promise<Duplex>;
  /** Host header: `kms.<region>.amazonaws.com`. */
  readonly host: string;
  /** Full ARN, `arn:<partition>:kms:<region>:<account>:key/<id>`. */
  readonly keyId: string;
  /** Gives an attestation document whose public_key is this DER SubjectPublicKeyInfo, made for this request alone. */
  readonly attest: (recipient: Uint8Array, purpose: ReleasePurpose, context: Context) => Promise<Uint8Array>;
  readonly hashing: Hashing;
  /** Adds authentication (SigV4) on real hardware. */
  readonly headers?: (body: Uint8Array, target: string) => Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** What the release statement says the key is for. */
export type ReleasePurpose = 'create' | 'open';

type Context = Readonly<Record<string, string>>;
export type Fields = { readonly [name: string]: JsonValue };

/**
 * An import would read every export of node:http, and one of them loads all of undici: code that an enclave has no
 * use for, and a third of its loading time.
 */
const http: typeof Http = process.getBuiltinModule('node:http');
/** How the answer is encrypted to the recipient. */
export const KEY_ENCRYPTION = 'RSAES_OAEP_SHA_256';
const DATA_KEY_BYTES = 32;
const RSA_BITS = 2048;
const MAX_ANSWER = 65_536;
const MAX_WRAPPED = 6_144;
const DEFAULT_TIMEOUT_MS = 10_000;
/** Errors that mean that the key policy, or the lack of a matching measurement, says no. */
const DENIED = new Set(['AccessDeniedException', 'KMSInvalidStateException', 'DisabledException']);

/** A custodian that speaks the protocol, and how it is shown who asks. */
export interface CustodianOptions extends Omit<KmsOptions, 'attest'> {
  /** What every statement says of who holds the key. */
  readonly custody: string;
  /** The `Recipient` of a request: proof that this key was made by code that may have the answer. */
  readonly recipient: (spki: Uint8Array, purpose: ReleasePurpose, context: Context) => Promise<Fields>;
}

/** A release backend whose custody is the KMS key. */
export function createKmsBackend({ attest, ...options }: KmsOptions): ReleaseBackend {
  return createCustodian({
    ...options,
    custody: `kms:${options.keyId}`,
    recipient: async (spki, purpose, context) => ({
      KeyEncryptionAlgorithm: KEY_ENCRYPTION,
      AttestationDocument: toBase64(await attest(spki, purpose, context)),
    }),
  });
}

export function createCustodian(options: CustodianOptions): ReleaseBackend {
  return Object.freeze({
    custody: options.custody,
    async generateDataKey(context: Context): Promise<{ plaintext: Uint8Array; wrapped: Uint8Array }> {
      const { answer, recipient } = await attested(options, 'GenerateDataKey', {
        EncryptionContext: requireContext(context),
        KeySpec: 'AES_256',
      });
      const wrapped = bytesOf(answer, 'CiphertextBlob', MAX_WRAPPED);
      return { plaintext: dataKey(options, answer, recipient), wrapped };
    },
    async decrypt(wrapped: Uint8Array, context: Context): Promise<Uint8Array> {
      const { answer, recipient } = await attested(options, 'Decrypt', {
        CiphertextBlob: toBase64(wrapped),
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        EncryptionContext: requireContext(context),
      });
      return dataKey(options, answer, recipient);
    },
  });
}

/** What the enclave trusts and the blob must be bound to; an empty one would let any blob through. */
function requireContext(context: Context): Context {
  if (Object.keys(context).length === 0) fail('KMS_CONTEXT_EMPTY', 'the encryption context is empty');
  return context;
}

async function attested(
  options: CustodianOptions,
  operation: 'GenerateDataKey' | 'Decrypt',
  fields: Fields,
): Promise<{ answer: Fields; recipient: RecipientKey }> {
  const recipient = await generateRecipientKey(RSA_BITS);
  const context = fields['EncryptionContext'] as Context;
  const purpose = operation === 'Decrypt' ? 'open' : 'create';
  const body = {
    KeyId: options.keyId,
    ...fields,
    Recipient: await options.recipient(recipient.spki, purpose, context),
  };
  const answer = await post(options, `TrentService.${operation}`, utf8(JSON.stringify(body)));
  if (answer['KeyId'] !== options.keyId)
    fail('KMS_RESPONSE_INVALID', `${operation}: answered for another key`);
  return { answer, recipient };
}

function dataKey(options: CustodianOptions, answer: Fields, recipient: RecipientKey): Uint8Array {
  const plaintext = answer['Plaintext'];
  if (plaintext !== undefined && plaintext !== null && plaintext !== '')
    fail('KMS_RESPONSE_INVALID', 'a plaintext came outside the envelope');
  const envelope = bytesOf(answer, 'CiphertextForRecipient', MAX_WRAPPED);
  const key = openEnvelope(envelope, recipient, options.hashing);
  if (key.length !== DATA_KEY_BYTES) fail('KMS_RESPONSE_INVALID', `a data key of ${key.length} bytes`);
  return key;
}

function bytesOf(answer: Fields, name: string, max: number): Uint8Array {
  const value = answer[name];
  if (typeof value !== 'string') return fail('KMS_RESPONSE_INVALID', `no ${name}`);
  if (value.length > 2 * max) fail('KMS_RESPONSE_INVALID', `${name} is too long`);
  try {
    return fromBase64(value);
  } catch (cause) {
    throw new AssayError('KMS_RESPONSE_INVALID', `${name} is not base64`, { cause });
  }
}

async function post(options: CustodianOptions, target: string, body: Uint8Array): Promise<Fields> {
  const { status, text } = await exchange(options, target, body);
  let parsed: JsonValue;
  try {
    parsed = parseJson(text, { maxBytes: MAX_ANSWER, maxDepth: 4 });
  } catch (cause) {
    if (status >= 500) throw new AssayError('KMS_UNAVAILABLE', `HTTP status ${status}`, { cause });
    throw new AssayError('KMS_RESPONSE_INVALID', `HTTP status ${status} without JSON`, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return fail('KMS_RESPONSE_INVALID', 'the answer is not an object');
  const answer = parsed as Fields;
  return status === 200 ? answer : refused(status, answer);
}

/** awsJson1_1 errors: `__type`, with or without a namespace before `#`. Their text is not ours to repeat. */
function refused(status: number, answer: Fields): never {
  const type = answer['__type'];
  const name = typeof type === 'string' ? (type.split('#').pop() as string) : '';
  const shown = /^[A-Za-z]{1,64}$/.test(name) ? name : `HTTP status ${status}`;
  if (DENIED.has(name)) return fail('KEY_RELEASE_DENIED', shown);
  return fail(status >= 500 ? 'KMS_UNAVAILABLE' : 'KMS_REQUEST_REFUSED', shown);
}

interface Exchanged {
  readonly status: number;
  readonly text: Uint8Array;
}

async function exchange(options: CustodianOptions, target: string, body: Uint8Array): Promise<Exchanged> {
  let socket: Duplex;
  try {
    socket = await options.connect();
  } catch (cause) {
    throw new AssayError('KMS_UNAVAILABLE', 'no connection', { cause });
  }
  const headers = {
    ...options.headers?.(body, target),
    host: options.host,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': target,
    'content-length': String(body.length),
    connection: 'close',
  };
  const deadline = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  try {
    return await new Promise<Exchanged>((resolve, reject) => {
      const outgoing = http.request({
        method: 'POST',
        path: '/',
        headers,
        signal: deadline,
        maxHeaderSize: 16_384,
        createConnection: () => socket as never,
      });
      outgoing.once('error', reject);
      outgoing.once('response', (response) => {
        const chunks: Uint8Array[] = [];
        let length = 0;
        response.on('data', (chunk: Uint8Array) => {
          length += chunk.length;
          if (length > MAX_ANSWER)
            response.destroy(new AssayError('KMS_RESPONSE_INVALID', 'the answer is too long'));
          else chunks.push(chunk);
        });
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks) }),
        );
      });
      outgoing.end(body);
    });
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    throw new AssayError('KMS_UNAVAILABLE', 'the exchange did not complete', { cause });
  } finally {
    socket.destroy();
  }
}
