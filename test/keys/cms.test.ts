import { execFileSync } from 'node:child_process';
import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
} from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openEnvelope, parseEnvelopedData } from '../../enclave/keys/cms.ts';
import { sealEnvelope } from '../../host/simulator/cms.ts';
import { nodeCrypto, type RecipientKey } from '../../native/crypto.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';
import { itWithOpenssl } from '../support/openssl.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-cms-'));
afterAll(() => rmSync(folder, { recursive: true }));

function recipientOf(key: KeyObject): RecipientKey {
  return {
    spki: new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' })),
    decrypt: (bytes) =>
      new Uint8Array(
        privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, bytes),
      ),
  };
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const own = recipientOf(privateKey);
const secret = new Uint8Array(32).fill(9);
const envelope = sealEnvelope(secret, own.spki);

/** Bytes of the envelope up to the encrypted content, and the ciphertext: to write the rest in other forms. */
function parts(): { head: Uint8Array; ciphertext: Uint8Array; tail: Uint8Array } {
  const { ciphertext } = parseEnvelopedData(envelope);
  const tail = new Uint8Array(8); // four ends of contents, after that of the content itself
  return { head: envelope.subarray(0, envelope.length - ciphertext.length - 14), ciphertext, tail };
}

const recorded = manifest('nitro').filter(({ kind }) => kind === 'ciphertext-for-recipient');

