/**
 * RSASSA-PSS verification for pages that have no WebCrypto (RFC 8017 sections 8.1.2 and 9.1.2): 4,096 bits, exponent
 * 65537, SHA-384 for the message and for MGF1, 48 bytes of salt. Public values only, so nothing here need be constant
 * in time.
 */
import { concat, equalBytes, u32be } from '../src/base/bytes.ts';
import { fromHex, toHex } from '../src/base/hex.ts';
import { sha384 } from '@noble/hashes/sha2.js';

const SIZE = 512;
const HASH = 48;
const SALT = 48;
/** Octets of the data block: all but the hash and the trailer. */
const BLOCK = SIZE - HASH - 1;
const TRAILER = 0xbc;

/** Whether the signature, 512 bytes like the modulus, is genuine. */
export function verifyPss(modulus: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const [n, s] = [number(modulus), number(signature)];
  if (s >= n) return false;
  const encoded = fromHex(
    power65537(s, n)
      .toString(16)
      .padStart(2 * SIZE, '0'),
  );
  const h = encoded.subarray(BLOCK, BLOCK + HASH);
  // The modulus has 4,096 bits, the encoded message one less (step 6 of section 9.1.2).
  if (encoded[SIZE - 1] !== TRAILER || (encoded[0] as number) >= 0x80) return false;
  const block = mask(h, BLOCK).map((octet, i) => octet ^ (encoded[i] as number));
  block[0] = (block[0] as number) & 0x7f;
  const start = BLOCK - SALT - 1;
  if (block[start] !== 1 || block.subarray(0, start).some((octet) => octet !== 0)) return false;
  const salt = block.subarray(start + 1);
  return equalBytes(h, sha384(concat(new Uint8Array(8), sha384(message), salt)));
}

/** MGF1 (RFC 8017 appendix B.2.1). */
function mask(seed: Uint8Array, length: number): Uint8Array {
  const parts = Array.from({ length: Math.ceil(length / HASH) }, (_, i) => sha384(concat(seed, u32be(i))));
  return concat(...parts).slice(0, length);
}

function power65537(base: bigint, modulus: bigint): bigint {
  let value = base;
  for (let i = 0; i < 16; i++) value = (value * value) % modulus;
  return (value * base) % modulus;
}

const number = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);
