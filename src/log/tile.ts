/**
 * C2SP tlog-tiles: where the tree lies in files, and what is in them (c2sp.org/tlog-tiles).
 *
 * A tile holds up to 256 hashes of one level (32 bytes each); an entry bundle holds the leaves under one level-0
 * tile, each as u16be length ‖ bytes. A tile narrower than 256 is a partial tile, `….p/<width>`.
 */
import { u16be } from '../base/bytes.ts';
import { fail, ParseError } from '../base/errors.ts';
import { HASH_SIZE, isSize } from './merkle.ts';

/** Hashes in a full tile, leaves in a full bundle. */
export const TILE_WIDTH = 256;

/** Longest leaf that a bundle can hold: its length is a u16. */
export const MAX_ENTRY = 65_535;

/** Bytes of the largest possible bundle. */
export const MAX_BUNDLE: number = TILE_WIDTH * (2 + MAX_ENTRY);

export interface TilePath {
  readonly kind: 'hashes' | 'entries';
  /** 0..63 for hashes; 0 for entries. */
  readonly level: number;
  readonly index: number;
  /** 1..256. */
  readonly width: number;
}

/** How many of the 256 places of tile `index` at `level` are filled in a tree of `size` leaves: 0..256. */
export function tileWidth(level: number, index: number, size: number): number {
  const nodes = Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, nodes - index * TILE_WIDTH));
}

/** `1234067` is `x001/x234/067`. */
function indexPath(index: number): string {
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  return path;
}

function suffix(width: number): string {
  return width === TILE_WIDTH ? '' : `.p/${width}`;
}

function checkTile(level: number, index: number, width: number): void {
  const ok = Number.isInteger(level) && level >= 0 && level <= 63 && isSize(index);
  if (!ok || !Number.isInteger(width) || width < 1 || width > TILE_WIDTH)
    fail('TILE_PATH_INVALID', `no tile has level ${level}, index ${index} and width ${width}`);
}

/** `tile/<level>/<index>[.p/<width>]`. */
export function tilePath(level: number, index: number, width: number = TILE_WIDTH): string {
  checkTile(level, index, width);
  return `tile/${level}/${indexPath(index)}${suffix(width)}`;
}

/** `tile/entries/<index>[.p/<width>]`. */
export function entriesPath(index: number, width: number = TILE_WIDTH): string {
  checkTile(0, index, width);
  return `tile/entries/${indexPath(index)}${suffix(width)}`;
}

/** The bundle that holds leaf `index` in a log of `size` leaves. */
export function entriesPathFor(index: number, size: number): string {
  const tile = Math.floor(index / TILE_WIDTH);
  return entriesPath(tile, tileWidth(0, tile, size));
}

const INDEX = /^((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;
const LEVEL = /^(?:0|[1-9][0-9]?)$/;

/**
 * Reads `x001/x234/067.p/89`. The grammar reaches 10^18 - 1, more than a number holds exactly, hence bigint.
 * Throws `TILE_PATH_INVALID`.
 */
export function parseTileIndex(text: string): { readonly index: bigint; readonly width: number } {
  const match = INDEX.exec(text);
  const digits = match?.[1]?.replaceAll(/[x/]/g, '');
  const width = match?.[2] === undefined ? TILE_WIDTH : Number(match[2]);
  // A full tile has no suffix, so `.p/256` names nothing.
  if (digits === undefined || (match?.[2] !== undefined && width >= TILE_WIDTH))
    return fail('TILE_PATH_INVALID', 'not a tile index such as x001/x234/067 or 067.p/89');
  const index = BigInt(digits);
  // `x000/001` would be a second name for `001`.
  if (digits.length > 3 && digits.startsWith('000'))
    fail('TILE_PATH_INVALID', 'a tile index has no leading zero groups');
  return { index, width };
}

/** Reads the level of a tile path: 0..63 without leading zeros. */
export function parseTileLevel(text: string): number {
  const level = LEVEL.test(text) ? Number(text) : 64;
  if (level > 63) fail('TILE_PATH_INVALID', 'a tile level is 0..63 without leading zeros');
  return level;
}

/** Reads what `tilePath` and `entriesPath` write; anything else is `TILE_PATH_INVALID`. */
export function parseTilePath(path: string): TilePath {
  const [tile, level, ...rest] = path.split('/');
  if (tile !== 'tile' || level === undefined) fail('TILE_PATH_INVALID', 'a tile path starts with tile/');
  const { index, width } = parseTileIndex(rest.join('/'));
  if (index > BigInt(Number.MAX_SAFE_INTEGER))
    fail('TILE_PATH_INVALID', 'no log here has a tile of this index');
  if (level === 'entries') return { kind: 'entries', level: 0, index: Number(index), width };
  return { kind: 'hashes', level: parseTileLevel(level), index: Number(index), width };
}

export function encodeTile(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length < 1 || hashes.length > TILE_WIDTH)
    fail('TILE_INVALID', `a tile cannot hold ${hashes.length} hashes`);
  const out = new Uint8Array(hashes.length * HASH_SIZE);
  hashes.forEach((hash, i) => {
    if (hash.length !== HASH_SIZE) fail('TILE_INVALID', `a hash of ${hash.length} bytes`);
    out.set(hash, i * HASH_SIZE);
  });
  return out;
}

/** The hashes of a tile of exactly `width` (1..256), as views of `bytes`. */
export function decodeTile(bytes: Uint8Array, width: number): Uint8Array[] {
  if (width < 1 || width > TILE_WIDTH || bytes.length !== width * HASH_SIZE)
    throw new ParseError('TILE_INVALID', `a tile of width ${width} cannot have ${bytes.length} bytes`, 0);
  return Array.from({ length: width }, (_, i) => bytes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE));
}

export function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length < 1 || entries.length > TILE_WIDTH)
    fail('TILE_INVALID', `a bundle cannot hold ${entries.length} entries`);
  let length = 0;
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY)
      fail('TILE_INVALID', `an entry of ${entry.length} bytes is longer than ${MAX_ENTRY}`);
    length += 2 + entry.length;
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const entry of entries) {
    out.set(u16be(entry.length), at);
    out.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return out;
}

/** The entries of a bundle of exactly `width` (1..256), as views of `bytes`. */
export function decodeEntries(bytes: Uint8Array, width: number): Uint8Array[] {
  if (width < 1 || width > TILE_WIDTH) fail('TILE_INVALID', `a bundle cannot hold ${width} entries`);
  const entries: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < width; i++) {
    if (at + 2 > bytes.length) throw new ParseError('TILE_INVALID', `entry ${i} is missing`, at);
    const end = at + 2 + (((bytes[at] as number) << 8) | (bytes[at + 1] as number));
    if (end > bytes.length) throw new ParseError('TILE_INVALID', `entry ${i} is cut short`, at);
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  if (at !== bytes.length) throw new ParseError('TILE_INVALID', `bytes follow entry ${width - 1}`, at);
  return entries;
}
