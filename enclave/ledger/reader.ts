/**
 * Reads the published log through the host's store, believing nothing but a root.
 *
 * A tile is accepted when it hashes to its place in the tile above it, up to the right edge, whose tiles together
 * make the root. So each hash that this gives belongs to the tree, whatever the host did.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Hashing } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { Frontier, type FrontierState } from '../../src/log/frontier.ts';
import { decodeLeaf, type Leaf } from '../../src/log/leaf.ts';
import { HASH_SIZE, leafHash, rootOf } from '../../src/log/merkle.ts';
import { buildInclusionProof, inclusionRanges, type NodeId, rangeNodes } from '../../src/log/proofs.ts';
import {
  decodeEntries,
  decodeTile,
  entriesPath,
  MAX_BUNDLE,
  TILE_WIDTH,
  tilePath,
  tileWidth,
} from '../../src/log/tile.ts';
import { readFile, type StoreClient } from './store-client.ts';

export interface LogReader {
  readonly size: number;
  /** All entries of one bundle. */
  bundle(index: number): Promise<readonly Uint8Array[]>;
  /** The leaf's bytes and meaning; its own index is the one asked for. */
  leaf(index: number): Promise<{ readonly bytes: Uint8Array; readonly leaf: Leaf }>;
  /** Inclusion proof of a leaf in the tree of `size`. */
  proof(index: number): Promise<Uint8Array[]>;
  frontier(): FrontierState;
}

export interface ReaderParts {
  readonly store: StoreClient;
  readonly hashing: Hashing;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Levels of one tile: a full tile is a tree of 2^8 leaves. */
const TILE_LEVELS = 8;
/** Verified tiles that are kept: 2 MiB of hashes. */
const KEPT_TILES = 256;

type Tile = readonly Uint8Array[];

/** Reads and verifies the right edge. Throws `RECOVERY_TREE_INVALID`, or what the store throws. */
export async function openReader(parts: ReaderParts): Promise<LogReader> {
  const edge = await readEdge(parts);
  const tiles = new TileSource(parts, edge);
  const bundles = bundleReader(parts, tiles);
  return {
    size: parts.size,
    bundle: bundles,
    frontier: () => frontierOf(parts.hashing, edge).state(),
    async leaf(index) {
      if (index < 0 || index >= parts.size) fail('LOG_INDEX_UNKNOWN', `leaf ${index} of ${parts.size}`);
      const entries = await bundles(Math.floor(index / TILE_WIDTH));
      const bytes = entries[index % TILE_WIDTH] as Uint8Array;
      const leaf = decodeLeaf(bytes);
      if (leaf.index !== index) fail('RECOVERY_TREE_INVALID', `leaf ${index} says that it is ${leaf.index}`);
      return { bytes, leaf };
    },
    async proof(index) {
      const ids = inclusionRanges(index, parts.size).flatMap(rangeNodes);
      const nodes = new Map<string, Uint8Array>();
      for (const id of ids) nodes.set(keyOf(id), await tiles.node(id));
      const read = (level: number, at: number): Uint8Array =>
        nodes.get(keyOf({ level, index: at })) as Uint8Array;
      return buildInclusionProof(parts.hashing, read, index, parts.size);
    },
  };
}

const keyOf = ({ level, index }: NodeId): string => `${level}/${index}`;

/** The last tile of each level, empty where the level ends at a full tile; together they are the root. */
async function readEdge({ store, hashing, size, root }: ReaderParts): Promise<Tile[]> {
  const edge: Tile[] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const last = Math.floor(size / TILE_WIDTH ** (level + 1));
    const width = tileWidth(level, last, size);
    edge.push(width === 0 ? [] : await fetchTile(store, level, last, width));
  }
  if (!equalBytes(frontierOf(hashing, edge).root(), root))
    fail('RECOVERY_TREE_INVALID', `the tiles at the right edge do not make the root of ${size} leaves`);
  return edge;
}

function frontierOf(hashing: Hashing, edge: readonly Tile[]): Frontier {
  const frontier = new Frontier(hashing);
  for (let level = edge.length - 1; level >= 0; level--)
    for (const hash of edge[level] as Tile) frontier.appendNode(TILE_LEVELS * level, hash);
  return frontier;
}

