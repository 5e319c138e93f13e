import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  decodeEntries,
  decodeTile,
  encodeEntries,
  encodeTile,
  entriesPath,
  entriesPathFor,
  leafHash,
  parseTileIndex,
  parseTileLevel,
  parseTilePath,
  TILE_WIDTH,
  tilePath,
  tileWidth,
} from '../../src/log/index.ts';
import { CORPUS, corpusBytes, corpusText, missing } from '../support/corpus.ts';

interface PathVectors {
  TestEntriesPathForLogIndex: { seq: number; logSize: number; wantPath: string }[];
  TestEntriesPath: { N: number; p?: number; wantPath: string }[];
  TestTilePath: { level: number; index: number; p?: number; wantPath: string }[];
  TestNWithSuffix: { level: number; index: number; p?: number; wantPath: string }[];
  TestParseTileLevelIndexPartial: {
    pathLevel: string;
    pathIndex: string;
    wantErr?: boolean;
    wantLevel: number;
    wantP: number;
  }[];
}

/** In the vectors a width of 0 or none is a full tile. */
const width = (p: number | undefined): number => (p === undefined || p === 0 ? TILE_WIDTH : p);

describe('recorded tile paths', () => {
  if (CORPUS === null) it.skip(missing('tiles/tile-paths.json', 39));
  else {
    const text = corpusText('tlog', 'tiles/tile-paths.json');
    const vectors = JSON.parse(text) as PathVectors;

    it('are written', () => {
      for (const v of vectors.TestEntriesPathForLogIndex)
        expect(entriesPathFor(v.seq, v.logSize)).toBe(v.wantPath);
      for (const v of vectors.TestEntriesPath) expect(entriesPath(v.N, width(v.p))).toBe(v.wantPath);
      for (const v of vectors.TestTilePath) expect(tilePath(v.level, v.index, width(v.p))).toBe(v.wantPath);
      for (const v of vectors.TestNWithSuffix)
        expect(tilePath(v.level, v.index, width(v.p))).toBe(`tile/${v.level}/${v.wantPath}`);
    });

    it('are read', () => {
      // One index is beyond what JSON.parse holds exactly, so the wanted indexes are taken from the text.
      const wanted = [...text.matchAll(/"wantIndex": (\d+)/g)].map(([, digits]) => BigInt(digits!));
      for (const v of vectors.TestParseTileLevelIndexPartial) {
        const parse = () => ({ level: parseTileLevel(v.pathLevel), ...parseTileIndex(v.pathIndex) });
        if (v.wantErr === true) expect(parse).toFailWith('TILE_PATH_INVALID');
        else expect(parse()).toEqual({ level: v.wantLevel, index: wanted.shift(), width: width(v.wantP) });
      }
      expect(wanted).toEqual([]);
    });
  }
});

describe('recorded tiles of a certificate log', () => {
  if (CORPUS === null) it.skip(missing('static-ct', 4));
  else
    it.each([0, 1])('tile %i: every hash is of the entry beside it', (index) => {
      const hashes = decodeTile(corpusBytes('tlog', `static-ct/${tilePath(0, index)}`), TILE_WIDTH);
      const leaves = certificateLeaves(corpusBytes('tlog', `static-ct/tile/data/00${index}`));
      expect(leaves.map((leaf) => toHex(leafHash(nodeCrypto, leaf)))).toEqual(hashes.map(toHex));
    });
});

/**
 * The MerkleTreeLeaf of each TileLeaf (c2sp.org/static-ct-api; RFC 6962 section 3.4): version and leaf type,
 * then timestamp, entry type, the certificate or the issuer hash and TBS, and the extensions.
 */
function certificateLeaves(data: Uint8Array): Uint8Array[] {
  const leaves: Uint8Array[] = [];
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const u24 = (at: number) => (data[at]! << 16) | view.getUint16(at + 1);
  for (let at = 0; at < data.length; ) {
    const start = at;
    const precertificate = view.getUint16(at + 8) === 1;
    at += 10 + (precertificate ? 32 : 0);
    at += 3 + u24(at);
    at += 2 + view.getUint16(at);
    leaves.push(concat(Uint8Array.of(0, 0), data.subarray(start, at)));
    if (precertificate) at += 3 + u24(at);
    at += 2 + view.getUint16(at);
  }
  return leaves;
}

