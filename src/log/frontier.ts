/**
 * The right edge of the tree: all that an appender must remember (at most 53 hashes, 1.7 KiB).
 *
 * For each one bit of the size there is one complete subtree, large to small from left to right.
 */
import { concat, u64be } from '../base/bytes.ts';
import type { Hashing } from '../base/crypto.ts';
import { fail, ParseError } from '../base/errors.ts';
import { emptyRoot, HASH_SIZE, isSize, nodeHash } from './merkle.ts';
import { foldRight } from './proofs.ts';

export interface FrontierState {
  readonly size: number;
  /** One hash for each one bit of `size`, from the most significant bit down. */
  readonly hashes: readonly Uint8Array[];
}

/** What one batch of appended leaves gives: the new head, and the proof of each leaf in it. */
export interface Batch {
  /** Index of the first leaf of the batch. */
  readonly first: number;
  readonly size: number;
  readonly root: Uint8Array;
  /** Inclusion proof, in the tree of `size`, of the batch's i-th leaf (0-based within the batch). */
  proof(i: number): Uint8Array[];
}

export class Frontier {
  readonly #hashing: Hashing;
  #size: number;
  /** `#levels[l]` is the complete subtree of 2^l leaves at the right edge, where bit l of the size is set. */
  #levels: (Uint8Array | undefined)[];

  constructor(hashing: Hashing, state: FrontierState = { size: 0, hashes: [] }) {
    this.#hashing = hashing;
    this.#size = state.size;
    this.#levels = toLevels(state);
  }

  get size(): number {
    return this.#size;
  }

