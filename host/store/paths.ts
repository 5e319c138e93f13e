/**
 * The names that a store keeps, and no others: whoever connects can neither leave the folder nor touch the stage.
 *
 *   log/checkpoint  log/tile/…   C2SP tlog-tiles, written by the store alone   objects/<sha256>   by content
 *   keyring  epochs/<n>  seals/<n>   what the enclave keeps under a name      genesis   put there by the operator
 */
import { fail } from '../../src/base/errors.ts';

/** One frame carries 1 MiB (src/rpc/frame.ts); the rest is room for the message around the data. */
export const MAX_FILE_BYTES: number = 1_048_576 - 4_096;

const NUMBER = '(?:0|[1-9][0-9]{0,15})';
/** C2SP tlog-tiles: three-digit groups, all but the last behind an `x`; `.p/W` is a partial tile of 1..255. */
const TILE_INDEX = '(?:x[0-9]{3}/){0,5}[0-9]{3}(?:\\.p/[1-9][0-9]{0,2})?';
const KEPT = new RegExp(`^(?:objects/[0-9a-f]{64}|keyring|epochs/${NUMBER}|seals/${NUMBER})$`);
const GIVEN = 'genesis';
const LOGGED = new RegExp(`^log/(?:checkpoint|tile/(?:entries|[0-9]|[1-5][0-9]|6[0-3])/${TILE_INDEX})$`);
const MAX_PATH = 128;

/** Returns the path when the enclave may write it; else `STORE_PATH_INVALID`. */
export function writablePath(path: string): string {
  if (path.length > MAX_PATH || !KEPT.test(path)) fail('STORE_PATH_INVALID', 'this name cannot be written');
  return path;
}

/** Returns the path when it may be read; else `STORE_PATH_INVALID`. */
export function readablePath(path: string): string {
  if (path.length > MAX_PATH || !(KEPT.test(path) || LOGGED.test(path) || path === GIVEN))
    fail('STORE_PATH_INVALID', 'this name cannot be read');
  return path;
}
