import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { nodeCrypto, signerFromSeed } from '../../native/crypto.ts';
import { concat, u64be, utf8 } from '../../src/base/bytes.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { decodeCbor } from '../../src/codec/cbor.ts';
import { encodeCbor } from '../../src/codec/cbor-encode.ts';
import { bind, bind32, DOMAINS, type Domain } from '../../src/statement/bind.ts';
import { thumbprint } from '../../src/statement/thumbprint.ts';
import { webCrypto } from '../../verifier/webcrypto.ts';
import { SAMPLES } from '../support/statements.ts';
import { vectors } from '../support/vectors.ts';

interface StatementCase {
  readonly domain: Domain;
  readonly hex: string;
  readonly bind: string;
  readonly bind32: string;
}

const ALL = Object.values(DOMAINS);
const sha512 = (...parts: Uint8Array[]): string =>
  createHash('sha512')
    .update(concat(...parts))
    .digest('hex');
const sha256 = (...parts: Uint8Array[]): string =>
  createHash('sha256')
    .update(concat(...parts))
    .digest('hex');

describe('statements', () => {
  const known = vectors<StatementCase>('statements.json').cases;
  for (const { domain, codec, value, encoded } of SAMPLES) {
    const frozen = known.find((entry) => entry.domain === domain);

    it(`${domain}: the encoding and its bindings never change`, () => {
      expect(toHex(encoded)).toBe(frozen?.hex);
      expect(toHex(bind(nodeCrypto, domain, encoded))).toBe(frozen?.bind);
      expect(toHex(bind32(nodeCrypto, domain, encoded))).toBe(frozen?.bind32);
      expect(codec.decode(encoded)).toEqual(value);
      expect(Object.isFrozen(codec.decode(encoded))).toBe(true);
      decodeCbor(encoded, { deterministic: true });
    });

    it(`${domain}: null and absence are the same, and null is never written`, () => {
      const nullable = new Set(
        Object.keys(value).filter((name) => {
          try {
            codec.encode({ ...value, [name]: null } as never);
            return true;
          } catch {
            return false;
          }
        }),
      );
      const bare = Object.fromEntries(
        Object.entries(value).map(([name, item]) => [name, nullable.has(name) ? null : item]),
      );
      const short = codec.encode(bare as never);
      expect(codec.decode(short)).toEqual(bare);
      expect((decodeCbor(short) as Map<number, unknown>).size).toBe(
        Object.keys(value).length - nullable.size,
      );
    });

    it(`${domain}: every field is needed and no other is taken`, () => {
      const map = decodeCbor(encoded) as Map<number, never>;
      for (const [name, key] of codec.keys) {
        const without = new Map(map);
        without.delete(key);
        const encodedWithout = encodeCbor(without);
        const optional = (() => {
          try {
            return (codec.decode(encodedWithout) as Record<string, unknown>)[name] === null;
          } catch {
            return false;
          }
        })();
        if (!optional) expect(() => codec.decode(encodedWithout), name).toFailWith('RECORD_KEY_MISSING');
      }
      const more = new Map<number, never | number>(map).set(99, 0);
      expect(() => codec.decode(encodeCbor(more))).toFailWith('RECORD_KEY_UNKNOWN');
    });
  }

  it('of one kind are not read as another', () => {
    for (const own of SAMPLES)
      for (const other of SAMPLES)
        if (own !== other)
          expect(() => other.codec.decode(own.encoded), `${own.domain} as ${other.domain}`).toThrow();
  });

  it('refuse values outside their limits', () => {
    for (const { codec, value } of SAMPLES)
      for (const [name, item] of Object.entries(value)) {
        const wrong =
          item instanceof Uint8Array
            ? item.subarray(1)
            : typeof item === 'string'
              ? ''
              : typeof item === 'number'
                ? -1
                : 'x';
        // The custodian's challenge is the one field of any length.
        if (name === 'backendChallenge') continue;
        expect(() => codec.encode({ ...value, [name]: wrong } as never), name).toFailWith(
          'RECORD_VALUE_INVALID',
        );
      }
  });
});

