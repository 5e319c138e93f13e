/**
 * Writes the log as C2SP tlog-tiles files (c2sp.org/tlog-tiles), from staged leaves up to a checkpoint.
 *
 * It keeps the right edge of the tree in memory: for each level the hashes of its last tile, and the entries of
 * the last bundle. A group of files is durable before the checkpoint that needs them is; on a failure nothing
 * here has moved, and the next attempt writes fresh files.
 */
import type { Hashing } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { Frontier } from '../../src/log/frontier.ts';
import { HASH_SIZE, leafHash } from '../../src/log/merkle.ts';
import { entriesPath, MAX_BUNDLE, TILE_WIDTH, tilePath, tileWidth } from '../../src/log/tile.ts';
import type { Folder } from './files.ts';

/** The filled part of the last tile of each level, and of the last bundle. */
interface Edge {
  readonly size: number;
  readonly levels: readonly (readonly Uint8Array[])[];
  /** Pieces of the last bundle, in order. */
  readonly entries: readonly Uint8Array[];
}

/** A growing edge and the files that it leaves behind. */
interface Growth {
  size: number;
  levels: Uint8Array[][];
  entries: Uint8Array[];
}

/** Leaves to integrate: an entry bundle of any length, and how many leaves at its start are to be left out. */
export interface Run {
  readonly entries: Uint8Array;
  readonly count: number;
  readonly skip: number;
}

/** Files that sync at once: enough to share journal commits, few enough to leave the stage a thread. */
const LANES = 3;

export class TileWriter {
  readonly #folder: Folder;
  readonly #hashing: Hashing;
  #edge: Edge;
  /** Folders of partial tiles whose full tile is durable; the published checkpoint may still need them. */
  #outdated: string[] = [];

  private constructor(folder: Folder, hashing: Hashing, edge: Edge) {
    this.#folder = folder;
    this.#hashing = hashing;
    this.#edge = edge;
  }

