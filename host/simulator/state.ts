/**
 * What makes one piece of simulated hardware: a random 32-byte seed, made once per install and kept in a private
 * folder. Every key of it is derived from the seed by purpose, so that a restart is the same machine and another
 * install is another one: there is no shared secret that all simulators trust.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../src/base/hex.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { hkdf } from '../../native/crypto.ts';

/** `purpose` separates keys; `length` in bytes. */
export type Derive = (purpose: string, length: number) => Uint8Array;

const SEED_FILE = 'seed';
const SEED_BYTES = 32;
/** Neither a partition nor a region of any cloud; they stand in certificates and key names. */
export const PARTITION = 'assay-sim';
export const REGION = 'local-1';

export function deriveFrom(seed: Uint8Array): Derive {
  if (seed.length !== SEED_BYTES)
    fail('SIMULATOR_STATE_INVALID', `the seed has ${seed.length} bytes, not 32`);
  return (purpose, length) => hkdf(seed, utf8(`assay/simulator/v1/${purpose}`), length);
}

/** The seed of this folder, made if the folder has none. Throws SIMULATOR_STATE_INVALID for another file there. */
export function openSeed(folder: string): Uint8Array {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const path = join(folder, SEED_FILE);
  try {
    writeFileSync(path, randomBytes(SEED_BYTES), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new AssayError('SIMULATOR_STATE_INVALID', `cannot write ${path}`, { cause: error });
  }
  const seed = new Uint8Array(readFileSync(path));
  if (seed.length !== SEED_BYTES) fail('SIMULATOR_STATE_INVALID', `${path} is not 32 bytes`);
  return seed;
}

/** `i-` and 17 hex digits, as EC2 names instances. */
export function instanceIdOf(derive: Derive): string {
  return `i-${toHex(derive('instance', 9)).slice(0, 17)}`;
}

/** ARN of the one key that this machine's KMS holds. */
export function keyArnOf(derive: Derive): string {
  return `arn:${PARTITION}:kms:${REGION}:000000000000:key/${uuidOf(derive('kms/key-id', 16))}`;
}

/** The one key of the custodian beside a guest of this kind: no ARN, because no such service has ARNs. */
export function guestKeyIdOf(derive: Derive, platform: 'tdx' | 'snp'): string {
  return `${PARTITION}:${platform}:key/${uuidOf(derive(`kms/${platform}/key-id`, 16))}`;
}

function uuidOf(bytes: Uint8Array): string {
  const hex = toHex(bytes);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return parts.join('-');
}