describe('bind', () => {
  it('is SHA-512 over domain, zero, length and statement, and SHA-256 under domain/32', () => {
    for (const { domain, encoded } of SAMPLES) {
      const tail = [Uint8Array.of(0), u64be(encoded.length), encoded] as const;
      expect(toHex(bind(nodeCrypto, domain, encoded))).toBe(sha512(utf8(`assay/${domain}/v1`), ...tail));
      expect(toHex(bind32(nodeCrypto, domain, encoded))).toBe(sha256(utf8(`assay/${domain}/32/v1`), ...tail));
    }
  });

  it('is the same with the hashes of browsers', () => {
    for (const { domain, encoded } of SAMPLES) {
      expect(bind(webCrypto, domain, encoded)).toEqual(bind(nodeCrypto, domain, encoded));
      expect(bind32(webCrypto, domain, encoded)).toEqual(bind32(nodeCrypto, domain, encoded));
    }
  });

  it('gives every statement another value in every other domain and width, pairwise', () => {
    for (const { encoded } of SAMPLES) {
      const values = ALL.flatMap((domain) => {
        const wide = bind(nodeCrypto, domain, encoded);
        // A slot of 32 bytes might be filled with half of a wide binding.
        return [
          toHex(wide.subarray(0, 32)),
          toHex(wide.subarray(32)),
          toHex(bind32(nodeCrypto, domain, encoded)),
        ];
      });
      expect(new Set(values).size).toBe(3 * ALL.length);
    }
  });

  it('keeps signatures of one domain from verifying in another', async () => {
    const signer = signerFromSeed(new Uint8Array(32).fill(1));
    const key = await nodeCrypto.importKey('Ed25519', signer.spki);
    for (const { domain, encoded } of SAMPLES) {
      const signature = signer.sign(bind(nodeCrypto, domain, encoded));
      for (const other of ALL) {
        const verified = key.verify(bind(nodeCrypto, other, encoded), signature);
        if (other === domain) await verified;
        else await expect(verified).toRejectWith('SIGNATURE_INVALID');
      }
      await expect(key.verify(bind32(nodeCrypto, domain, encoded), signature)).toRejectWith(
        'SIGNATURE_INVALID',
      );
      await expect(key.verify(encoded, signature)).toRejectWith('SIGNATURE_INVALID');
    }
  });

  it('has no domain that is another with something appended', () => {
    // The zero byte ends the domain: no name may contain one, and no two inputs can be the same bytes.
    const prefixes = ALL.flatMap((domain) => [`assay/${domain}/v1\0`, `assay/${domain}/32/v1\0`]);
    expect(new Set(prefixes).size).toBe(prefixes.length);
    for (const one of prefixes)
      for (const other of prefixes) if (one !== other) expect(other.startsWith(one)).toBe(false);
    for (const domain of ALL) expect(domain).toMatch(/^[a-z]+(\/[a-z]+)?$/);
  });

  it('tells statements apart that differ in where they end', () => {
    const values = [0, 1, 2, 8, 9].map((size) => toHex(bind(nodeCrypto, 'seal', new Uint8Array(size))));
    expect(new Set(values).size).toBe(5);
  });
});

describe('thumbprint', () => {
  it('is RFC 9679: SHA-256 of the required members in deterministic CBOR', () => {
    // RFC 9679 section 6 uses an EC2 key; the encoding rule is the same.
    const ec2 = new Map<number, number | Uint8Array>([
      [1, 2],
      [-1, 1],
      [-2, fromHex('65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d')],
      [-3, fromHex('1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c')],
    ]);
    expect(sha256(encodeCbor(ec2))).toBe('496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec');
    const x = fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
    const okp = new Map<number, number | Uint8Array>([
      [1, 1],
      [-1, 6],
      [-2, x],
    ]);
    expect(toHex(thumbprint(nodeCrypto, x))).toBe(sha256(encodeCbor(okp)));
  });

  it('takes raw keys of 32 bytes only', () => {
    expect(() => thumbprint(nodeCrypto, new Uint8Array(31))).toFailWith('KEY_INVALID');
    expect(() => thumbprint(nodeCrypto, new Uint8Array(44))).toFailWith('KEY_INVALID');
  });
});