describe('CMS of a KMS', () => {
  it.each(recorded)('$file opens as recorded', ({ file, expected }) => {
    const bytes = corpusBytes('nitro', file);
    const fields = expected.fields as Record<string, string>;
    const parsed = parseEnvelopedData(bytes);
    if (fields['key_file'] === undefined) {
      expect(toHex(parsed.encryptedKey)).toBe(fields['encrypted_key_hex']);
      expect(toHex(parsed.iv)).toBe(fields['iv_hex']);
      expect(toHex(parsed.ciphertext)).toBe(fields['ciphertext_hex']);
      return;
    }
    expect(toHex(parsed.recipientId)).toBe(fields['rid_subject_key_identifier']);
    const key = createPrivateKey({
      key: Buffer.from(corpusBytes('nitro', fields['key_file'])),
      format: 'der',
      type: 'pkcs8',
    });
    expect(toHex(openEnvelope(bytes, recipientOf(key), nodeCrypto))).toBe(fields['plaintext_hex']);
    expect(() => openEnvelope(bytes, own, nodeCrypto)).toFailWith('CMS_RECIPIENT_OTHER');
  });
  if (CORPUS === null) missing('nitro/kms', 3);

  itWithOpenssl('is written by the simulated KMS as openssl reads it', () => {
    const file = join(folder, 'envelope.ber');
    const key = join(folder, 'key.pem');
    writeFileSync(file, envelope);
    writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const said = execFileSync('openssl', [
      'cms',
      '-decrypt',
      '-inform',
      'DER',
      '-in',
      file,
      '-inkey',
      key,
      '-binary',
    ]);
    expect(new Uint8Array(said)).toEqual(secret);
    expect(
      execFileSync('openssl', ['asn1parse', '-inform', 'DER', '-in', file], { encoding: 'utf8' }).match(
        /l=inf/g,
      ),
    ).toHaveLength(5);
  });

  it('is read in one piece, in chunks and with chunks of unequal length', () => {
    const { head, ciphertext, tail } = parts();
    const primitive = concat(
      head,
      Uint8Array.of(0x80, ciphertext.length),
      ciphertext,
      tail.subarray(2),
      new Uint8Array(2),
    );
    const chunk = (from: number, to: number): Uint8Array =>
      concat(Uint8Array.of(0x04, to - from), ciphertext.subarray(from, to));
    const chunks = concat(
      head,
      Uint8Array.of(0xa0, 0x80),
      chunk(0, 5),
      chunk(5, 16),
      chunk(16, ciphertext.length),
      new Uint8Array(2),
      tail,
    );
    const definite = concat(
      head,
      Uint8Array.of(0xa0, ciphertext.length + 2, 0x04, ciphertext.length),
      ciphertext,
      tail,
    );
    for (const bytes of [primitive, chunks, definite])
      expect(openEnvelope(bytes, own, nodeCrypto)).toEqual(secret);
  });

  it('is refused without whole blocks, with another algorithm or version, or with bytes after it', () => {
    const { head, ciphertext, tail } = parts();
    const replace = (from: string, to: string): Uint8Array => fromHex(toHex(envelope).replace(from, to));
    const broken = [
      concat(head, Uint8Array.of(0x80, 15), ciphertext.subarray(0, 15), tail),
      concat(head, Uint8Array.of(0x80, 0), tail),
      concat(envelope, Uint8Array.of(0)),
      replace('60864801650304012a', '608648016503040116'), // AES-192
      replace('2a864886f70d010107', '2a864886f70d010101'), // PKCS #1 v1.5
      replace('0609608648016503040201', '06092b0e03021a050000'), // SHA-1
      replace('020102', '020100'),
      replace('06092a864886f70d010703', '06092a864886f70d010702'), // SignedData
      new Uint8Array(0),
      new Uint8Array(16_385),
    ];
    for (const bytes of broken) expect(() => parseEnvelopedData(bytes)).toFailWith('CMS_INVALID');
  });

  it('is refused when it nests or claims more than it can hold', () => {
    const nested = concat(...Array.from({ length: 5_000 }, () => Uint8Array.of(0x30, 0x80)));
    expect(() => parseEnvelopedData(nested)).toFailWith('CMS_INVALID');
    expect(() => parseEnvelopedData(Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff))).toFailWith(
      'CMS_INVALID',
    );
    expect(() => parseEnvelopedData(Uint8Array.of(0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1))).toFailWith(
      'CMS_INVALID',
    );
    expect(() => parseEnvelopedData(Uint8Array.of(0x04, 0x80, 0, 0))).toFailWith('CMS_INVALID');
    expect(() => parseEnvelopedData(Uint8Array.of(0x3f, 0x30, 0))).toFailWith('CMS_INVALID');
    const many = concat(
      Uint8Array.of(0x30, 0x80),
      ...Array.from({ length: 600 }, () => Uint8Array.of(0x05, 0)),
      new Uint8Array(2),
    );
    expect(() => parseEnvelopedData(many)).toFailWith('CMS_INVALID');
  });

  it('says no more than that it does not open when a bit of key or padding is wrong', () => {
    const at = envelope.length - 11; // the last byte of the ciphertext
    const bytes = envelope.slice();
    bytes[at - 16]! ^= 1;
    bytes[at]! ^= 1;
    expect(() => openEnvelope(bytes, own, nodeCrypto)).toFailWith('CMS_DECRYPTION_FAILED');
    const wrongKey = envelope.slice();
    wrongKey[200]! ^= 1;
    expect(() => openEnvelope(wrongKey, own, nodeCrypto)).toFailWith('CMS_DECRYPTION_FAILED');
  });

  it('is cut off at any byte: refused', () => {
    for (let cut = 0; cut < envelope.length; cut++)
      expect(() => parseEnvelopedData(envelope.subarray(0, cut)), String(cut)).toFailWith('CMS_INVALID');
  });

  it('throws nothing but typed errors on any edit', () => {
    fc.assert(
      fc.property(fc.nat(envelope.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const bytes = envelope.slice();
        bytes[at] = byte;
        try {
          parseEnvelopedData(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(AssayError);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('is made only for RSA keys of 2048 bits or more', () => {
    expect(() => sealEnvelope(secret, utf8('no key'))).toFailWith('KEY_INVALID');
    const der = (key: KeyObject): Uint8Array => new Uint8Array(key.export({ type: 'spki', format: 'der' }));
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    expect(() => sealEnvelope(secret, der(small))).toFailWith('KEY_INVALID');
    expect(() => sealEnvelope(secret, der(generateKeyPairSync('ed25519').publicKey))).toFailWith(
      'KEY_INVALID',
    );
  });
});
