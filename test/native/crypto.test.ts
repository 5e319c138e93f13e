/** Hashing, and the helpers around keys that never leave their closures. */
import { createHash, createPublicKey, publicEncrypt, constants } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  deriveSigner,
  generateAgreementKey,
  generateRecipientKey,
  generateSigner,
  hkdf,
  hmacSha256,
  nodeCrypto,
  openAesGcm,
  sealAesGcm,
  signerFromSeed,
} from '../../native/index.ts';
import { concat, fromHex, toHex, utf8 } from '../../src/base/index.ts';
import { webCrypto } from '../../verifier/webcrypto.ts';

describe('hashing', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 5 });
  it.each(['sha256', 'sha384', 'sha512'] as const)('%s of parts is that of their concatenation', (name) => {
    fc.assert(
      fc.property(parts, (list) => {
        const expected = new Uint8Array(
          createHash(name)
            .update(concat(...list))
            .digest(),
        );
        expect(nodeCrypto[name](...list)).toEqual(expected);
        expect(webCrypto[name](...list)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('gives plain bytes that no later call changes', () => {
    const first = nodeCrypto.sha256(utf8('a'), utf8('b'));
    const copy = Uint8Array.from(first);
    nodeCrypto.sha256(utf8('c'), utf8('d'));
    expect(first).toEqual(copy);
    expect(first.constructor).toBe(Uint8Array);
  });
});

describe('signers', () => {
  it.each(['ES256', 'ES384', 'Ed25519'] as const)(
    '%s signs what both implementations verify',
    async (algorithm) => {
      const signer = generateSigner(algorithm);
      const message = utf8('seal');
      const signature = signer.sign(message);
      for (const crypto of [nodeCrypto, webCrypto])
        await (await crypto.importKey(algorithm, signer.spki)).verify(message, signature);
      expect(Object.keys(signer).sort()).toEqual(['algorithm', 'sign', 'spki']);
      expect(JSON.stringify(signer)).not.toContain('PRIVATE');
    },
  );

  it('derives the same signer from the same secret and name, another from another', () => {
    const secret = new Uint8Array(32).fill(7);
    const one = deriveSigner(secret, utf8('log'));
    expect(one.spki).toEqual(signerFromSeed(hkdf(secret, utf8('log'), 32)).spki);
    expect(one.spki).not.toEqual(deriveSigner(secret, utf8('tenant')).spki);
    expect(secret).toEqual(new Uint8Array(32).fill(7));
  });

  it.each([0, 31, 33])('refuses a seed of %i bytes', (length) => {
    expect(() => signerFromSeed(new Uint8Array(length))).toFailWith('KEY_INVALID');
  });
});

describe('symmetric helpers', () => {
  it('HKDF-SHA256 is that of RFC 5869 appendix A.1 and A.3', () => {
    const secret = new Uint8Array(22).fill(0x0b);
    const salt = fromHex('000102030405060708090a0b0c');
    expect(toHex(hkdf(secret, fromHex('f0f1f2f3f4f5f6f7f8f9'), 42, salt))).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    );
    expect(toHex(hkdf(secret, new Uint8Array(0), 42))).toBe(
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    );
  });

  it('HMAC-SHA256 is that of RFC 4231 case 2, in parts', () => {
    const mac = hmacSha256(utf8('Jefe'), utf8('what do ya want '), utf8('for nothing?'));
    expect(toHex(mac)).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  });

  it('AES-256-GCM is that of the GCM specification, case 16', () => {
    const key = fromHex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308');
    const nonce = fromHex('cafebabefacedbaddecaf888');
    const plaintext = fromHex(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    );
    const additional = fromHex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
    const sealed = sealAesGcm(key, nonce, plaintext, additional);
    expect(toHex(sealed.subarray(-16))).toBe('76fc6ece0f4e1768cddf8853bb2d551b');
    expect(openAesGcm(key, sealed, additional)).toEqual(plaintext);
  });

  it('opens nothing that was changed', () => {
    const key = new Uint8Array(32).fill(1);
    const sealed = sealAesGcm(key, new Uint8Array(12).fill(2), utf8('seed'), utf8('header'));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const bad = Uint8Array.from(sealed);
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => openAesGcm(key, bad, utf8('header'))).toFailWith('CIPHERTEXT_INVALID');
    }
    for (let end = 0; end < sealed.length; end++)
      expect(() => openAesGcm(key, sealed.subarray(0, end), utf8('header'))).toFailWith('CIPHERTEXT_INVALID');
    expect(() => openAesGcm(key, sealed, utf8('headeR'))).toFailWith('CIPHERTEXT_INVALID');
    expect(() => openAesGcm(new Uint8Array(32), sealed, utf8('header'))).toFailWith('CIPHERTEXT_INVALID');
    expect(() => openAesGcm(new Uint8Array(16), sealed, utf8('header'))).toFailWith('KEY_INVALID');
    expect(() => sealAesGcm(key, new Uint8Array(11), utf8('seed'), utf8('header'))).toFailWith('KEY_INVALID');
  });
});

describe('key agreement and recipients', () => {
  it('agrees on one secret, and on none with a point of small order', () => {
    const [one, two] = [generateAgreementKey(), generateAgreementKey()];
    expect(one.agree(two.publicKey)).toEqual(two.agree(one.publicKey));
    expect(one.publicKey.length).toBe(32);
    const order8 = fromHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800');
    for (const bad of [
      new Uint8Array(32),
      Uint8Array.of(1, ...new Uint8Array(31)),
      order8,
      new Uint8Array(31),
    ])
      expect(() => one.agree(bad)).toFailWith('KEY_INVALID');
  });

  it.each([2048, 3072] as const)('decrypts RSAES-OAEP-SHA256 of %i bits, nothing else', async (bits) => {
    const recipient = await generateRecipientKey(bits);
    const key = createPublicKey({ key: Buffer.from(recipient.spki), format: 'der', type: 'spki' });
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(bits);
    const encrypt = (oaepHash: string): Uint8Array =>
      publicEncrypt({ key, oaepHash, padding: constants.RSA_PKCS1_OAEP_PADDING }, utf8('data key'));
    expect(recipient.decrypt(encrypt('sha256'))).toEqual(utf8('data key'));
    expect(() => recipient.decrypt(encrypt('sha1'))).toFailWith('CIPHERTEXT_INVALID');
    expect(() => recipient.decrypt(new Uint8Array(bits / 8))).toFailWith('CIPHERTEXT_INVALID');
    expect(() => recipient.decrypt(new Uint8Array(5))).toFailWith('CIPHERTEXT_INVALID');
  });
});
