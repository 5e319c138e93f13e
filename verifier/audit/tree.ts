/**
 * Walks the stored entries once, in memory that does not grow with the log, and computes the tree from them.
 * Stored hash tiles are not believed: they are compared, and tell which leaf changed.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Hashing } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import {
  decodeEntries,
  encodeTile,
  entriesPath,
  Frontier,
  leafHash,
  rootOf,
  TILE_WIDTH,
  tilePath,
  tileWidth,
} from '../../src/log/index.ts';
import { type AuditReader, readLogFile } from './bundle.ts';

/** Up to 256 leaves, with their hashes. */
export interface EntryTile {
  /** Index of the first leaf. */
  readonly first: number;
  readonly entries: readonly Uint8Array[];
  readonly hashes: readonly Uint8Array[];
}

interface Loaded {
  readonly entries: Uint8Array | null;
  readonly tile: Uint8Array | null;
}

/** Levels above the leaves' at which tiles can exist in a log of at most 2^53 leaves. */
const TOP_LEVEL = 6;

export class TreeWalk {
  readonly #reader: AuditReader;
  readonly #hashing: Hashing;
  readonly #size: number;
  readonly #frontier: Frontier;
  /** The nodes of the tile in the making at each level above 0, and that tile's index. */
  readonly #rows: { index: number; hashes: Uint8Array[] }[] = [];
  /** Runs ahead of the frontier within the present tile. */
  #ahead: Frontier;
  #mismatch: { readonly path: string; readonly leaf: number | null } | null = null;

  constructor(reader: AuditReader, hashing: Hashing, size: number) {
    this.#reader = reader;
    this.#hashing = hashing;
    this.#size = size;
    this.#frontier = new Frontier(hashing);
    this.#ahead = this.#frontier.clone();
  }

  /** The first stored hash tile that disagrees with the entries; its leaf where that can be told. */
  get mismatch(): { readonly path: string; readonly leaf: number | null } | null {
    return this.#mismatch;
  }

  /** Root over all leaves walked so far. */
  root(): Uint8Array {
    return this.#frontier.root();
  }

  /**
   * Root over the first `size` leaves, where `size` lies within the tile that `tiles` has just given, or at its
   * end, and not below the size last asked for.
   */
  rootAt(size: number, tile: EntryTile): Uint8Array {
    while (this.#ahead.size < size)
      this.#ahead.append(tile.hashes[this.#ahead.size - tile.first] as Uint8Array);
    return this.#ahead.root();
  }

  /**
   * The entries in order. A tile joins the tree when the next is asked for. Throws `LOG_TRUNCATED` when entries
   * are missing below the size, `TILE_INVALID` for a bundle that cannot be read.
   */
  async *tiles(): AsyncGenerator<EntryTile> {
    const count = Math.ceil(this.#size / TILE_WIDTH);
    let next = this.#load(0);
    for (let index = 0; index < count; index++) {
      const { entries, tile } = await next;
      next = index + 1 < count ? this.#load(index + 1) : next;
      // A rejection is thrown where it is awaited; until then it must not count as unhandled.
      next.catch(() => undefined);
      const opened = this.#open(index, entries, tile);
      yield opened;
      await this.#join(index, opened);
    }
    for (let level = 1; level <= this.#rows.length; level++) await this.#compareRow(level);
  }

  async #load(index: number): Promise<Loaded> {
    const width = tileWidth(0, index, this.#size);
    if (width === 0) return { entries: null, tile: null };
    const [entries, tile] = await Promise.all([
      readLogFile(this.#reader, entriesPath(index, width)),
      readLogFile(this.#reader, tilePath(0, index, width)),
    ]);
    return { entries, tile };
  }

  #open(index: number, bytes: Uint8Array | null, tile: Uint8Array | null): EntryTile {
    const first = index * TILE_WIDTH;
    const width = tileWidth(0, index, this.#size);
    const path = entriesPath(index, width);
    if (bytes === null) return fail('LOG_TRUNCATED', `log/${path}: the leaves from ${first} on are missing`);
    const entries = readEntries(path, bytes, width);
    const hashes = entries.map((entry) => leafHash(this.#hashing, entry));
    if (tile !== null) this.#compare(tilePath(0, index, width), tile, hashes, first);
    return { first, entries, hashes };
  }

  async #join(index: number, { hashes }: EntryTile): Promise<void> {
    if (hashes.length < TILE_WIDTH) for (const hash of hashes) this.#frontier.append(hash);
    else {
      const root = rootOf(this.#hashing, hashes);
      this.#frontier.appendNode(8, root);
      await this.#rise(1, index, root);
    }
    this.#ahead = this.#frontier.clone();
  }

  /** Puts a node of a level into its tile, and a full tile's root into the level above. */
  async #rise(level: number, at: number, hash: Uint8Array): Promise<void> {
    const row = (this.#rows[level - 1] ??= { index: 0, hashes: [] });
    row.index = Math.floor(at / TILE_WIDTH);
    row.hashes.push(hash);
    if (row.hashes.length < TILE_WIDTH) return;
    await this.#compareRow(level);
    const root = rootOf(this.#hashing, row.hashes);
    row.hashes.length = 0;
    if (level < TOP_LEVEL) await this.#rise(level + 1, row.index, root);
  }

  async #compareRow(level: number): Promise<void> {
    const row = this.#rows[level - 1];
    if (row === undefined || row.hashes.length === 0) return;
    const path = tilePath(level, row.index, row.hashes.length);
    const tile = await readLogFile(this.#reader, path);
    if (tile !== null) this.#compare(path, tile, row.hashes, null);
  }

  #compare(path: string, stored: Uint8Array, hashes: readonly Uint8Array[], first: number | null): void {
    const computed = encodeTile(hashes);
    if (this.#mismatch !== null || equalBytes(stored, computed)) return;
    const place = hashes.findIndex((hash, i) => !equalBytes(hash, stored.subarray(32 * i, 32 * i + 32)));
    this.#mismatch = { path: `log/${path}`, leaf: first === null || place < 0 ? null : first + place };
  }
}

function readEntries(path: string, bytes: Uint8Array, width: number): Uint8Array[] {
  try {
    return decodeEntries(bytes, width);
  } catch (cause) {
    if (!(cause instanceof AssayError)) throw cause;
    throw new AssayError('TILE_INVALID', `log/${path}: ${cause.message}`, { cause });
  }
}
