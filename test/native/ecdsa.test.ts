/** ECDSA: what libraries differ on is judged alike through every implementation, as design section 3 rule 7 says. */
import { createECDH, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generateSigner, nodeCrypto } from '../../native/crypto.ts';
import { concat, type Crypto, fromHex, utf8 } from '../../src/base/index.ts';
import { nobleCrypto, webCrypto } from '../../verifier/webcrypto.ts';

const implementations: readonly (readonly [string, Crypto])[] = [
  ['node:crypto', nodeCrypto],
  ['WebCrypto', webCrypto],
  ['noble', nobleCrypto],
];

interface Curve {
  readonly algorithm: 'ES256' | 'ES384';
  readonly name: string;
  readonly size: number;
  readonly digest: string;
  readonly n: bigint;
  readonly p: bigint;
}

const curves: readonly Curve[] = [
  {
    algorithm: 'ES256',
    name: 'prime256v1',
    size: 32,
    digest: 'sha256',
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
  },
  {
    algorithm: 'ES384',
    name: 'secp384r1',
    size: 48,
    digest: 'sha384',
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
  },
];

const big = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const fixed = (value: bigint, size: number): Uint8Array =>
  fromHex(value.toString(16).padStart(2 * size, '0'));
const message = utf8('a decision');
const grid = implementations.flatMap(([name, crypto]) =>
  curves.map((curve) => [curve.algorithm, name, curve, crypto] as const),
);

describe.each(grid)('%s through %s', (algorithm, _name, curve, crypto) => {
  const { n, p, size } = curve;
  const signer = generateSigner(algorithm);
  const signature = signer.sign(message);
  const r = big(signature.subarray(0, size));
  const s = big(signature.subarray(size));
  const pair = (first: bigint, second: bigint): Uint8Array => concat(fixed(first, size), fixed(second, size));
  const verify = async (candidate: Uint8Array): Promise<void> =>
    (await crypto.importKey(algorithm, signer.spki)).verify(message, candidate);

  it('accepts both s and n - s', async () => {
    await verify(pair(r, s));
    await verify(pair(r, n - s));
  });

  it('refuses r and s that are 0, n, above n, or all ones', async () => {
    const ones = (1n << BigInt(8 * size)) - 1n;
    for (const bad of [0n, n, n + 1n, ones]) {
      await expect(verify(pair(bad, s))).toRejectWith('SIGNATURE_INVALID');
      await expect(verify(pair(r, bad))).toRejectWith('SIGNATURE_INVALID');
      await expect(verify(pair(bad, bad))).toRejectWith('SIGNATURE_INVALID');
    }
  });

  it('refuses signatures of other lengths, DER among them', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: curve.name });
    const der = sign(curve.digest, message, privateKey);
    const longer = concat(
      Uint8Array.of(0),
      signature.subarray(0, size),
      Uint8Array.of(0),
      signature.subarray(size),
    );
    for (const bad of [
      new Uint8Array(0),
      signature.subarray(1),
      concat(signature, Uint8Array.of(0)),
      longer,
      der,
    ])
      await expect(verify(bad)).toRejectWith('SIGNATURE_INVALID');
  });

  it('refuses another message and another key', async () => {
    const key = await crypto.importKey(algorithm, signer.spki);
    await expect(key.verify(utf8('a decisioN'), signature)).toRejectWith('SIGNATURE_INVALID');
    const other = await crypto.importKey(algorithm, generateSigner(algorithm).spki);
    await expect(other.verify(message, signature)).toRejectWith('SIGNATURE_INVALID');
  });

  it('takes one encoding of a key: named curve, uncompressed, on the curve', async () => {
    const head = signer.spki.subarray(0, signer.spki.length - 2 * size - 1);
    const point = signer.spki.subarray(-2 * size - 1);
    const x = point.subarray(1, 1 + size);
    const y = big(point.subarray(1 + size));
    const compressed = generateKeyPairSync('ec', { namedCurve: curve.name }).publicKey.export({
      format: 'der',
      type: 'spki',
    });
    const ecdh = createECDH(curve.name);
    ecdh.generateKeys();
    const infinity = concat(head, new Uint8Array(2 * size + 1));
    const keys: Record<string, Uint8Array> = {
      empty: new Uint8Array(0),
      truncated: signer.spki.subarray(0, -1),
      trailing: concat(signer.spki, Uint8Array.of(0)),
      offCurve: concat(head, Uint8Array.of(4), x, fixed(y === 1n ? 2n : y - 1n, size)),
      zeroPoint: concat(head, Uint8Array.of(4), new Uint8Array(2 * size)),
      unreduced: concat(head, Uint8Array.of(4), fixed(p, size), fixed(y, size)),
      infinity,
      hybrid: concat(head, Uint8Array.of(6 + Number(y & 1n)), x, fixed(y, size)),
      compressed: spkiOf(curve, ecdh.getPublicKey(null, 'compressed')),
      infinityAlone: spkiOf(curve, Uint8Array.of(0)),
      otherCurve: generateSigner(algorithm === 'ES256' ? 'ES384' : 'ES256').spki,
      otherType: generateSigner('Ed25519').spki,
      explicit: generateKeyPairSync('ec', {
        namedCurve: curve.name,
        paramEncoding: 'explicit',
      }).publicKey.export({ format: 'der', type: 'spki' }),
    };
    for (const [name, key] of Object.entries(keys))
      await expect(crypto.importKey(algorithm, key), name).toRejectWith('KEY_INVALID');
    await crypto.importKey(algorithm, Uint8Array.from(compressed));
  });
});

/** A SubjectPublicKeyInfo around any point encoding. */
function spkiOf(curve: Curve, point: Uint8Array): Uint8Array {
  const algorithm = fromHex(
    curve.size === 32 ? '301306072a8648ce3d020106082a8648ce3d030107' : '301006072a8648ce3d020106052b81040022',
  );
  const bits = concat(Uint8Array.of(0x03, point.length + 1, 0), point);
  return concat(Uint8Array.of(0x30, algorithm.length + bits.length), algorithm, bits);
}
