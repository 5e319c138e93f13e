import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto as hash } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  decodeFrontier,
  encodeFrontier,
  Frontier,
  leafHash,
  rootOf,
  verifyInclusion,
} from '../../src/log/index.ts';

const leaves = Array.from({ length: 700 }, (_, i) => leafHash(hash, utf8(`leaf ${i}`)));

describe('the frontier', () => {
  it('has the root of the whole tree after each leaf', () => {
    const frontier = new Frontier(hash);
    for (let size = 0; size <= 300; size++) {
      expect(toHex(frontier.root())).toBe(toHex(rootOf(hash, leaves.slice(0, size))));
      frontier.append(leaves[size] as Uint8Array);
    }
  });

  it('proves every leaf of a batch at the new size, whatever was there before', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer({ min: 1, max: 300 }), (before, count) => {
        const frontier = new Frontier(hash);
        frontier.appendBatch(leaves.slice(0, before));
        const batch = frontier.appendBatch(leaves.slice(before, before + count));
        expect(batch).toMatchObject({ first: before, size: before + count });
        expect(toHex(batch.root)).toBe(toHex(rootOf(hash, leaves.slice(0, before + count))));
        expect(toHex(frontier.root())).toBe(toHex(batch.root));
        for (let i = 0; i < count; i += 1 + (i % 7))
          verifyInclusion(hash, {
            index: before + i,
            size: batch.size,
            leafHash: leaves[before + i] as Uint8Array,
            proof: batch.proof(i),
            root: batch.root,
          });
        expect(() => batch.proof(count)).toFailWith('TREE_RANGE_INVALID');
      }),
      { numRuns: 60 },
    );
  });

  it('goes on from its stored bytes, at most 2 KiB', () => {
    fc.assert(
      fc.property(fc.nat(400), fc.nat(200), (before, more) => {
        const frontier = new Frontier(hash);
        frontier.appendBatch(leaves.slice(0, before));
        const bytes = encodeFrontier(frontier.state());
        expect(bytes.length).toBeLessThanOrEqual(2_048);
        const restored = new Frontier(hash, decodeFrontier(bytes));
        restored.appendBatch(leaves.slice(before, before + more));
        expect(toHex(restored.root())).toBe(toHex(rootOf(hash, leaves.slice(0, before + more))));
      }),
      { numRuns: 60 },
    );
  });

  it('takes whole subtrees where they can start, and nowhere else', () => {
    const frontier = new Frontier(hash);
    frontier.appendNode(8, rootOf(hash, leaves.slice(0, 256)));
    frontier.appendNode(8, rootOf(hash, leaves.slice(256, 512)));
    frontier.append(leaves[512] as Uint8Array);
    expect(toHex(frontier.root())).toBe(toHex(rootOf(hash, leaves.slice(0, 513))));
    expect(() => frontier.appendNode(8, leaves[0] as Uint8Array)).toFailWith('TREE_RANGE_INVALID');
    expect(() => frontier.append(new Uint8Array(31))).toFailWith('TREE_RANGE_INVALID');
  });

  it('copies advance on their own', () => {
    const frontier = new Frontier(hash);
    frontier.appendBatch(leaves.slice(0, 5));
    const before = toHex(frontier.root());
    frontier.clone().appendBatch(leaves.slice(5, 9));
    expect(toHex(frontier.root())).toBe(before);
  });

  it('refuses stored state whose hashes do not fit the size', () => {
    const { size, hashes } = (() => {
      const frontier = new Frontier(hash);
      frontier.appendBatch(leaves.slice(0, 7));
      return frontier.state();
    })();
    expect(() => new Frontier(hash, { size, hashes: hashes.slice(1) })).toFailWith('FRONTIER_INVALID');
    expect(() => new Frontier(hash, { size: size + 1, hashes })).toFailWith('FRONTIER_INVALID');
    expect(() => new Frontier(hash, { size: -1, hashes })).toFailWith('FRONTIER_INVALID');
    const bytes = encodeFrontier({ size, hashes });
    expect(() => decodeFrontier(bytes.slice(0, -1))).toFailWith('FRONTIER_INVALID');
    expect(() => decodeFrontier(new Uint8Array(7))).toFailWith('FRONTIER_INVALID');
    expect(() => decodeFrontier(new Uint8Array(8).fill(0xff))).toFailWith('FRONTIER_INVALID');
  });
});
