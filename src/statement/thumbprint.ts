/** Key thumbprints. */
import { concat } from '../base/bytes.ts';
import type { Hashing } from '../base/crypto.ts';
import { fail } from '../base/errors.ts';

const RAW_ED25519 = 32;

/** COSE_Key {1: 1 (OKP), -1: 6 (Ed25519), -2: x} in deterministic CBOR, up to the 32 bytes of x. */
const COSE_KEY_PREFIX: Uint8Array = Uint8Array.of(0xa3, 0x01, 0x01, 0x20, 0x06, 0x21, 0x58, 0x20);

/** RFC 9679 COSE Key thumbprint with SHA-256 of a raw Ed25519 public key: 32 bytes. */
export function thumbprint(hashing: Hashing, rawEd25519: Uint8Array): Uint8Array {
  if (rawEd25519.length !== RAW_ED25519)
    fail('KEY_INVALID', `an Ed25519 key has 32 bytes, not ${rawEd25519.length}`);
  return hashing.sha256(concat(COSE_KEY_PREFIX, rawEd25519));
}
