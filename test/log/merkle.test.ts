import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { fromBase64 } from '../../src/codec/base64.ts';
import {
  buildConsistencyProof,
  buildInclusionProof,
  inclusionProof,
  isSubtree,
  leafHash,
  nodeHash,
  rangeNodes,
  rootOf,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
} from '../../src/log/index.ts';
import { CORPUS, corpusText, missing } from '../support/corpus.ts';

interface Vector {
  readonly desc: string;
  readonly wantErr: boolean;
  readonly proof: readonly string[] | null;
  readonly leafIdx: number;
  readonly leafHash: string;
  readonly treeSize: number;
  readonly root: string;
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
  readonly start: number;
  readonly end: number;
  readonly size: number;
}

const hash = nodeCrypto;
const hashes = (texts: readonly string[] | null): Uint8Array[] =>
  (texts ?? []).map((text) => fromBase64(text));

/** How each vector file asks its question; null hashes in a vector are empty byte strings. */
const RUNNERS: Readonly<Record<string, (v: Vector) => void>> = {
  inclusion: (v) =>
    verifyInclusion(hash, {
      index: v.leafIdx,
      size: v.treeSize,
      leafHash: fromBase64(v.leafHash ?? ''),
      proof: hashes(v.proof),
      root: fromBase64(v.root ?? ''),
    }),
  consistency: (v) =>
    verifyConsistency(hash, {
      size1: v.size1,
      size2: v.size2,
      root1: fromBase64(v.root1 ?? ''),
      root2: fromBase64(v.root2 ?? ''),
      proof: hashes(v.proof),
    }),
  // A subtree is a tree of its own, so a leaf's place in it counts from its start.
  subtreeinclusion: (v) => {
    if (!isSubtree(v.start, v.end)) throw new Error('not a subtree');
    verifyInclusion(hash, {
      index: v.leafIdx - v.start,
      size: v.end - v.start,
      leafHash: fromBase64(v.leafHash ?? ''),
      proof: hashes(v.proof),
      root: fromBase64(v.root ?? ''),
    });
  },
  subtreeconsistency: (v) =>
    verifySubtreeConsistency(hash, {
      start: v.start,
      end: v.end,
      size: v.size,
      subtree: fromBase64(v.root1 ?? ''),
      root: fromBase64(v.root2 ?? ''),
      proof: hashes(v.proof),
    }),
};

const VECTORS = { inclusion: 69, consistency: 65, subtreeinclusion: 118, subtreeconsistency: 71 } as const;

describe.each(Object.entries(VECTORS))('recorded %s proofs', (name, count) => {
  if (CORPUS === null) it.skip(missing(`merkle/${name}`, count));
  else
    it(`gives the outcome of all ${count} vectors`, () => {
      const lines = corpusText('tlog', `merkle/${name}.jsonl`).trimEnd().split('\n');
      const wrong: string[] = [];
      for (const line of lines) {
        const { path, vector } = JSON.parse(line) as { path: string; vector: Vector };
        let failed = false;
        try {
          RUNNERS[name]?.(vector);
        } catch {
          failed = true;
        }
        if (failed !== vector.wantErr) wrong.push(path);
      }
      expect(wrong).toEqual([]);
      expect(lines).toHaveLength(count);
    });
});

describe('the reference tree of RFC 6962', () => {
  if (CORPUS === null) it.skip(missing('merkle/rfc6962-reference-tree.json', 1));
  else
    it('has the recorded root at each size', () => {
      const tree = JSON.parse(corpusText('tlog', 'merkle/rfc6962-reference-tree.json')) as {
        leaf_inputs_hex: string[];
        perfect_nodes_hex_by_level: string[][];
        root_hex_by_size: string[];
      };
      const leaves = tree.leaf_inputs_hex.map((hex) => leafHash(hash, fromHex(hex)));
      expect(leaves.map(toHex)).toEqual(tree.perfect_nodes_hex_by_level[0]);
      for (const [size, root] of Object.entries(tree.root_hex_by_size))
        expect(toHex(rootOf(hash, leaves.slice(0, Number(size))))).toBe(root);
    });
});

const leavesOf = (size: number): Uint8Array[] =>
  Array.from({ length: size }, (_, i) => leafHash(hash, utf8(`leaf ${i}`)));

/** The hash of a complete node, straight from the definition. */
const reader = (leaves: readonly Uint8Array[]) => (level: number, index: number) =>
  rootOf(hash, leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));

/** RFC 6962 section 2.1.1 as it is written, to compare with. */
function pathByDefinition(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (leaves.length === 1) return [];
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split
    ? [...pathByDefinition(left, index), rootOf(hash, right)]
    : [...pathByDefinition(right, index - split), rootOf(hash, left)];
}

