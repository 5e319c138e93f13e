/** PS384 through every implementation: AMD's recorded signatures hold, and what libraries differ on is judged alike. */
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, type Crypto, fromHex, toHex, utf8 } from '../../src/base/index.ts';
import { type Certificate, parseCertificate } from '../../src/codec/x509.ts';
import { parseCrl } from '../../src/codec/x509-crl.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { nobleCrypto, webCrypto } from '../../verifier/index.ts';
import { CORPUS, corpusText, manifest, missing } from '../support/corpus.ts';
import { certificateBytes } from '../support/snp.ts';

const implementations: readonly (readonly [string, Crypto])[] = [
  ['node:crypto', nodeCrypto],
  ['WebCrypto', webCrypto],
  ['noble', nobleCrypto],
];

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
const spkiOf = (key: KeyObject): Uint8Array => new Uint8Array(key.export({ type: 'spki', format: 'der' }));
const SPKI = spkiOf(publicKey);
const message = utf8('a certificate');
const signed = (options: { hash?: string; saltLength?: number; padding?: number } = {}): Uint8Array => {
  const { hash = 'sha384', saltLength = 48, padding = constants.RSA_PKCS1_PSS_PADDING } = options;
  const how = padding === constants.RSA_PKCS1_PSS_PADDING ? { saltLength } : {};
  return new Uint8Array(sign(hash, message, { key: privateKey, padding, ...how }));
};
const genuine = signed();
const big = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);
const fixed = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(1024, '0'));
const n = big(SPKI.subarray(33, 33 + 512));

/** Wrong in one way each, and of the right length but for the last. */
const BAD: readonly (readonly [string, Uint8Array])[] = [
  ['a salt of 0 bytes', signed({ saltLength: 0 })],
  ['a salt of 32 bytes', signed({ saltLength: 32 })],
  ['a salt of 47 bytes', signed({ saltLength: 47 })],
  ['a salt of 49 bytes', signed({ saltLength: 49 })],
  ['the longest salt', signed({ saltLength: constants.RSA_PSS_SALTLEN_MAX_SIGN })],
  ['SHA-256', signed({ hash: 'sha256', saltLength: 48 })],
  ['SHA-512', signed({ hash: 'sha512', saltLength: 48 })],
  ['PKCS #1 v1.5', signed({ padding: constants.RSA_PKCS1_PADDING })],
  ['zero', new Uint8Array(512)],
  ['one', fixed(1n)],
  ['n - 1', fixed(n - 1n)],
  ['n', fixed(n)],
  ['n + 1', fixed(n + 1n)],
  ['all ones', new Uint8Array(512).fill(0xff)],
  ['n - s', fixed(n - big(genuine))],
  ['a byte short', genuine.subarray(1)],
  ['a byte short at the end', genuine.subarray(0, -1)],
  ['a zero in front', concat(Uint8Array.of(0), genuine)],
  ['a zero behind', concat(genuine, Uint8Array.of(0))],
  ['nothing', new Uint8Array(0)],
];

describe.each(implementations)('PS384 through %s', (_, crypto) => {
  const verify = async (signature: Uint8Array, text = message, spki = SPKI): Promise<void> =>
    (await crypto.importKey('PS384', spki)).verify(text, signature);

  it('accepts what OpenSSL signs, and nothing that differs in a bit', async () => {
    await verify(genuine);
    await verify(signed());
    await expect(verify(genuine, utf8('another'))).toRejectWith('SIGNATURE_INVALID');
    for (let bit = 5; bit < 4096; bit += 257) {
      const bad = genuine.slice();
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      await expect(verify(bad)).toRejectWith('SIGNATURE_INVALID');
    }
  });

  it.each(BAD)('refuses %s', async (_how, signature) => {
    await expect(verify(signature)).toRejectWith('SIGNATURE_INVALID');
  });

  it('takes keys of 4,096 bits and the exponent 65537 alone, in one encoding', async () => {
    const key = (modulusLength: number, publicExponent = 65_537): Uint8Array =>
      spkiOf(generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey);
    const pss = spkiOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey);
    const ec = spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey);
    const even = SPKI.slice();
    even[33 + 511] = (even[33 + 511] as number) & 0xfe;
    const small = SPKI.slice();
    small[33] = (small[33] as number) & 0x7f;
    const other = SPKI.slice();
    other[SPKI.length - 1] = 3;
    const bad = [
      key(2048),
      key(3072),
      pss,
      ec,
      even,
      small,
      other,
      SPKI.subarray(0, -1),
      concat(SPKI, Uint8Array.of(0)),
      new Uint8Array(0),
    ];
    for (const spki of bad) await expect(crypto.importKey('PS384', spki)).toRejectWith('KEY_INVALID');
    await expect(crypto.importKey('ES384', SPKI)).toRejectWith('KEY_INVALID');
  });

  it('takes bytes in the middle of others, and does not mind what becomes of them', async () => {
    const room = concat(Uint8Array.of(1, 2, 3), SPKI, genuine, Uint8Array.of(4));
    const spki = room.subarray(3, 3 + SPKI.length);
    const key = await crypto.importKey('PS384', spki);
    await key.verify(message, room.subarray(3 + SPKI.length, -1));
    spki.fill(0);
    await key.verify(message, genuine);
  });
});

describe('recorded signatures of AMD', () => {
  if (CORPUS === null) it.skip(missing('snp', 30), () => {});
  const certificates = manifest('snp')
    .filter(({ kind }) => kind.endsWith('cert'))
    .map(({ file }) => [file, parseCertificate(certificateBytes(file))] as const);
  const named = (commonName: string | null): Certificate =>
    certificates.find(
      ([file, { subject }]) => file.startsWith('roots/') && subject.commonName === commonName,
    )?.[1] as Certificate;

  it.each(certificates)('%s', async (file, { tbs, signature, issuer }) => {
    const forged = file.startsWith('invalid-');
    for (const [, crypto] of implementations) {
      const key = await crypto.importKey('PS384', named(issuer.commonName).spki.raw);
      if (forged) await expect(key.verify(tbs, signature)).toRejectWith('SIGNATURE_INVALID');
      else await key.verify(tbs, signature);
      const cut = tbs.slice(0, -1);
      await expect(key.verify(cut, signature)).toRejectWith('SIGNATURE_INVALID');
    }
  });

  it.runIf(CORPUS !== null)('of a revocation list', async () => {
    const [der] = parsePem(corpusText('snp', 'crl/genoa-vcek.crl.pem'), 'X509 CRL');
    const { tbs, signature, issuer } = parseCrl(der as Uint8Array);
    for (const [, crypto] of implementations) {
      const key = await crypto.importKey('PS384', named(issuer.commonName).spki.raw);
      await key.verify(tbs, signature);
      const asks = await crypto.importKey('PS384', named('SEV-Genoa').spki.raw);
      await expect(asks.verify(tbs, signature)).toRejectWith('SIGNATURE_INVALID');
    }
  });
});
