/**
 * The RFC 6962 Merkle tree with SHA-256 (RFC 6962 section 2.1; RFC 9162 section 2.1 gives the same hashes and
 * the verification loops).
 *
 * Sizes and indexes are JavaScript safe integers, so bits are taken by division: `>>` would cut them to 32 bits.
 */
import { equalBytes } from '../base/bytes.ts';
import type { Hashing } from '../base/crypto.ts';
import { fail } from '../base/errors.ts';

/** Bytes of every hash in the tree. */
export const HASH_SIZE = 32;

/** No proof in a tree of at most 2^53 leaves needs more hashes; longer ones are refused before any hashing. */
export const MAX_PROOF: number = 53 * 2;

const LEAF_PREFIX = Uint8Array.of(0);

/** One input buffer for every inner node: hashing is synchronous, so it is never in use twice. */
const nodeInput = new Uint8Array(1 + 2 * HASH_SIZE);
nodeInput[0] = 1;

/** `SHA-256(0x00 ‖ data)`: the prefix keeps an inner node from being passed off as a leaf. */
export function leafHash(hashing: Hashing, data: Uint8Array): Uint8Array {
  return hashing.sha256(LEAF_PREFIX, data);
}

/** `SHA-256(0x01 ‖ left ‖ right)`; both are 32 bytes. */
export function nodeHash(hashing: Hashing, left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_SIZE);
  return hashing.sha256(nodeInput);
}

/** The root of a tree without leaves: `SHA-256("")`. */
export function emptyRoot(hashing: Hashing): Uint8Array {
  return hashing.sha256(new Uint8Array(0));
}

/** The root over leaf hashes in order. */
export function rootOf(hashing: Hashing, leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return emptyRoot(hashing);
  let row: readonly Uint8Array[] = leaves;
  while (row.length > 1) row = parents(hashing, row);
  return row[0] as Uint8Array;
}

/** One level up. A node without a sibling rises unchanged: the split at the largest power of two. */
function parents(hashing: Hashing, row: readonly Uint8Array[]): Uint8Array[] {
  const next: Uint8Array[] = [];
  for (let i = 0; i + 1 < row.length; i += 2)
    next.push(nodeHash(hashing, row[i] as Uint8Array, row[i + 1] as Uint8Array));
  if (row.length % 2 === 1) next.push(row[row.length - 1] as Uint8Array);
  return next;
}

/**
 * The inclusion proof of leaf `index` in a tree that is small enough to hold: all its leaf hashes.
 * Throws `TREE_RANGE_INVALID` for an index outside it. Large trees: `proofs.ts`.
 */
export function inclusionProof(hashing: Hashing, leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length)
    fail('TREE_RANGE_INVALID', `leaf ${index} is not in a tree of ${leaves.length}`);
  const proof: Uint8Array[] = [];
  let row: readonly Uint8Array[] = leaves;
  for (let at = index; row.length > 1; at >>>= 1) {
    const sibling = row[at ^ 1];
    if (sibling !== undefined) proof.push(sibling);
    row = parents(hashing, row);
  }
  return proof;
}

/** Whether `value` can be a tree size. */
export function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

const half = (value: number): number => Math.floor(value / 2);
const isOdd = (value: number): boolean => value % 2 === 1;

function checkHashes(hashes: readonly Uint8Array[], code: 'INCLUSION_INVALID' | 'CONSISTENCY_INVALID'): void {
  if (hashes.length > MAX_PROOF) fail(code, `a proof of ${hashes.length} hashes is longer than any tree`);
  for (const hash of hashes)
    if (hash.length !== HASH_SIZE) fail(code, `a proof hash has ${hash.length} bytes, not ${HASH_SIZE}`);
}

/**
 * The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2).
 * The proof must have exactly the length that index and size ask for; else `INCLUSION_INVALID`.
 */
export function rootFromInclusion(
  hashing: Hashing,
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
): Uint8Array {
  if (!isSize(size) || !isSize(index) || index >= size)
    fail('INCLUSION_INVALID', `leaf ${index} is not in a tree of ${size}`);
  checkHashes([leaf, ...proof], 'INCLUSION_INVALID');
  let first = index;
  let last = size - 1;
  let root = leaf;
  for (const sibling of proof) {
    if (last === 0) fail('INCLUSION_INVALID', 'the proof is longer than the path to the root');
    if (isOdd(first) || first === last) {
      root = nodeHash(hashing, sibling, root);
      // Levels at which this node has no sibling carry no hash.
      while (!isOdd(first) && first !== 0) {
        first = half(first);
        last = half(last);
      }
    } else root = nodeHash(hashing, root, sibling);
    first = half(first);
    last = half(last);
  }
  if (last !== 0) fail('INCLUSION_INVALID', 'the proof is shorter than the path to the root');
  return root;
}

export interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** Throws `INCLUSION_INVALID` unless the leaf stands at `index` of the tree of `size` leaves with this root. */
export function verifyInclusion(hashing: Hashing, claim: Inclusion): void {
  const root = rootFromInclusion(hashing, claim.index, claim.size, claim.leafHash, claim.proof);
  if (!equalBytes(root, claim.root)) fail('INCLUSION_INVALID', 'the proof leads to another root');
}

export interface Consistency {
  readonly size1: number;
  readonly root1: Uint8Array;
  readonly size2: number;
  readonly root2: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * Throws `CONSISTENCY_INVALID` unless the tree of `size2` extends the tree of `size1` (RFC 9162 section 2.1.4.2).
 * A tree of size 0 is a prefix of every tree, so a claim from 0 would prove nothing and is refused.
 */
export function verifyConsistency(hashing: Hashing, claim: Consistency): void {
  const { size1, root1, size2, root2, proof } = claim;
  if (size1 === 0) fail('CONSISTENCY_INVALID', 'an empty tree is consistent with anything');
  verifySubtreeConsistency(hashing, {
    start: 0,
    end: size1,
    size: size2,
    subtree: root1,
    root: root2,
    proof,
  });
}

export interface SubtreeConsistency {
  readonly start: number;
  readonly end: number;
  readonly size: number;
  /** Root over the leaves `start..end-1`. */
  readonly subtree: Uint8Array;
  /** Root over all `size` leaves. */
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Whether `[start, end)` is a subtree: `start` is a multiple of the power of two that covers the range. */
export function isSubtree(start: number, end: number): boolean {
  if (!isSize(start) || !isSize(end) || start >= end) return false;
  let span = 1;
  while (span < end - start) span *= 2;
  return start % span === 0;
}

/** The subtree's first and last node and the tree's last node, at one level. */
interface Climb {
  readonly first: number;
  readonly edge: number;
  readonly last: number;
}

function rise({ first, edge, last }: Climb): Climb {
  return { first: half(first), edge: half(edge), last: half(last) };
}

function compareKnown(hashing: Hashing, { start, end, subtree, root, proof }: SubtreeConsistency): void {
  if (proof.length > 0) fail('CONSISTENCY_INVALID', 'there is nothing to prove, but the proof is not empty');
  if (!equalBytes(subtree, start === end ? emptyRoot(hashing) : root))
    fail('CONSISTENCY_INVALID', 'the roots differ');
}

/**
 * Throws `CONSISTENCY_INVALID` unless the subtree `[start, end)` belongs to the tree (Merkle Tree Certificates,
 * draft-ietf-plants-merkle-tree-certs section 4.4; with `start` 0 it is RFC 9162 section 2.1.4.2).
 */
export function verifySubtreeConsistency(hashing: Hashing, claim: SubtreeConsistency): void {
  const { start, end, size, proof } = claim;
  if (!isSize(size) || end > size || !(isSubtree(start, end) || (start === end && isSize(start))))
    fail('CONSISTENCY_INVALID', `[${start}, ${end}) is no subtree of a tree of ${size}`);
  // Nothing is hashed for an empty range or the whole tree: what is known is compared.
  if (start === end || end - start === size) return compareKnown(hashing, claim);
  checkHashes([claim.subtree, claim.root, ...proof], 'CONSISTENCY_INVALID');
  let at: Climb = { first: start, edge: end - 1, last: size - 1 };
  while (at.first !== at.edge && (at.edge === at.last || isOdd(at.edge))) at = rise(at);
  // A complete subtree is itself a node of the larger tree, and the proof starts from it.
  const seed = at.first === at.edge ? claim.subtree : proof[0];
  if (seed === undefined) return fail('CONSISTENCY_INVALID', 'the proof is empty');
  let subtree = seed;
  let root = seed;
  for (const hash of at.first === at.edge ? proof : proof.slice(1)) {
    if (at.last === 0) fail('CONSISTENCY_INVALID', 'the proof is longer than the path to the root');
    if (isOdd(at.edge) || at.edge === at.last) {
      if (at.first < at.edge) subtree = nodeHash(hashing, hash, subtree);
      root = nodeHash(hashing, hash, root);
      while (!isOdd(at.edge) && at.edge !== 0) at = rise(at);
    } else root = nodeHash(hashing, root, hash);
    at = rise(at);
  }
  if (at.last !== 0) fail('CONSISTENCY_INVALID', 'the proof is shorter than the path to the root');
  if (!equalBytes(subtree, claim.subtree)) fail('CONSISTENCY_INVALID', 'the proof leads to another old root');
  if (!equalBytes(root, claim.root)) fail('CONSISTENCY_INVALID', 'the proof leads to another new root');
}
