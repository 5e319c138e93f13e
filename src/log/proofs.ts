/**
 * Building proofs from stored nodes (RFC 6962 sections 2.1.1 and 2.1.2).
 *
 * A proof is a list of leaf ranges; each range is one complete subtree or, at the right edge, a few of them.
 * So a caller whose nodes are far away asks `rangeNodes` first, fetches, and then builds without waiting.
 */
import type { Hashing } from '../base/crypto.ts';
import { fail } from '../base/errors.ts';
import { isSize, nodeHash } from './merkle.ts';

/** The node over leaves `index·2^level .. (index+1)·2^level - 1`, all of which exist. */
export interface NodeId {
  readonly level: number;
  readonly index: number;
}

/** Leaves `start..end-1`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Gives the hash of a complete node; throws when it has none. */
export type ReadNode = (level: number, index: number) => Uint8Array;

/** The largest power of two below `value`, which is at least 2. */
function split(value: number): number {
  let power = 1;
  while (power * 2 < value) power *= 2;
  return power;
}

/** Which ranges an inclusion proof of leaf `index` in a tree of `size` hashes, leaf side first. */
export function inclusionRanges(index: number, size: number): Range[] {
  if (!isSize(size) || !isSize(index) || index >= size)
    fail('TREE_RANGE_INVALID', `leaf ${index} is not in a tree of ${size}`);
  const ranges: Range[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + split(end - start);
    if (index < middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  return ranges.reverse();
}

/** Which ranges a consistency proof from `size1` to `size2` hashes; empty when the sizes are equal. */
export function consistencyRanges(size1: number, size2: number): Range[] {
  if (!isSize(size1) || !isSize(size2) || size1 < 1 || size1 > size2)
    fail('TREE_RANGE_INVALID', `no consistency proof leads from size ${size1} to size ${size2}`);
  const ranges: Range[] = [];
  let start = 0;
  let end = size2;
  while (end !== size1) {
    const middle = start + split(end - start);
    if (size1 <= middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  // The old tree itself starts the proof unless the verifier already knows it as the old root.
  if (start !== 0) ranges.push({ start, end });
  return ranges.reverse();
}

/** The complete nodes that make up a range of a proof, from left (large) to right (small). */
export function rangeNodes(range: Range): NodeId[] {
  const nodes: NodeId[] = [];
  let at = range.start;
  while (at < range.end) {
    let level = 0;
    let span = 1;
    while (at % (span * 2) === 0 && at + span * 2 <= range.end) {
      span *= 2;
      level += 1;
    }
    nodes.push({ level, index: at / span });
    at += span;
  }
  return nodes;
}

/** Folds adjacent subtree hashes, large to small, into the hash over all of them. */
export function foldRight(hashing: Hashing, hashes: readonly Uint8Array[]): Uint8Array {
  let hash = hashes[hashes.length - 1];
  if (hash === undefined) return fail('TREE_RANGE_INVALID', 'a range without leaves has no hash');
  for (let i = hashes.length - 2; i >= 0; i--) hash = nodeHash(hashing, hashes[i] as Uint8Array, hash);
  return hash;
}

function buildProof(hashing: Hashing, read: ReadNode, ranges: readonly Range[]): Uint8Array[] {
  return ranges.map((range) =>
    foldRight(
      hashing,
      rangeNodes(range).map(({ level, index }) => read(level, index)),
    ),
  );
}

/** The inclusion proof of leaf `index` in the tree of `size` leaves, leaf side first. */
export function buildInclusionProof(
  hashing: Hashing,
  read: ReadNode,
  index: number,
  size: number,
): Uint8Array[] {
  return buildProof(hashing, read, inclusionRanges(index, size));
}

/** The consistency proof from `size1` to `size2`; empty when they are equal. */
export function buildConsistencyProof(
  hashing: Hashing,
  read: ReadNode,
  size1: number,
  size2: number,
): Uint8Array[] {
  return buildProof(hashing, read, consistencyRanges(size1, size2));
}