describe('tile widths', () => {
  it('are those of the specification for 70,000 leaves', () => {
    expect(tileWidth(0, 272, 70_000)).toBe(256);
    expect(tileWidth(0, 273, 70_000)).toBe(112);
    expect(tileWidth(1, 0, 70_000)).toBe(256);
    expect(tileWidth(1, 1, 70_000)).toBe(17);
    expect(tileWidth(2, 0, 70_000)).toBe(1);
    expect(tileWidth(3, 0, 70_000)).toBe(0);
    expect(tileWidth(1, 0, 256)).toBe(1);
    expect(tileWidth(0, 1, 256)).toBe(0);
  });
});

describe('paths', () => {
  it('are read back, whatever the tile', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 63 }),
        fc.maxSafeNat(),
        fc.integer({ min: 1, max: 256 }),
        (level, index, w) => {
          expect(parseTilePath(tilePath(level, index, w))).toEqual({
            kind: 'hashes',
            level,
            index,
            width: w,
          });
          expect(parseTilePath(entriesPath(index, w))).toEqual({
            kind: 'entries',
            level: 0,
            index,
            width: w,
          });
        },
      ),
    );
  });

  it.each([
    '',
    'tile',
    'tile/',
    'tile/0',
    'tile/0/',
    '/tile/0/000',
    'tile/0/0',
    'tile/0/00',
    'tile/00/000',
    'tile/0/x000/001',
    'tile/0/000.p/0',
    'tile/0/000.p/01',
    'tile/0/000.p/256',
    'tile/0/000.p/5/',
    'tile/0/../000',
    'tile/0/000\n',
    'tile/entry/000',
    'tile/0/x999/x999/x999/x999/x999/999',
    'tile/64/000',
  ])('are not read: %j', (path) => {
    expect(() => parseTilePath(path)).toFailWith('TILE_PATH_INVALID');
  });

  it('are not written for what is no tile', () => {
    for (const [level, index, w] of [
      [64, 0, 1],
      [-1, 0, 1],
      [0.5, 0, 1],
      [0, -1, 1],
      [0, 0, 0],
      [0, 0, 257],
    ] as const)
      expect(() => tilePath(level, index, w)).toFailWith('TILE_PATH_INVALID');
  });
});

describe('bundles and tiles', () => {
  it('are read back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 256 }),
        (entries) => {
          expect(decodeEntries(encodeEntries(entries), entries.length)).toEqual(entries);
        },
      ),
    );
    const longest = new Uint8Array(65_535).fill(9);
    expect(decodeEntries(encodeEntries([longest]), 1)).toEqual([longest]);
    const hashes = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    expect(decodeTile(encodeTile(hashes), 2)).toEqual(hashes);
  });

  it('hold exactly what their width says', () => {
    const bytes = encodeEntries([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
    for (const [bad, w] of [
      [bytes, 1],
      [bytes, 3],
      [bytes.slice(0, -1), 2],
      [bytes.slice(0, 6), 2],
      [concat(bytes, Uint8Array.of(0)), 2],
      [new Uint8Array(0), 1],
      [bytes, 0],
      [bytes, 257],
      [Uint8Array.of(0xff, 0xff), 1],
    ] as const)
      expect(() => decodeEntries(bad, w)).toFailWith('TILE_INVALID');
    expect(() => decodeTile(new Uint8Array(63), 2)).toFailWith('TILE_INVALID');
    expect(() => decodeTile(new Uint8Array(0), 0)).toFailWith('TILE_INVALID');
    expect(() => encodeTile([])).toFailWith('TILE_INVALID');
    expect(() => encodeTile([new Uint8Array(31)])).toFailWith('TILE_INVALID');
    expect(() => encodeEntries([])).toFailWith('TILE_INVALID');
    expect(() => encodeEntries([new Uint8Array(65_536)])).toFailWith('TILE_INVALID');
  });
});