  /** A copy that advances on its own. */
  clone(): Frontier {
    return new Frontier(this.#hashing, this.state());
  }

  state(): FrontierState {
    const hashes = this.#levels.filter((hash) => hash !== undefined).reverse();
    return { size: this.#size, hashes };
  }

  root(): Uint8Array {
    return this.#size === 0 ? emptyRoot(this.#hashing) : foldRight(this.#hashing, this.state().hashes);
  }

  /** Appends one leaf by its hash. */
  append(leaf: Uint8Array): void {
    this.appendNode(0, leaf);
  }

  /**
   * Appends a complete subtree of 2^level leaves by its root. The size must be a multiple of 2^level, because
   * only there does such a subtree start; else `TREE_RANGE_INVALID`.
   */
  appendNode(level: number, hash: Uint8Array): void {
    const span = 2 ** level;
    if (this.#size % span !== 0 || !isSize(this.#size + span) || hash.length !== HASH_SIZE)
      fail('TREE_RANGE_INVALID', `no subtree of ${span} leaves can start at ${this.#size}`);
    let node = hash;
    let at = level;
    for (let left = this.#levels[at]; left !== undefined; left = this.#levels[at]) {
      node = nodeHash(this.#hashing, left, node);
      this.#levels[at] = undefined;
      at += 1;
    }
    this.#levels[at] = node;
    this.#size += span;
  }

  /** Appends leaves by their hashes, and keeps what their proofs at the new size need. */
  appendBatch(leaves: readonly Uint8Array[]): Batch {
    const first = this.#size;
    const size = first + leaves.length;
    if (!isSize(size)) fail('TREE_RANGE_INVALID', `a tree cannot have ${size} leaves`);
    const rows = growRows(this.#hashing, this.#levels, first, leaves);
    this.#size = size;
    this.#levels = rightEdge(rows, size);
    const root = this.root();
    let edges: (Uint8Array | undefined)[] | null = null;
    return {
      first,
      size,
      root,
      proof: (i) => {
        if (!Number.isInteger(i) || i < 0 || i >= leaves.length)
          fail('TREE_RANGE_INVALID', `leaf ${i} is not in a batch of ${leaves.length}`);
        edges ??= incompleteEdges(this.#hashing, rows, size);
        return batchProof(rows, edges, first + i, size);
      },
    };
  }
}

/** The known complete nodes of one level: `nodes[0]` has index `base`, which is even. */
interface Row {
  readonly base: number;
  readonly nodes: Uint8Array[];
}

function toLevels({ size, hashes }: FrontierState): (Uint8Array | undefined)[] {
  if (!isSize(size)) fail('FRONTIER_INVALID', `${size} is no tree size`);
  const levels: (Uint8Array | undefined)[] = [];
  let next = hashes.length;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) {
    const hash = rest % 2 === 1 ? hashes[--next] : undefined;
    if (rest % 2 === 1 && hash?.length !== HASH_SIZE)
      fail('FRONTIER_INVALID', `size ${size} needs one 32-byte hash for each of its one bits`);
    levels.push(hash);
  }
  if (next !== 0) fail('FRONTIER_INVALID', `size ${size} needs ${hashes.length - next} hashes`);
  return levels;
}

/**
 * Level by level: the right-edge node that was there before, then the new ones. A level's base is even, so its
 * nodes pair up from the start.
 */
function growRows(
  hashing: Hashing,
  levels: readonly (Uint8Array | undefined)[],
  size: number,
  leaves: readonly Uint8Array[],
): Row[] {
  const rows: Row[] = [];
  let fresh: readonly Uint8Array[] = leaves;
  let index = size;
  for (let level = 0; level < levels.length || fresh.length > 0; level++) {
    const before = levels[level];
    const nodes = before === undefined ? [...fresh] : [before, ...fresh];
    rows.push({ base: before === undefined ? index : index - 1, nodes });
    const parents: Uint8Array[] = [];
    // A right-edge node with nothing new beside it makes no parent.
    for (let i = 0; i + 1 < nodes.length; i += 2)
      parents.push(nodeHash(hashing, nodes[i] as Uint8Array, nodes[i + 1] as Uint8Array));
    fresh = parents;
    index = Math.floor(index / 2);
  }
  return rows;
}

/** The new frontier: where bit l of the size is set, the last complete node of level l. */
function rightEdge(rows: readonly Row[], size: number): (Uint8Array | undefined)[] {
  let rest = size;
  return rows.map(({ nodes }) => {
    const hash = rest % 2 === 1 ? nodes[nodes.length - 1] : undefined;
    rest = Math.floor(rest / 2);
    return hash;
  });
}

/** `edges[l]`: the hash over the leaves after the last complete node of level l, where there are any. */
function incompleteEdges(hashing: Hashing, rows: readonly Row[], size: number): (Uint8Array | undefined)[] {
  const edges: (Uint8Array | undefined)[] = [undefined];
  let rest = size;
  for (const { nodes } of rows) {
    const below = edges[edges.length - 1];
    const last = nodes[nodes.length - 1];
    const joins = rest % 2 === 1 && last !== undefined;
    edges.push(joins ? (below === undefined ? last : nodeHash(hashing, last, below)) : below);
    rest = Math.floor(rest / 2);
  }
  return edges;
}

function batchProof(
  rows: readonly Row[],
  edges: readonly (Uint8Array | undefined)[],
  index: number,
  size: number,
): Uint8Array[] {
  const proof: Uint8Array[] = [];
  let at = index;
  let complete = size;
  for (let level = 0; level < rows.length; level++) {
    const { base, nodes } = rows[level] as Row;
    const sibling = at % 2 === 1 ? at - 1 : at + 1;
    // A sibling past the last complete node is the incomplete edge, or there is none at this level.
    const hash = sibling < complete ? nodes[sibling - base] : sibling === complete ? edges[level] : undefined;
    if (hash !== undefined) proof.push(hash);
    at = Math.floor(at / 2);
    complete = Math.floor(complete / 2);
  }
  return proof;
}

/** `u64be(size) ‖ hashes`: at most 1,704 bytes. */
export function encodeFrontier(state: FrontierState): Uint8Array {
  toLevels(state);
  return concat(u64be(state.size), ...state.hashes);
}

export function decodeFrontier(bytes: Uint8Array): FrontierState {
  if (bytes.length < 8 || (bytes.length - 8) % HASH_SIZE !== 0 || bytes.length > 8 + 53 * HASH_SIZE)
    throw new ParseError('FRONTIER_INVALID', `a frontier cannot have ${bytes.length} bytes`, 0);
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
  const hashes: Uint8Array[] = [];
  for (let at = 8; at < bytes.length; at += HASH_SIZE) hashes.push(bytes.slice(at, at + HASH_SIZE));
  const state: FrontierState = { size, hashes };
  toLevels(state);
  return state;
}