/**
 * A tile or bundle by its path, or, where the store has dropped a partial one since, the start of the full one
 * (tlog-tiles, "Partial tiles"): `cut` takes as much of either as the width needs.
 */
async function fetchPart(
  store: StoreClient,
  path: (width: number) => string,
  width: number,
  limit: number,
  cut: (bytes: Uint8Array, width: number) => Uint8Array[],
): Promise<Uint8Array[]> {
  const partial = await readFile(store, `log/${path(width)}`, limit);
  const whole = partial === null && width < TILE_WIDTH ? TILE_WIDTH : width;
  const bytes = partial ?? (whole === width ? null : await readFile(store, `log/${path(whole)}`, limit));
  if (bytes === null) return fail('RECOVERY_TREE_INVALID', `log/${path(width)} is missing`);
  try {
    return cut(bytes, whole).slice(0, width);
  } catch (cause) {
    return fail('RECOVERY_TREE_INVALID', `log/${path(whole)} cannot be read`, { cause });
  }
}

function fetchTile(store: StoreClient, level: number, index: number, width: number): Promise<Tile> {
  return fetchPart(
    store,
    (filled) => tilePath(level, index, filled),
    width,
    TILE_WIDTH * HASH_SIZE,
    decodeTile,
  );
}

class TileSource {
  readonly #parts: ReaderParts;
  readonly #edge: readonly Tile[];
  /** Insertion order is age: the oldest goes first. */
  readonly #kept = new Map<string, Tile>();

  constructor(parts: ReaderParts, edge: readonly Tile[]) {
    this.#parts = parts;
    this.#edge = edge;
  }

  /** A verified tile: of the right edge, or one that the verified tile above it names. */
  async tile(level: number, index: number): Promise<Tile> {
    const { hashing, size, store } = this.#parts;
    if (tileWidth(level, index, size) < TILE_WIDTH) return this.#edge[level] as Tile;
    const path = tilePath(level, index);
    const known = this.#kept.get(path);
    if (known !== undefined) return known;
    const above = await this.tile(level + 1, Math.floor(index / TILE_WIDTH));
    const tile = await fetchTile(store, level, index, TILE_WIDTH);
    if (!equalBytes(rootOf(hashing, tile), above[index % TILE_WIDTH] as Uint8Array))
      fail('RECOVERY_TREE_INVALID', `log/${path} does not hash to its place in the tree`);
    if (this.#kept.size >= KEPT_TILES) this.#kept.delete(this.#kept.keys().next().value as string);
    this.#kept.set(path, tile);
    return tile;
  }

  /** A complete node, hashed from the tile that covers it. */
  async node({ level, index }: NodeId): Promise<Uint8Array> {
    const tileLevel = Math.floor(level / TILE_LEVELS);
    const span = 2 ** (level % TILE_LEVELS);
    const first = index * span;
    const tile = await this.tile(tileLevel, Math.floor(first / TILE_WIDTH));
    const start = first % TILE_WIDTH;
    return rootOf(this.#parts.hashing, tile.slice(start, start + span));
  }
}

/** Reads bundles, each re-hashed against its level-0 tile; keeps the last one, because readers walk. */
function bundleReader(
  { store, hashing, size }: ReaderParts,
  tiles: TileSource,
): (index: number) => Promise<readonly Uint8Array[]> {
  let last: { readonly index: number; readonly entries: readonly Uint8Array[] } | null = null;
  return async (index) => {
    if (last?.index === index) return last.entries;
    const width = tileWidth(0, index, size);
    if (width === 0) return fail('LOG_INDEX_UNKNOWN', `bundle ${index} of a log of ${size} leaves`);
    const path = (filled: number): string => entriesPath(index, filled);
    const entries = await fetchPart(store, path, width, MAX_BUNDLE, decodeEntries);
    const hashes = await tiles.tile(0, index);
    entries.forEach((entry, i) => {
      if (!equalBytes(leafHash(hashing, entry), hashes[i] as Uint8Array))
        fail(
          'RECOVERY_TREE_INVALID',
          `log/${path(width)}: entry ${i} is not the leaf that the tree has there`,
        );
    });
    last = { index, entries };
    return entries;
  };
}
