/**
 * Writes CiphertextForRecipient as AWS KMS writes it (RFC 5652, recorded samples): indefinite lengths at five
 * levels, one recipient named by the SHA-256 of its key, RSAES-OAEP-SHA256, AES-256-CBC, content in OCTET STRING
 * chunks.
 */
import {
  constants,
  createCipheriv,
  createHash,
  createPublicKey,
  type KeyObject,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { concat } from '../../src/base/bytes.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';

const ENVELOPED_DATA = fromHex('06092a864886f70d010703');
const DATA = fromHex('06092a864886f70d010701');
const AES_256_CBC = fromHex('060960864801650304012a');
const RSAES_OAEP_SHA256 = fromHex(
  '303c06092a864886f70d010107302fa00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500',
);
const VERSION_2 = Uint8Array.of(0x02, 0x01, 0x02);
const TAG = { octets: 0x04, sequence: 0x30, set: 0x31, context: 0x80, contextParts: 0xa0 } as const;
const MIN_RSA_BITS = 2048;

/** `spki`: the recipient's RSA key, DER, 2048 bits or more, else KEY_INVALID. */
export function sealEnvelope(plaintext: Uint8Array, spki: Uint8Array): Uint8Array {
  const key = importRsa(spki);
  const contentKey = randomBytes(32);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', contentKey, iv);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const encryptedKey = publicEncrypt(
    { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
    contentKey,
  );
  contentKey.fill(0);
  const recipientId = createHash('sha256').update(spki).digest();
  const recipient = definite(
    TAG.sequence,
    VERSION_2,
    definite(TAG.context, recipientId),
    RSAES_OAEP_SHA256,
    definite(TAG.octets, encryptedKey),
  );
  const content = indefinite(
    TAG.sequence,
    DATA,
    definite(TAG.sequence, AES_256_CBC, definite(TAG.octets, iv)),
    indefinite(TAG.contextParts, definite(TAG.octets, ciphertext)),
  );
  const enveloped = indefinite(TAG.sequence, VERSION_2, definite(TAG.set, recipient), content);
  return indefinite(TAG.sequence, ENVELOPED_DATA, indefinite(TAG.contextParts, enveloped));
}

function importRsa(spki: Uint8Array): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new AssayError('KEY_INVALID', 'the recipient key is not a SubjectPublicKeyInfo', { cause });
  }
  if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS)
    fail('KEY_INVALID', `the recipient key is not RSA of ${MIN_RSA_BITS} bits or more`);
  return key;
}

function definite(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(...parts);
  const { length } = body;
  if (length < 0x80) return concat(Uint8Array.of(tag, length), body);
  if (length < 0x100) return concat(Uint8Array.of(tag, 0x81, length), body);
  return concat(Uint8Array.of(tag, 0x82, length >> 8, length & 0xff), body);
}

function indefinite(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return concat(Uint8Array.of(tag, 0x80), ...parts, new Uint8Array(2));
}
