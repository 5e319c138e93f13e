import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Store } from '../../host/store/index.ts';
import { parseTilePath, tileWidth } from '../../src/log/tile.ts';
import { testFolder, testStore } from '../support/ledger.ts';
import { expectedTiles, filesIn, plainBatch, plainCheckpoint, plainLeaves } from '../support/store.ts';

async function grow(store: Store, session: number, from: number, to: number, step: number): Promise<void> {
  for (let at = from; at < to; at += step)
    await store.stage(session, plainBatch(at, plainLeaves(at, Math.min(at + step, to))));
}

/** Full tiles exactly; partial ones at least those of this size (older ones of the same tile may stay). */
function checkFiles(folder: string, size: number): void {
  const found = filesIn(join(folder, 'log'));
  const wanted = expectedTiles(plainLeaves(0, size));
  for (const [path, hex] of wanted) expect(found.get(path), path).toBe(hex);
  for (const path of found.keys()) {
    if (path === 'checkpoint' || wanted.has(path)) continue;
    const { level, index, width } = parseTilePath(path);
    expect(width, path).toBeLessThan(tileWidth(level, index, size));
    expect(tileWidth(level, index, size), path).toBeLessThan(256);
  }
}

describe('published tiles', () => {
  it.each([1, 255, 256, 257, 511, 512, 700, 65_536 + 300])(
    'are those of tlog-tiles at size %i',
    async (size) => {
      using folder = testFolder();
      const store = testStore(folder.path);
      const { session } = await store.open();
      await grow(store, session, 0, size, 5_000);
      expect(await store.publish(session, plainCheckpoint(plainLeaves(0, size)))).toBe(size);
      checkFiles(folder.path, size);
      const again = await store.open();
      expect(again).toMatchObject({ published: size, next: size });
      await store.close();
    },
  );

  it('are the same whatever the batches, the checkpoints and the restarts', async () => {
    const plan = fc.array(
      fc.record({ leaves: fc.integer({ min: 1, max: 400 }), publish: fc.boolean(), restart: fc.boolean() }),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(plan, async (steps) => {
        using folder = testFolder();
        let store = testStore(folder.path, { limits: { segmentBytes: 4_096 } });
        let { session } = await store.open();
        let size = 0;
        for (const { leaves, publish, restart } of steps) {
          await grow(store, session, size, size + leaves, 37);
          size += leaves;
          if (publish) {
            await store.publish(session, plainCheckpoint(plainLeaves(0, size)));
            checkFiles(folder.path, size);
          }
          if (restart) {
            await store.close();
            store = testStore(folder.path, { limits: { segmentBytes: 4_096 } });
            const opened = await store.open();
            expect(opened.next).toBe(size);
            session = opened.session;
          }
        }
        await store.publish(session, plainCheckpoint(plainLeaves(0, size)));
        checkFiles(folder.path, size);
        await store.close();
      }),
      { numRuns: 12 },
    );
  });

  it('do not appear under a checkpoint that they do not lead to', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const { session } = await store.open();
    await grow(store, session, 0, 300, 300);
    const wrong = plainCheckpoint(plainLeaves(0, 300), new Uint8Array(32));
    await expect(store.publish(session, wrong)).toRejectWith('STORE_TILES_CORRUPT');
    expect(filesIn(join(folder.path, 'log')).has('checkpoint')).toBe(false);
    // Nothing is trusted until the files have been read again; the stage still has every leaf.
    await expect(store.stage(session, plainBatch(300, plainLeaves(300, 301)))).toRejectWith(
      'STORE_TILES_CORRUPT',
    );
    const again = await store.open();
    expect(again).toMatchObject({ published: 0, next: 300 });
    await store.publish(again.session, plainCheckpoint(plainLeaves(0, 300)));
    checkFiles(folder.path, 300);
    await store.close();
  });

  it('are refused at opening when a bit of the right edge has changed', async () => {
    const { readFileSync, writeFileSync } = await import('node:fs');
    using folder = testFolder();
    const store = testStore(folder.path);
    const { session } = await store.open();
    await grow(store, session, 0, 300, 300);
    await store.publish(session, plainCheckpoint(plainLeaves(0, 300)));
    await store.close();
    for (const name of ['tile/0/001.p/44', 'tile/1/000.p/1', 'checkpoint']) {
      const path = join(folder.path, 'log', name);
      const good = readFileSync(path);
      const bad = Buffer.from(good);
      bad[30] = (bad[30] as number) ^ 1;
      writeFileSync(path, bad);
      await expect(testStore(folder.path).open()).toRejectWith('STORE_TILES_CORRUPT');
      writeFileSync(path, good.subarray(0, -1));
      await expect(testStore(folder.path).open()).toRejectWith('STORE_TILES_CORRUPT');
      writeFileSync(path, good);
    }
    const repaired = testStore(folder.path);
    expect(await repaired.open()).toMatchObject({ published: 300 });
    await repaired.close();
  });

  it('answers an older checkpoint with the size that is published', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const { session } = await store.open();
    await grow(store, session, 0, 20, 10);
    await store.publish(session, plainCheckpoint(plainLeaves(0, 20)));
    expect(await store.publish(session, plainCheckpoint(plainLeaves(0, 10)))).toBe(20);
    await expect(store.publish(session, plainCheckpoint(plainLeaves(0, 30)))).toRejectWith(
      'STORE_INDEX_CONFLICT',
    );
    await expect(store.publish(session, 'not a note')).toRejectWith('NOTE_INVALID');
    await store.close();
  });
});
