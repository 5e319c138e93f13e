/** What a store should have on disk, computed the plain way: all leaves at once, no right edge, no stage. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto } from '../../native/crypto.ts';
import { generateSigner } from '../../native/signer.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { formatCheckpoint } from '../../src/log/checkpoint.ts';
import { leafHash, rootOf } from '../../src/log/merkle.ts';
import { noteSigner, signNote } from '../../src/log/note.ts';
import {
  encodeEntries,
  encodeTile,
  entriesPath,
  TILE_WIDTH,
  tilePath,
  tileWidth,
} from '../../src/log/tile.ts';
import type { Batch } from '../../host/store/index.ts';

const signer = noteSigner(nodeCrypto, 'store.example.org', generateSigner('Ed25519'));

/** Leaf `i` of every test log: between 1 and 97 bytes. */
export function plainLeaf(i: number): Uint8Array {
  return utf8(`leaf ${i} ${'.'.repeat(i % 90)}`);
}

export function plainLeaves(from: number, to: number): Uint8Array[] {
  return Array.from({ length: to - from }, (_, i) => plainLeaf(from + i));
}

export function plainBatch(first: number, leaves: readonly Uint8Array[]): Batch {
  let length = 0;
  for (const leaf of leaves) length += 2 + leaf.length;
  const entries = new Uint8Array(length);
  let at = 0;
  for (const leaf of leaves) {
    entries.set([leaf.length >>> 8, leaf.length & 0xff], at);
    entries.set(leaf, at + 2);
    at += 2 + leaf.length;
  }
  return { first, count: leaves.length, note: utf8(`note of ${first}`), entries };
}

export function plainCheckpoint(leaves: readonly Uint8Array[], root?: Uint8Array): string {
  const hashes = leaves.map((leaf) => leafHash(nodeCrypto, leaf));
  const text = formatCheckpoint({
    origin: 'store.example.org',
    size: leaves.length,
    root: root ?? rootOf(nodeCrypto, hashes),
  });
  return signNote(text, [signer]);
}

/** Every file that c2sp.org/tlog-tiles wants for these leaves, by path below `log/`, as hex. */
export function expectedTiles(leaves: readonly Uint8Array[]): Map<string, string> {
  const files = new Map<string, string>();
  for (let index = 0; index * TILE_WIDTH < leaves.length; index++) {
    const width = tileWidth(0, index, leaves.length);
    const entries = leaves.slice(index * TILE_WIDTH, index * TILE_WIDTH + width);
    files.set(entriesPath(index, width), toHex(encodeEntries(entries)));
  }
  let hashes = leaves.map((leaf) => leafHash(nodeCrypto, leaf));
  for (let level = 0; hashes.length > 0; level++) {
    const above: Uint8Array[] = [];
    for (let index = 0; index * TILE_WIDTH < hashes.length; index++) {
      const tile = hashes.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH);
      files.set(tilePath(level, index, tile.length), toHex(encodeTile(tile)));
      if (tile.length === TILE_WIDTH) above.push(rootOf(nodeCrypto, tile));
    }
    hashes = above;
  }
  return files;
}

/** Files below a folder by relative path, as hex. */
export function filesIn(folder: string, below = ''): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) for (const [name, text] of filesIn(folder, path)) files.set(name, text);
    else files.set(path, toHex(readFileSync(join(folder, path))));
  }
  return files;
}
