/**
 * RSA keys from the seed and RSASSA-PSS with a salt from the seed, so that one seed makes the same certificates, byte
 * for byte. For simulated authorities only: neither is a way to make keys that guard anything.
 */
import {
  checkPrimeSync,
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  privateEncrypt,
} from 'node:crypto';
import { concat, u32be } from '../../../src/base/bytes.ts';
import { fail } from '../../../src/base/errors.ts';
import { toHex } from '../../../src/base/hex.ts';
import type { Derive } from '../state.ts';

export interface RsaKey {
  readonly privateKey: KeyObject;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
}

const PRIME_BYTES = 256;
export const RSA_BYTES: number = 2 * PRIME_BYTES;
const PUBLIC_EXPONENT = 65_537n;
const HASH_BYTES = 48;
/** Odd numbers searched from where the seed says; a prime is missed once in 10^19 keys. */
const WINDOW = 32_768;
const SIEVE_BOUND = 65_536;
/** The search takes a fraction of a second, and callers make the same machine again. */
const MEMORY = 16;
const made = new Map<string, RsaKey>();

/** The 4096-bit key of this purpose. */
export function deriveRsaKey(derive: Derive, purpose: string): RsaKey {
  const identity = toHex(derive(`${purpose}/identity`, 32));
  const known = made.get(identity);
  if (known !== undefined) return known;
  const privateKey = createPrivateKey({ key: privateJwk(derive, purpose), format: 'jwk' });
  const spki = new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }));
  const key = Object.freeze({ privateKey, spki });
  for (const oldest of made.keys()) if (made.size >= MEMORY) made.delete(oldest);
  made.set(identity, key);
  return key;
}

/** RFC 8017 section 3.2, second representation. */
function privateJwk(derive: Derive, purpose: string): Record<string, string> {
  const primes = ['p', 'q'].map((which) => primeFrom(toBigInt(derive(`${purpose}/${which}`, PRIME_BYTES))));
  const [q, p] = primes.sort((a, b) => (a < b ? -1 : 1)) as [bigint, bigint];
  const d = inverse(PUBLIC_EXPONENT, (p - 1n) * (q - 1n));
  const numbers = {
    n: p * q,
    e: PUBLIC_EXPONENT,
    d,
    p,
    q,
    dp: d % (p - 1n),
    dq: d % (q - 1n),
    qi: inverse(q, p),
  };
  const encoded = Object.entries(numbers).map(([name, value]) => [name, base64url(value)]);
  return { kty: 'RSA', ...Object.fromEntries(encoded) };
}

/** The first prime that may be one half of the key (FIPS 186-5 appendix A.1.3 sets both top bits) from here on. */
function primeFrom(seed: bigint): bigint {
  const top = 3n << BigInt(8 * PRIME_BYTES - 2);
  const start = seed | top | 1n;
  const composite = sieve(start);
  for (let i = 0; i < WINDOW; i++) {
    const candidate = start + BigInt(2 * i);
    if (composite[i] === 0 && candidate % PUBLIC_EXPONENT !== 1n && checkPrimeSync(candidate))
      return candidate;
  }
  return fail('INTERNAL', 'no prime in the window');
}

/** One byte for each odd number from `start`: 1 when a small prime divides it. */
function sieve(start: bigint): Uint8Array {
  const composite = new Uint8Array(WINDOW);
  for (const prime of SMALL_PRIMES) {
    const rest = Number(start % BigInt(prime));
    // The least i with start + 2i = 0 modulo the prime.
    const negative = (prime - rest) % prime;
    const first = negative % 2 === 0 ? negative / 2 : (negative + prime) / 2;
    for (let i = first; i < WINDOW; i += prime) composite[i] = 1;
  }
  return composite;
}

const SMALL_PRIMES: readonly number[] = smallPrimes();

function smallPrimes(): number[] {
  const composite = new Uint8Array(SIEVE_BOUND);
  const primes: number[] = [];
  for (let n = 3; n < SIEVE_BOUND; n += 2) {
    if (composite[n] === 1) continue;
    primes.push(n);
    for (let multiple = n * n; multiple < SIEVE_BOUND; multiple += 2 * n) composite[multiple] = 1;
  }
  return primes;
}

/** By the extended Euclidean algorithm; the two are coprime. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (a > 1n) {
    const quotient = a / b;
    [a, b] = [b, a % b];
    [x, y] = [y, x - quotient * y];
  }
  return ((x % modulus) + modulus) % modulus;
}

const toBigInt = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);

function base64url(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}

const sha384 = (...parts: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(
    createHash('sha384')
      .update(concat(...parts))
      .digest(),
  );

/** RSASSA-PSS-SIGN (RFC 8017 section 8.1.1) with SHA-384, MGF1 of it, and this salt. */
export function signPss({ privateKey }: RsaKey, message: Uint8Array, salt: Uint8Array): Uint8Array {
  const key = { key: privateKey, padding: constants.RSA_NO_PADDING };
  return new Uint8Array(privateEncrypt(key, encodePss(message, salt)));
}

/** EMSA-PSS-ENCODE (RFC 8017 section 9.1.1) for a modulus of whole octets, so of emBits 8 * RSA_BYTES - 1. */
function encodePss(message: Uint8Array, salt: Uint8Array): Uint8Array {
  const hash = sha384(new Uint8Array(8), sha384(message), salt);
  const block = new Uint8Array(RSA_BYTES - HASH_BYTES - 1);
  block[block.length - salt.length - 1] = 1;
  block.set(salt, block.length - salt.length);
  const mask = mgf1(hash, block.length);
  const masked = block.map((byte, i) => byte ^ (mask[i] as number));
  masked[0] = (masked[0] as number) & 0x7f;
  return concat(masked, hash, Uint8Array.of(0xbc));
}

/** MGF1 (RFC 8017 appendix B.2.1). */
function mgf1(seed: Uint8Array, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / HASH_BYTES) }, (_, i) => sha384(seed, u32be(i)));
  return concat(...blocks).subarray(0, length);
}