  /** Reads the right edge of a log of `size` leaves; throws `STORE_TILES_CORRUPT` unless it leads to `root`. */
  static open(folder: Folder, hashing: Hashing, size: number, root: Uint8Array): TileWriter {
    const levels: Uint8Array[][] = [];
    for (let level = 0; TILE_WIDTH ** level <= size; level++) {
      const last = Math.floor(size / TILE_WIDTH ** (level + 1));
      const width = tileWidth(level, last, size);
      const bytes = width === 0 ? new Uint8Array(0) : need(folder, `log/${tilePath(level, last, width)}`);
      if (bytes.length !== width * HASH_SIZE)
        fail('STORE_TILES_CORRUPT', `log/${tilePath(level, last, width)}`);
      levels.push(Array.from({ length: width }, (_, i) => bytes.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE)));
    }
    const width = size % TILE_WIDTH;
    const entries =
      width === 0 ? [] : [need(folder, `log/${entriesPath(Math.floor(size / TILE_WIDTH), width)}`)];
    const edge: Edge = { size, levels, entries };
    checkRoot(hashing, edge, root);
    return new TileWriter(folder, hashing, edge);
  }

  get size(): number {
    return this.#edge.size;
  }

  /**
   * Makes the files of a tree of `size` leaves durable; `next(index)` gives staged leaves from `index` on.
   * Throws `STORE_TILES_CORRUPT`, with no file under its final checkpoint, unless they lead to `root`.
   */
  async advance(size: number, root: Uint8Array, next: (index: number) => Run): Promise<void> {
    const growth: Growth = {
      size: this.#edge.size,
      levels: this.#edge.levels.map((hashes) => [...hashes]),
      entries: [...this.#edge.entries],
    };
    const writes = this.#folder.begin();
    const lanes = new Lanes();
    try {
      while (growth.size < size) {
        const run = next(growth.size);
        this.#grow(growth, run, size, (path, parts) => lanes.start(() => writes.write(path, parts)));
        await lanes.room();
      }
      checkRoot(this.#hashing, growth, root);
      this.#finishPartials(growth, (path, parts) => lanes.start(() => writes.write(path, parts)));
    } finally {
      await lanes.idle();
    }
    lanes.check();
    await writes.finish();
    const before = this.#edge;
    this.#edge = { ...growth, entries: [join(growth.entries)] };
    this.#outdated.push(...outdated(before, growth));
  }

  /** Takes leaves of one run, up to `limit`, and writes the tiles and bundles that they fill. */
  #grow(growth: Growth, run: Run, limit: number, write: WriteFile): void {
    const { entries } = run;
    let at = 0;
    let bundleFrom = 0;
    for (let i = 0; i < run.count && growth.size < limit; i++) {
      const end = at + 2 + (((entries[at] as number) << 8) | (entries[at + 1] as number));
      if (i >= run.skip) {
        push(this.#hashing, growth, 0, leafHash(this.#hashing, entries.subarray(at + 2, end)), write);
        growth.size += 1;
      } else bundleFrom = end;
      at = end;
      if (i >= run.skip && growth.size % TILE_WIDTH === 0) {
        growth.entries.push(entries.subarray(bundleFrom, at));
        write(`log/${entriesPath(growth.size / TILE_WIDTH - 1)}`, growth.entries);
        growth.entries = [];
        bundleFrom = at;
      }
    }
    if (at > bundleFrom) growth.entries.push(entries.subarray(bundleFrom, at));
  }

  #finishPartials({ size, levels, entries }: Growth, write: WriteFile): void {
    levels.forEach((hashes, level) => {
      const last = Math.floor(size / TILE_WIDTH ** (level + 1));
      const width = hashes.length;
      const known = this.#edge.levels[level];
      const same =
        known?.length === width && last === Math.floor(this.#edge.size / TILE_WIDTH ** (level + 1));
      if (width > 0 && !same) write(`log/${tilePath(level, last, width)}`, [join(hashes)]);
    });
    const width = size % TILE_WIDTH;
    if (width > 0 && size !== this.#edge.size)
      write(`log/${entriesPath(Math.floor(size / TILE_WIDTH), width)}`, entries);
  }

  /** Partial tiles may go once the full tile exists (tlog-tiles, "Partial tiles"). */
  /** Removes what no checkpoint needs any more; only once the checkpoint of this size is durable. */
  async tidy(): Promise<void> {
    const { disk } = this.#folder;
    const gone = this.#outdated.splice(0);
    await Promise.all(gone.map((path) => disk.remove(this.#folder.absolute(path))));
  }
}

/** Partial tiles may go once the full tile exists (tlog-tiles, "Partial tiles"). */
function outdated(before: Edge, after: Growth): string[] {
  const gone: string[] = [];
  before.levels.forEach((_, level) => {
    const last = Math.floor(before.size / TILE_WIDTH ** (level + 1));
    if (last === Math.floor(after.size / TILE_WIDTH ** (level + 1))) return;
    gone.push(`log/${tilePath(level, last)}.p`);
    if (level === 0) gone.push(`log/${entriesPath(last)}.p`);
  });
  return gone;
}

type WriteFile = (path: string, parts: readonly Uint8Array[]) => void;

/** Adds one hash at a level; a tile that is full is written, and its root goes one level up. */
function push(hashing: Hashing, growth: Growth, level: number, hash: Uint8Array, write: WriteFile): void {
  const tile = growth.levels[level] ?? [];
  growth.levels[level] = tile;
  tile.push(hash);
  if (tile.length < TILE_WIDTH) return;
  const index = Math.floor(growth.size / TILE_WIDTH ** (level + 1));
  write(`log/${tilePath(level, index)}`, [join(tile)]);
  const frontier = new Frontier(hashing);
  for (const leaf of tile) frontier.append(leaf);
  growth.levels[level] = [];
  push(hashing, growth, level + 1, frontier.root(), write);
}

/** The second path to the root: from the bytes in files, not from what the enclave computed. */
function checkRoot(hashing: Hashing, { size, levels }: Edge | Growth, root: Uint8Array): void {
  const frontier = new Frontier(hashing);
  for (let level = levels.length - 1; level >= 0; level--)
    for (const hash of levels[level] ?? []) frontier.appendNode(8 * level, hash);
  const computed = frontier.root();
  if (frontier.size !== size || !computed.every((byte, i) => byte === root[i]))
    fail('STORE_TILES_CORRUPT', `the tiles of ${size} leaves lead to another root than the checkpoint's`);
}

function need(folder: Folder, path: string): Uint8Array {
  return folder.read(path, MAX_BUNDLE) ?? fail('STORE_TILES_CORRUPT', `${path} is missing`);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}

/** Runs a few jobs at once; the first failure is kept until all have ended. */
class Lanes {
  readonly #running = new Set<Promise<void>>();
  readonly #waiting: (() => Promise<void>)[] = [];
  #failure: unknown = null;

  start(job: () => Promise<void>): void {
    if (this.#running.size >= LANES) this.#waiting.push(job);
    else this.#run(job);
  }

  /** Resolves when no job waits. */
  async room(): Promise<void> {
    while (this.#waiting.length > 0) await Promise.race(this.#running);
    this.check();
  }

  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.race(this.#running);
  }

  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  #run(job: () => Promise<void>): void {
    const running = job()
      .catch((error: unknown) => {
        this.#failure ??= error;
        this.#waiting.length = 0;
      })
      .finally(() => {
        this.#running.delete(running);
        const next = this.#waiting.shift();
        if (next !== undefined) this.#run(next);
      });
    this.#running.add(running);
  }
}
