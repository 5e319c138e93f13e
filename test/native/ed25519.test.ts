/** One Ed25519 semantics: the CCTV table of edge cases gives one verdict in every implementation, and the one we document. */
import { describe, expect, it } from 'vitest';
import { generateSigner, nodeCrypto, signerFromSeed } from '../../native/crypto.ts';
import {
  checkEd25519,
  checkEd25519Key,
  type Code,
  codeOf,
  type Crypto,
  ed25519Raw,
  ed25519Spki,
  fromHex,
  utf8,
} from '../../src/base/index.ts';
import { nobleCrypto, webCrypto } from '../../verifier/webcrypto.ts';
import { CORPUS, corpusText, missing } from '../support/corpus.ts';

const implementations: readonly (readonly [string, Crypto])[] = [
  ['node:crypto', nodeCrypto],
  ['WebCrypto', webCrypto],
  ['noble', nobleCrypto],
];

interface Case {
  readonly number: number;
  readonly key: string;
  readonly sig: string;
  readonly msg: string;
  readonly flags: readonly string[] | null;
}

async function verdict(
  crypto: Crypto,
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<Code | 'accepted'> {
  try {
    await (await crypto.importKey('Ed25519', ed25519Spki(key))).verify(message, signature);
    return 'accepted';
  } catch (error) {
    return codeOf(error);
  }
}

/** What src/base/ed25519.ts promises, said in the words of the table: keys first, since they are imported first. */
function expected(flags: readonly string[]): Code | 'accepted' {
  if (flags.includes('low_order_A') || flags.includes('non_canonical_A')) return 'KEY_INVALID';
  const refused = ['low_order_R', 'non_canonical_R', 'low_order_residue'];
  return refused.some((flag) => flags.includes(flag)) ? 'SIGNATURE_INVALID' : 'accepted';
}

describe.runIf(CORPUS !== null)('Ed25519 table of C2SP/CCTV', () => {
  const cases = (CORPUS === null ? '' : corpusText('tlog', 'ed25519/cctv.jsonl'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Case);

  it('has its 548 cases', () => {
    expect(cases.length).toBe(548);
  });

  it.each(implementations)('gives the documented verdicts through %s', async (_name, crypto) => {
    const wrong: unknown[] = [];
    for (const row of cases) {
      const got = await verdict(crypto, fromHex(row.key), utf8(row.msg), fromHex(row.sig));
      if (got !== expected(row.flags ?? [])) wrong.push({ number: row.number, got, flags: row.flags });
    }
    expect(wrong).toEqual([]);
  });
});
if (CORPUS === null) missing('Ed25519', 548);

describe('Ed25519 keys and signatures', () => {
  // RFC 8032 section 7.1, test 2.
  const seed = fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb');
  const key = fromHex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
  const message = fromHex('72');
  const signature = fromHex(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  );
  const L = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

  it('signs and verifies as RFC 8032 section 7.1 does', async () => {
    const signer = signerFromSeed(seed);
    expect(ed25519Raw(signer.spki)).toEqual(key);
    expect(signer.sign(message)).toEqual(signature);
    for (const [, crypto] of implementations)
      expect(await verdict(crypto, key, message, signature)).toBe('accepted');
  });

  it('refuses S + L, which the equation alone would accept', async () => {
    const sum = Uint8Array.from(signature);
    let carry = 0;
    for (let i = 0; i < 32; i++) {
      carry += (signature[32 + i] as number) + (L[i] as number);
      sum[32 + i] = carry & 0xff;
      carry >>= 8;
    }
    for (const [, crypto] of implementations)
      expect(await verdict(crypto, key, message, sum)).toBe('SIGNATURE_INVALID');
    expect(() => checkEd25519(key, sum)).toFailWith('SIGNATURE_INVALID');
  });

  it.each([0, 63, 65])('refuses a signature of %i bytes', async (length) => {
    for (const [, crypto] of implementations)
      expect(await verdict(crypto, key, message, new Uint8Array(length).fill(1))).toBe('SIGNATURE_INVALID');
  });

  it('refuses every flipped bit of a signature', async () => {
    for (let bit = 0; bit < 512; bit++) {
      const flipped = Uint8Array.from(signature);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(await verdict(nodeCrypto, key, message, flipped)).toBe('SIGNATURE_INVALID');
    }
  });

  it('refuses keys off the curve, of small order, not canonical or of another length', () => {
    const y = (value: number): Uint8Array => new Uint8Array(32).fill(value, 0, 1);
    // y = 2 has no x: the field has no root of (y^2 - 1) / (d y^2 + 1) there.
    expect(() => checkEd25519Key(y(2))).toFailWith('KEY_INVALID');
    expect(() => checkEd25519Key(y(0))).toFailWith('KEY_INVALID');
    expect(() => checkEd25519Key(y(1))).toFailWith('KEY_INVALID');
    expect(() => checkEd25519Key(new Uint8Array(32).fill(0xff))).toFailWith('KEY_INVALID');
    expect(() => checkEd25519Key(new Uint8Array(31))).toFailWith('KEY_INVALID');
    expect(() => ed25519Spki(new Uint8Array(33))).toFailWith('KEY_INVALID');
    checkEd25519Key(y(3));
    for (let i = 0; i < 20; i++) checkEd25519Key(ed25519Raw(generateSigner('Ed25519').spki));
  });

  it.each(implementations)('refuses an SPKI of another shape through %s', async (_name, crypto) => {
    const spki = ed25519Spki(key);
    const x25519 = Uint8Array.from(spki);
    x25519[8] = 0x6e;
    for (const wrong of [
      new Uint8Array(0),
      spki.subarray(1),
      Uint8Array.of(...spki, 0),
      x25519,
      generateSigner('ES256').spki,
    ])
      await expect(crypto.importKey('Ed25519', wrong)).toRejectWith('KEY_INVALID');
  });
});
