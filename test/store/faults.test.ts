import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Store } from '../../host/store/index.ts';
import { faultyDisk, testFolder, testStore } from '../support/ledger.ts';
import { expectedTiles, filesIn, plainBatch, plainCheckpoint, plainLeaves } from '../support/store.ts';

type Call = Parameters<Parameters<typeof faultyDisk>[0]>[0];

/** A store whose next call of one kind, on a path that contains `part`, fails with `code`. */
function failing(folder: string): {
  store: Store;
  break: (call: Call, part: string, code: string | null) => void;
} {
  let fault: { call: Call; part: string; code: string | null } | null = null;
  const disk = faultyDisk((call, path) => {
    if (fault === null || fault.call !== call || !path.includes(fault.part)) return null;
    return fault.code;
  });
  return {
    store: testStore(folder, { disk }),
    break(call, part, code) {
      fault = { call, part, code };
    },
  };
}

const stage = (store: Store, session: number, from: number, to: number): Promise<void> =>
  store.stage(session, plainBatch(from, plainLeaves(from, to)));

describe('a failing fdatasync', () => {
  it('is not acknowledged; nothing is served until the disk has been read again', async () => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    await stage(store, session, 0, 5);
    disk.break('datasync', '.wal', 'EIO');
    await expect(stage(store, session, 5, 8)).toRejectWith('STORE_FSYNC_FAILED');
    disk.break('datasync', '.wal', null);
    // The disk works again, but what the kernel still holds of the file may never have reached it.
    await expect(stage(store, session, 5, 8)).toRejectWith('STORE_FSYNC_FAILED');
    await expect(store.staged(0)).toRejectWith('STORE_FSYNC_FAILED');
    await expect(store.read('keyring', 0)).toRejectWith('STORE_FSYNC_FAILED');
    await expect(store.put(session, 'keyring', new Uint8Array(1))).toRejectWith('STORE_FSYNC_FAILED');
    await expect(store.publish(session, plainCheckpoint(plainLeaves(0, 5)))).toRejectWith(
      'STORE_FSYNC_FAILED',
    );
    const again = await store.open();
    // What was acknowledged is there; the batch in doubt is too, now durable, and the ledger may replace it.
    expect(again.next).toBe(8);
    await stage(store, again.session, 5, 6);
    await store.close();
    expect(await testStore(folder.path).open()).toMatchObject({ next: 6 });
  });

  it('keeps failing at opening while the disk does', async () => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    await stage(store, session, 0, 5);
    disk.break('datasync', '', 'EIO');
    await expect(stage(store, session, 5, 8)).toRejectWith('STORE_FSYNC_FAILED');
    await expect(store.open()).toRejectWith('STORE_FSYNC_FAILED');
    await expect(store.open()).toRejectWith('STORE_FSYNC_FAILED');
    disk.break('datasync', '', null);
    expect(await store.open()).toMatchObject({ published: 0, next: 8 });
    await store.close();
  });

  it('writes the tail afresh at opening, before it serves it', async () => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    await stage(store, session, 0, 5);
    disk.break('datasync', '.wal', 'EIO');
    await expect(stage(store, session, 5, 8)).toRejectWith('STORE_FSYNC_FAILED');
    // The fresh copy is made under another name; only its sync may let the store serve.
    disk.break('datasync', '/tmp/', 'EIO');
    await expect(store.open()).toRejectWith('STORE_FSYNC_FAILED');
    disk.break('rename', '.wal', 'EIO');
    await expect(store.open()).toRejectWith('STORE_IO');
    disk.break('syncDirectory', 'stage', 'EIO');
    await expect(store.open()).toRejectWith('STORE_FSYNC_FAILED');
    disk.break('syncDirectory', '', null);
    expect((await store.open()).next).toBe(8);
    await store.close();
  });

  it.each([
    ['datasync', '/tmp/'],
    ['syncDirectory', '/log'],
  ] as const)('of a tile (%s) leaves the stage as it was', async (call, part) => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    await stage(store, session, 0, 300);
    disk.break(call, part, 'EIO');
    const note = plainCheckpoint(plainLeaves(0, 300));
    await expect(store.publish(session, note)).toRejectWith('STORE_FSYNC_FAILED');
    expect(filesIn(join(folder.path, 'log')).has('checkpoint')).toBe(false);
    disk.break(call, part, null);
    const again = await store.open();
    expect(again).toMatchObject({ published: 0, next: 300 });
    expect(await store.publish(again.session, note)).toBe(300);
    const files = filesIn(join(folder.path, 'log'));
    for (const [path, hex] of expectedTiles(plainLeaves(0, 300))) expect(files.get(path)).toBe(hex);
    await store.close();
  });
});

