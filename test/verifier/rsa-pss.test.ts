/** The arithmetic of RSASSA-PSS without WebCrypto: each step of RFC 8017 section 9.1.2 by an encoding that breaks it. */
import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  privateEncrypt,
  sign,
  verify,
} from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, u32be, utf8 } from '../../src/base/bytes.ts';
import { fromHex } from '../../src/base/hex.ts';
import { rsaModulus } from '../../src/base/spki.ts';
import { verifyPss } from '../../verifier/rsa-pss.ts';

const SIZE = 512;
const HASH = 48;
const BLOCK = SIZE - HASH - 1;
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 8 * SIZE });
const modulus = rsaModulus(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })));
const message = utf8('a certificate');

const sha384 = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(
    createHash('sha384')
      .update(concat(...parts))
      .digest(),
  );
const mgf1 = (seed: Uint8Array, length: number): Uint8Array =>
  concat(...Array.from({ length: Math.ceil(length / HASH) }, (_, i) => sha384(seed, u32be(i)))).slice(
    0,
    length,
  );

interface Encoding {
  readonly salt?: Uint8Array;
  /** Of the data block before it is masked. */
  readonly block?: (block: Uint8Array) => void;
  /** Of the whole encoded message. */
  readonly encoded?: (encoded: Uint8Array) => void;
  readonly hash?: (salt: Uint8Array) => Uint8Array;
}

/** EMSA-PSS-ENCODE, written apart from the code under test, and the private operation of OpenSSL. */
function signature({
  salt = new Uint8Array(HASH).fill(7),
  block: spoil,
  encoded: last,
  hash,
}: Encoding): Uint8Array {
  const digest = hash?.(salt) ?? sha384(new Uint8Array(8), sha384(message), salt);
  const block = new Uint8Array(BLOCK);
  block[BLOCK - salt.length - 1] = 1;
  block.set(salt, BLOCK - salt.length);
  spoil?.(block);
  const mask = mgf1(digest, BLOCK);
  const masked = block.map((octet, i) => octet ^ (mask[i] as number));
  masked[0] = (masked[0] as number) & 0x7f;
  const encoded = concat(masked, digest, Uint8Array.of(0xbc));
  last?.(encoded);
  return new Uint8Array(privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encoded));
}

/** Of OpenSSL, which must agree. */
const openssl = (given: Uint8Array): boolean =>
  verify(
    'sha384',
    message,
    { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: HASH },
    given,
  );

const SOUND: readonly (readonly [string, Encoding])[] = [
  ['as encoded', {}],
  ['with a salt of zeros', { salt: new Uint8Array(HASH) }],
  // Before masking the top bit is cleared, so what stood there is nothing.
  ['with the bit set that is cut off', { block: (block) => void (block[0] = 0x80) }],
];

const BROKEN: readonly (readonly [string, Encoding])[] = [
  ...[0, 20, 32, 47, 49, 64].map(
    (length) => [`a salt of ${length} bytes`, { salt: new Uint8Array(length).fill(7) }] as const,
  ),
  ['another trailer', { encoded: (encoded) => void (encoded[SIZE - 1] = 0xcc) }],
  ['a padding octet that is not zero', { block: (block) => void (block[100] = 1) }],
  ['the first padding octet not zero', { block: (block) => void (block[0] = 1) }],
  ['the last padding octet not zero', { block: (block) => void (block[BLOCK - HASH - 2] = 0x80) }],
  ['no 1 before the salt', { block: (block) => void (block[BLOCK - HASH - 1] = 0) }],
  ['a 2 before the salt', { block: (block) => void (block[BLOCK - HASH - 1] = 2) }],
  ['a hash of something else', { hash: (salt) => sha384(new Uint8Array(8), sha384(utf8('another')), salt) }],
  ['a hash without the eight zeros', { hash: (salt) => sha384(sha384(message), salt) }],
  ['a hash of the message as it is', { hash: (salt) => sha384(new Uint8Array(8), message, salt) }],
  ['a hash that is all', { hash: () => sha384(message) }],
];

describe('verifyPss', () => {
  it.each(SOUND)('accepts a signature %s', (_, encoding) => {
    expect([verifyPss(modulus, message, signature(encoding)), openssl(signature(encoding))]).toEqual([
      true,
      true,
    ]);
  });

  it.each(BROKEN)('refuses %s', (_, encoding) => {
    expect([verifyPss(modulus, message, signature(encoding)), openssl(signature(encoding))]).toEqual([
      false,
      false,
    ]);
  });

  it('refuses numbers that are no signature', () => {
    const genuine = signature({});
    const n = BigInt(`0x${Buffer.from(modulus).toString('hex')}`);
    const s = BigInt(`0x${Buffer.from(genuine).toString('hex')}`);
    const bytes = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(2 * SIZE, '0'));
    for (const bad of [0n, 1n, n - 1n, n, n + 1n, n - s, 2n ** 4096n - 1n]) {
      expect(verifyPss(modulus, message, bytes(bad))).toBe(false);
      expect(openssl(bytes(bad))).toBe(false);
    }
    // The same number modulo n is another signature of the same length, where there is room for it.
    if (s + n < 2n ** 4096n) expect(verifyPss(modulus, message, bytes(s + n))).toBe(false);
  });

  it('gives the verdict of OpenSSL for signatures of OpenSSL with one bit changed, or of another message', () => {
    const how = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: HASH };
    const genuine = new Uint8Array(sign('sha384', message, how));
    expect(verifyPss(modulus, message, genuine)).toBe(true);
    expect(verifyPss(modulus, utf8('another'), genuine)).toBe(false);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8 * SIZE - 1 }), (bit) => {
        const bad = genuine.slice();
        bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
        expect([verifyPss(modulus, message, bad), openssl(bad)]).toEqual([false, false]);
      }),
      { numRuns: 40 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (text) => {
        const signed = new Uint8Array(sign('sha384', text, how));
        expect(verifyPss(modulus, text, signed)).toBe(true);
        expect(verifyPss(modulus, concat(text, Uint8Array.of(0)), signed)).toBe(false);
      }),
      { numRuns: 10 },
    );
    expect(createPublicKey(privateKey).equals(publicKey)).toBe(true);
  });
});
