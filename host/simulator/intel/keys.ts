/**
 * P-256 keys of the simulated vendor and its platforms, each derived from the seed by its purpose. Signatures are
 * deterministic (RFC 6979), so that the same seed at the same time serves the same bytes, and high-S half of the
 * time, as genuine ones are. That no side channel is closed is no harm: these keys vouch for nothing.
 */
import { p256 } from '@noble/curves/nist.js';
import { toHex } from '../../../src/base/hex.ts';
import { derBitString, derOid, derSequence } from '../../../src/codec/der-write.ts';
import { OID } from '../../../src/codec/x509.ts';
import type { Derive } from '../state.ts';

export interface Key {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** X ‖ Y, 64 bytes: how a quote writes a key. */
  readonly point: Uint8Array;
  /** ECDSA with SHA-256 as r ‖ s, 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

const SCALAR_BYTES = 32;
/** 64 bits more than the order has, so that the remainder is even enough (FIPS 186-5 appendix A.2.1). */
const WIDE_BYTES = 40;

export function deriveKey(derive: Derive, name: string): Key {
  const order = p256.Point.Fn.ORDER;
  const wide = BigInt(`0x${toHex(derive(`intel/key/${name}`, WIDE_BYTES))}`);
  const scalar = scalarBytes((wide % (order - 1n)) + 1n);
  const uncompressed = p256.getPublicKey(scalar, false);
  return Object.freeze({
    spki: derSequence(derSequence(derOid(OID.ecPublicKey), derOid(OID.p256)), derBitString(uncompressed)),
    point: uncompressed.slice(1),
    sign: (message: Uint8Array): Uint8Array => p256.sign(message, scalar, { lowS: false }),
  });
}

function scalarBytes(value: bigint): Uint8Array {
  const out = new Uint8Array(SCALAR_BYTES);
  for (let at = SCALAR_BYTES - 1, rest = value; at >= 0; at--, rest >>= 8n) out[at] = Number(rest & 0xffn);
  return out;
}