describe('a failing fsync of a folder', () => {
  it('refuses the first batch of a segment, whose name may be lost', async () => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    disk.break('syncDirectory', '/stage', 'EIO');
    await expect(stage(store, session, 0, 5)).toRejectWith('STORE_FSYNC_FAILED');
    disk.break('syncDirectory', '/stage', null);
    expect(await store.open()).toMatchObject({ next: 0 });
    await store.close();
  });

  it.each([
    ['keyring', ''],
    ['seals/1', '/seals'],
    ['epochs/1', '/epochs'],
  ])('refuses to say that %s is kept', async (path, part) => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    disk.break('syncDirectory', `${folder.path}${part}`, 'EIO');
    await expect(store.put(session, path, new Uint8Array(1))).toRejectWith('STORE_FSYNC_FAILED');
    disk.break('syncDirectory', part, null);
    await store.close();
  });
});

describe('an ending between the tiles and the checkpoint', () => {
  it('leaves the published log whole, with the partial tiles that it needs', async () => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    await stage(store, session, 0, 300);
    await store.publish(session, plainCheckpoint(plainLeaves(0, 300)));
    await stage(store, session, 300, 700);
    disk.break('rename', 'log/checkpoint', 'EIO');
    await expect(store.publish(session, plainCheckpoint(plainLeaves(0, 700)))).toRejectWith('STORE_IO');
    await store.close();
    const after = testStore(folder.path);
    const opened = await after.open();
    expect(opened).toMatchObject({ published: 300, next: 700 });
    await after.publish(opened.session, plainCheckpoint(plainLeaves(0, 700)));
    expect(filesIn(join(folder.path, 'log')).has('tile/0/001.p/44')).toBe(false);
    await after.close();
  });
});

describe('a full disk', () => {
  it('refuses the batch that does not fit, and serves on when there is room', async () => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    await stage(store, session, 0, 5);
    for (const code of ['ENOSPC', 'EDQUOT']) {
      disk.break('write', '.wal', code);
      await expect(stage(store, session, 5, 8)).toRejectWith('STORE_FULL');
    }
    expect((await store.staged(4))?.count).toBe(5);
    disk.break('write', '.wal', null);
    await stage(store, session, 5, 7);
    expect((await store.open()).next).toBe(7);
    await store.close();
  });

  it('does not open without headroom', async () => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    disk.break('write', 'tmp/', 'ENOSPC');
    await expect(store.open()).toRejectWith('STORE_FULL');
    disk.break('write', 'tmp/', null);
    expect(await store.open()).toMatchObject({ next: 0 });
    await store.close();
  });

  it('that refused bytes has to prove its headroom before the next session', async () => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    await stage(store, session, 0, 5);
    disk.break('write', '.wal', 'ENOSPC');
    await expect(stage(store, session, 5, 8)).toRejectWith('STORE_FULL');
    disk.break('write', 'tmp/', 'ENOSPC');
    await expect(store.open()).toRejectWith('STORE_FULL');
    disk.break('write', 'tmp/', null);
    expect(await store.open()).toMatchObject({ next: 5 });
    await store.close();
  });

  it('gets back the room that a file which did not fit has taken', async () => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    for (const call of ['write', 'rename', 'datasync'] as const) {
      disk.break(call, call === 'rename' ? 'keyring' : 'tmp/', 'ENOSPC');
      const code = call === 'datasync' ? 'STORE_FSYNC_FAILED' : 'STORE_FULL';
      await expect(store.put(session, 'keyring', new Uint8Array(9))).toRejectWith(code);
      expect(filesIn(join(folder.path, 'tmp')).size).toBe(0);
    }
    await store.close();
  });

  it('does not stop the stage when it meets the tiles', async () => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    await stage(store, session, 0, 300);
    const note = plainCheckpoint(plainLeaves(0, 300));
    disk.break('create', 'tmp/', 'ENOSPC');
    await expect(store.publish(session, note)).toRejectWith('STORE_FULL');
    await expect(store.put(session, 'keyring', new Uint8Array(9))).toRejectWith('STORE_FULL');
    await stage(store, session, 300, 310);
    disk.break('create', 'tmp/', null);
    expect(await store.publish(session, note)).toBe(300);
    await store.close();
  });
});

describe('a disk error', () => {
  it.each([
    ['write', 'EIO'],
    ['truncate', 'EIO'],
  ] as const)('in %s stops the store until it is opened again', async (call, code) => {
    using folder = testFolder();
    let fault = false;
    const disk = faultyDisk((at, path) => {
      if (!fault || !path.endsWith('.wal')) return null;
      return at === 'write' ? (call === 'write' ? code : 'ENOSPC') : at === call ? code : null;
    });
    const store = testStore(folder.path, { disk });
    const { session } = await store.open();
    await stage(store, session, 0, 5);
    fault = true;
    await expect(stage(store, session, 5, 8)).toRejectWith('STORE_IO');
    fault = false;
    await expect(stage(store, session, 5, 8)).toRejectWith('STORE_IO');
    const again = await store.open();
    expect(again.next).toBe(5);
    await stage(store, again.session, 5, 8);
    await store.close();
  });

  it('while reading the stage is never served as leaves', async () => {
    using folder = testFolder();
    const { store, ...disk } = failing(folder.path);
    const { session } = await store.open();
    await stage(store, session, 0, 5);
    disk.break('read', '.wal', 'EIO');
    await expect(store.staged(0)).toRejectWith('STORE_IO');
    await store.close();
  });
});