describe('proofs that are built here', () => {
  const leaves = leavesOf(70);

  it('are those of the definition and verify, for every leaf of every tree of up to 40 leaves', () => {
    for (let size = 1; size <= 40; size++) {
      const tree = leaves.slice(0, size);
      const root = rootOf(hash, tree);
      for (let index = 0; index < size; index++) {
        const proof = buildInclusionProof(hash, reader(tree), index, size);
        expect(proof.map(toHex)).toEqual(pathByDefinition(tree, index).map(toHex));
        expect(inclusionProof(hash, tree, index).map(toHex)).toEqual(proof.map(toHex));
        verifyInclusion(hash, { index, size, leafHash: tree[index] as Uint8Array, proof, root });
      }
    }
  });

  it('show consistency between any two sizes, and with no other root', () => {
    const roots = Array.from({ length: 41 }, (_, size) => rootOf(hash, leaves.slice(0, size)));
    for (let size2 = 1; size2 <= 40; size2++)
      for (let size1 = 1; size1 <= size2; size1++) {
        const proof = buildConsistencyProof(hash, reader(leaves), size1, size2);
        const claim = {
          size1,
          size2,
          root1: roots[size1] as Uint8Array,
          root2: roots[size2] as Uint8Array,
          proof,
        };
        verifyConsistency(hash, claim);
        const other = roots[size1 === 1 ? 2 : 1] as Uint8Array;
        expect(() => verifyConsistency(hash, { ...claim, root1: other })).toFailWith('CONSISTENCY_INVALID');
      }
  });

  it('work beyond 2^32 leaves, where bitwise operators would not', () => {
    // All leaves alike, so that a node's hash depends on its level only.
    const levels = [leafHash(hash, utf8('same'))];
    for (let i = 0; i < 50; i++)
      levels.push(nodeHash(hash, levels[i] as Uint8Array, levels[i] as Uint8Array));
    const read = (level: number) => levels[level] as Uint8Array;
    const fold = (size: number) =>
      rangeNodes({ start: 0, end: size })
        .map(({ level }) => read(level))
        .reduceRight((right, left) => nodeHash(hash, left, right));
    const size = 2 ** 40 + 12_345;
    for (const index of [0, 2 ** 33 + 7, 2 ** 40 - 1, 2 ** 40, size - 1]) {
      const proof = buildInclusionProof(hash, read, index, size);
      verifyInclusion(hash, { index, size, leafHash: read(0), proof, root: fold(size) });
    }
    const size1 = 2 ** 35 + 99;
    const proof = buildConsistencyProof(hash, read, size1, size);
    verifyConsistency(hash, { size1, size2: size, root1: fold(size1), root2: fold(size), proof });
  });

  it('do not verify after any change of a byte, a length or an order', () => {
    const size = 37;
    const tree = leaves.slice(0, size);
    const root = rootOf(hash, tree);
    fc.assert(
      fc.property(
        fc.nat(size - 1),
        fc.nat(),
        fc.nat(31),
        fc.integer({ min: 1, max: 255 }),
        (index, at, byte, x) => {
          const proof = inclusionProof(hash, tree, index).map((h) => h.slice());
          const claim = { index, size, leafHash: tree[index] as Uint8Array, root };
          const flipped = proof.map((h) => h.slice());
          (flipped[at % proof.length] as Uint8Array)[byte]! ^= x;
          for (const bad of [
            flipped,
            proof.slice(1),
            [...proof, root],
            [root, ...proof],
            [...proof].reverse(),
          ]) {
            if (
              bad.length === proof.length &&
              bad.every((h, i) => toHex(h) === toHex(proof[i] as Uint8Array))
            )
              continue;
            expect(() => verifyInclusion(hash, { ...claim, proof: bad })).toFailWith('INCLUSION_INVALID');
          }
          const other = (index + 1 + (at % (size - 1))) % size;
          expect(() => verifyInclusion(hash, { ...claim, index: other, proof })).toFailWith(
            'INCLUSION_INVALID',
          );
        },
      ),
    );
  });

  it('are not built for what is not in the tree', () => {
    expect(() => buildInclusionProof(hash, reader(leaves), 3, 3)).toFailWith('TREE_RANGE_INVALID');
    expect(() => buildInclusionProof(hash, reader(leaves), -1, 3)).toFailWith('TREE_RANGE_INVALID');
    expect(() => buildInclusionProof(hash, reader(leaves), 0.5, 3)).toFailWith('TREE_RANGE_INVALID');
    expect(() => buildConsistencyProof(hash, reader(leaves), 0, 3)).toFailWith('TREE_RANGE_INVALID');
    expect(() => buildConsistencyProof(hash, reader(leaves), 4, 3)).toFailWith('TREE_RANGE_INVALID');
    expect(() => inclusionProof(hash, leaves, 70)).toFailWith('TREE_RANGE_INVALID');
  });

  it('do not take an inner node for a leaf', () => {
    const two = leaves.slice(0, 2);
    const inner = nodeHash(hash, two[0] as Uint8Array, two[1] as Uint8Array);
    const asData = Uint8Array.from([...(two[0] as Uint8Array), ...(two[1] as Uint8Array)]);
    expect(toHex(leafHash(hash, asData))).not.toBe(toHex(inner));
  });

  it('are of exactly the length that the sizes ask for, even where a longer one leads to the root', () => {
    const [first, second, third] = leaves as [Uint8Array, Uint8Array, Uint8Array];
    const above = nodeHash(hash, second, first);
    const claim = { index: 0, size: 1, leafHash: first, proof: [second], root: above };
    expect(() => verifyInclusion(hash, claim)).toFailWith('INCLUSION_INVALID');
    const grown = nodeHash(hash, third, nodeHash(hash, first, second));
    const steps = { size1: 1, root1: first, size2: 2, root2: grown, proof: [second, third] };
    expect(() => verifyConsistency(hash, steps)).toFailWith('CONSISTENCY_INVALID');
  });

  it('are of subtrees that lie in the tree', () => {
    const root = rootOf(hash, leaves.slice(0, 4));
    const beyond = { start: 0, end: 4, size: 3, subtree: root, root, proof: [] };
    expect(() => verifySubtreeConsistency(hash, beyond)).toFailWith('CONSISTENCY_INVALID');
    expect([isSubtree(0, 3), isSubtree(2, 4), isSubtree(4, 7)]).toEqual([true, true, true]);
    expect([isSubtree(1, 3), isSubtree(2, 5), isSubtree(3, 3)]).toEqual([false, false, false]);
  });
});
