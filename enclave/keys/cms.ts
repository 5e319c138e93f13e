/**
 * Opens what AWS KMS answers an attested request with: `CiphertextForRecipient`, a CMS EnvelopedData (RFC 5652
 * section 6) in BER. One recipient, named by the SHA-256 of its SubjectPublicKeyInfo, RSAES-OAEP with SHA-256
 * (RFC 4055), content in AES-256-CBC (RFC 3565). No other algorithm is read.
 *
 * An envelope says nothing about who made it: the recipient key is public. What comes out must prove itself in
 * use, as a key that opens an authenticated ciphertext does.
 */
import { createDecipheriv } from 'node:crypto';
import { compareBytes, concat, equalBytes } from '../../src/base/bytes.ts';
import type { Hashing } from '../../src/base/crypto.ts';
import { AssayError, fail, ParseError } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import type { RecipientKey } from '../../native/crypto.ts';
import { type BerElement, children, readBer } from './ber.ts';

export interface EnvelopedData {
  /** SHA-256 of the recipient's SubjectPublicKeyInfo, as KMS writes it. */
  readonly recipientId: Uint8Array;
  readonly encryptedKey: Uint8Array;
  /** 16 bytes. */
  readonly iv: Uint8Array;
  /** AES-256-CBC with PKCS #7 padding; a positive multiple of 16 bytes. */
  readonly ciphertext: Uint8Array;
}

/** KMS wraps at most 4,096 bytes of plaintext. */
const MAX_SIZE = 16_384;
const TAG = {
  integer: 0x02,
  octets: 0x04,
  sequence: 0x30,
  set: 0x31,
  context: 0x80,
  contextParts: 0xa0,
} as const;
/** Object identifiers and the one AlgorithmIdentifier with parameters, whole, in DER. */
const ENVELOPED_DATA = fromHex('06092a864886f70d010703');
const DATA = fromHex('06092a864886f70d010701');
const AES_256_CBC = fromHex('060960864801650304012a');
const RSAES_OAEP_SHA256 = fromHex(
  '303c06092a864886f70d010107302fa00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500',
);

/** Throws ParseError CMS_INVALID. */
export function parseEnvelopedData(bytes: Uint8Array): EnvelopedData {
  if (bytes.length > MAX_SIZE) bad(`${bytes.length} bytes, at most ${MAX_SIZE}`, 0);
  const input = bytes;
  const parts = (parent: BerElement, ...tags: readonly number[]): BerElement[] => expect(input, parent, tags);
  const outer = tagged(readBer(input), TAG.sequence);
  const [type, content] = parts(outer, 0x06, TAG.contextParts) as [BerElement, BerElement];
  same(type, ENVELOPED_DATA, 'content type');
  const [enveloped] = parts(content, TAG.sequence) as [BerElement];
  const [version, recipients, encrypted] = parts(enveloped, TAG.integer, TAG.set, TAG.sequence) as [
    BerElement,
    BerElement,
    BerElement,
  ];
  same(version, Uint8Array.of(TAG.integer, 1, 2), 'version of the envelope');
  const [recipient] = parts(recipients, TAG.sequence) as [BerElement];
  const [recipientVersion, id, algorithm, key] = parts(
    recipient,
    TAG.integer,
    TAG.context,
    TAG.sequence,
    TAG.octets,
  ) as [BerElement, BerElement, BerElement, BerElement];
  same(recipientVersion, Uint8Array.of(TAG.integer, 1, 2), 'version of the recipient');
  same(algorithm, RSAES_OAEP_SHA256, 'key encryption other than RSAES-OAEP with SHA-256');
  if (id.content.length !== 32) bad('recipient identifier is not 32 bytes', id.offset);
  return Object.freeze({
    recipientId: id.content,
    encryptedKey: key.content,
    ...readContent(input, encrypted),
  });
}

function readContent(input: Uint8Array, encrypted: BerElement): { iv: Uint8Array; ciphertext: Uint8Array } {
  const found = children(input, encrypted);
  if (found.length !== 3) bad('encrypted content has other parts', encrypted.offset);
  const [type, algorithm, content] = found as [BerElement, BerElement, BerElement];
  same(type, DATA, 'encrypted content type');
  const [cipher, iv] = expect(input, tagged(algorithm, TAG.sequence), [0x06, TAG.octets]) as [
    BerElement,
    BerElement,
  ];
  same(cipher, AES_256_CBC, 'cipher other than AES-256-CBC');
  if (iv.content.length !== 16) bad('initialisation vector is not 16 bytes', iv.offset);
  const ciphertext = implicitOctets(input, content);
  if (ciphertext.length === 0 || ciphertext.length % 16 !== 0)
    bad('ciphertext is not whole blocks', content.offset);
  return { iv: iv.content, ciphertext };
}

/** `[0] IMPLICIT OCTET STRING`: in one piece (0x80) or in chunks (0xa0); KMS has been seen to write both. */
function implicitOctets(input: Uint8Array, element: BerElement): Uint8Array {
  if (element.tag === TAG.context) return element.content;
  const chunks = children(input, tagged(element, TAG.contextParts));
  return concat(...chunks.map((chunk) => tagged(chunk, TAG.octets).content));
}

/** Decrypts the content for this recipient. CMS_INVALID, CMS_RECIPIENT_OTHER or CMS_DECRYPTION_FAILED. */
export function openEnvelope(bytes: Uint8Array, recipient: RecipientKey, hashing: Hashing): Uint8Array {
  const envelope = parseEnvelopedData(bytes);
  if (!equalBytes(envelope.recipientId, hashing.sha256(recipient.spki)))
    fail('CMS_RECIPIENT_OTHER', 'the envelope names another recipient key');
  try {
    const key = recipient.decrypt(envelope.encryptedKey);
    const decipher = createDecipheriv('aes-256-cbc', key, envelope.iv);
    const first = decipher.update(envelope.ciphertext);
    const last = decipher.final();
    const plaintext = concat(first, last);
    for (const buffer of [key, first, last]) buffer.fill(0);
    return plaintext;
  } catch (cause) {
    // One code for key, length and padding, so that the answer is no oracle.
    throw new AssayError('CMS_DECRYPTION_FAILED', 'the envelope does not open', { cause });
  }
}

function expect(input: Uint8Array, parent: BerElement, tags: readonly number[]): BerElement[] {
  const found = children(input, parent);
  if (found.length !== tags.length) bad(`${found.length} parts, not ${tags.length}`, parent.offset);
  found.forEach((element, i) => tagged(element, tags[i] as number));
  return found;
}

function tagged(element: BerElement, tag: number): BerElement {
  if (element.tag !== tag)
    bad(`identifier 0x${element.tag.toString(16)}, not 0x${tag.toString(16)}`, element.offset);
  return element;
}

function same(element: BerElement, wanted: Uint8Array, what: string): void {
  if (compareBytes(element.raw, wanted) !== 0) bad(what, element.offset);
}

function bad(message: string, offset: number): never {
  throw new ParseError('CMS_INVALID', message, offset, 'cms');
}
