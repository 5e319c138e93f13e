/**
 * The ID block that an owner signs for a launch, and the digests of the keys that a report then names (AMD 56860, SNP
 * Firmware ABI, ID_BLOCK, ID_AUTH_INFO and chapter 10, ECDSA P-384 public key): little-endian throughout.
 */
import type { Hashing } from '../../base/crypto.ts';
import { fail } from '../../base/errors.ts';
import { checkEcdsaSpki } from '../../base/spki.ts';

export const ID_BLOCK_SIZE = 96;
export const ID_KEY_SIZE = 1_028;

export interface IdBlock {
  /** The launch digest that the firmware compares, 48 bytes. */
  readonly launchDigest: Uint8Array;
  /** 16 bytes each, the owner's to choose. */
  readonly familyId: Uint8Array;
  readonly imageId: Uint8Array;
  /** Of 32 bits, and of 64. */
  readonly guestSvn: number;
  readonly policy: bigint;
}

const BLOCK = { digest: 0, family: 48, image: 64, version: 80, svn: 84, policy: 88 } as const;
const BLOCK_VERSION = 1;

const KEY = { curve: 0, x: 4, y: 76 } as const;
const CURVE_P384 = 2;
const COORDINATE = 48;

/** 96 bytes, which the ID key signs with ECDSA P-384 and SHA-384. Throws SNP_LAUNCH_INVALID for a field of another size. */
export function writeIdBlock({ launchDigest, familyId, imageId, guestSvn, policy }: IdBlock): Uint8Array {
  const block = new Uint8Array(ID_BLOCK_SIZE);
  const view = new DataView(block.buffer);
  const put = (name: string, bytes: Uint8Array, at: number, size: number): void => {
    if (bytes.length !== size) fail('SNP_LAUNCH_INVALID', `${name} has ${bytes.length} bytes, not ${size}`);
    block.set(bytes, at);
  };
  put('launch digest', launchDigest, BLOCK.digest, 48);
  put('family id', familyId, BLOCK.family, 16);
  put('image id', imageId, BLOCK.image, 16);
  if (!Number.isInteger(guestSvn) || guestSvn < 0 || guestSvn > 0xffffffff)
    fail('SNP_LAUNCH_INVALID', `guest SVN ${guestSvn}: must have 32 bits`);
  if (policy < 0n || policy >= 1n << 64n) fail('SNP_LAUNCH_INVALID', 'policy: must have 64 bits');
  view.setUint32(BLOCK.version, BLOCK_VERSION, true);
  view.setUint32(BLOCK.svn, guestSvn, true);
  view.setBigUint64(BLOCK.policy, policy, true);
  return block;
}

/** The key as the firmware has it, 1,028 bytes, of a P-384 SubjectPublicKeyInfo. Throws KEY_INVALID. */
export function writeIdKey(spki: Uint8Array): Uint8Array {
  checkEcdsaSpki('ES384', spki);
  const y = spki.length - COORDINATE;
  const key = new Uint8Array(ID_KEY_SIZE);
  new DataView(key.buffer).setUint32(KEY.curve, CURVE_P384, true);
  key.set(spki.slice(y - COORDINATE, y).reverse(), KEY.x);
  key.set(spki.slice(y).reverse(), KEY.y);
  return key;
}

/** ID_KEY_DIGEST, or AUTHOR_KEY_DIGEST of an author's key: 48 bytes. Throws KEY_INVALID. */
export function idKeyDigest(hashing: Hashing, spki: Uint8Array): Uint8Array {
  return hashing.sha384(writeIdKey(spki));
}
