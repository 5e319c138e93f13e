import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MAX_FILE_BYTES } from '../../host/store/index.ts';
import { toHex } from '../../src/base/hex.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { testFolder, testStore } from '../support/ledger.ts';
import { plainBatch, plainCheckpoint, plainLeaves } from '../support/store.ts';

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251);

describe('the store', () => {
  it('serves the newest session only', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const one = await store.open();
    await store.stage(one.session, plainBatch(0, plainLeaves(0, 2)));
    const two = await store.open();
    expect(two.next).toBe(2);
    expect(two.session).not.toBe(one.session);
    const late = [
      () => store.stage(one.session, plainBatch(2, plainLeaves(2, 3))),
      () => store.publish(one.session, plainCheckpoint(plainLeaves(0, 2))),
      () => store.put(one.session, 'keyring', bytes(3)),
    ];
    for (const call of late) await expect(call()).toRejectWith('STORE_SESSION_ENDED');
    await store.stage(two.session, plainBatch(2, plainLeaves(2, 3)));
    await store.close();
    await expect(store.read('keyring', 0)).toRejectWith('STORE_SESSION_ENDED');
  });

  it('waits for a write in flight before it opens a new session', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const { session } = await store.open();
    const staging = store.stage(session, plainBatch(0, plainLeaves(0, 50)));
    expect((await store.open()).next).toBe(50);
    await staging;
    await store.close();
  });

  it('keeps files whole, and gives them back in parts', async () => {
    using folder = testFolder();
    let store = testStore(folder.path);
    let { session } = await store.open();
    const large = bytes(MAX_FILE_BYTES);
    const object = `objects/${toHex(nodeCrypto.sha256(large))}`;
    await store.put(session, object, large);
    await store.put(session, 'keyring', bytes(10));
    await store.put(session, 'keyring', bytes(7));
    await store.put(session, 'epochs/12', bytes(0));
    await store.put(session, 'seals/0', bytes(5));
    await store.close();
    store = testStore(folder.path);
    ({ session } = await store.open());
    expect(await store.read(object, 0)).toEqual({ found: true, data: large, more: false });
    expect(await store.read(object, 1_000_000)).toEqual({
      found: true,
      data: large.subarray(1_000_000),
      more: false,
    });
    expect(await store.read('keyring', 0)).toEqual({ found: true, data: bytes(7), more: false });
    expect(await store.read('epochs/12', 0)).toEqual({ found: true, data: bytes(0), more: false });
    expect(await store.read('epochs/13', 0)).toMatchObject({ found: false });
    await expect(store.put(session, 'keyring', bytes(MAX_FILE_BYTES + 1))).toRejectWith('STORE_TOO_LARGE');
    writeFileSync(join(folder.path, 'genesis'), bytes(2 * MAX_FILE_BYTES));
    expect((await store.read('genesis', 0)).more).toBe(true);
    expect((await store.read('genesis', MAX_FILE_BYTES)).more).toBe(false);
    await store.close();
  });

  it.each([
    '',
    '.',
    '/etc/passwd',
    '../keyring',
    'objects/../keyring',
    'objects/ABC',
    `objects/${'a'.repeat(63)}`,
    `objects/${'a'.repeat(64)}/x`,
    `objects/${'A'.repeat(64)}`,
    'epochs/01',
    'epochs/-1',
    'epochs/1e3',
    'epochs/99999999999999999',
    'seals/',
    'keyring\0',
    'keyring\n',
    'KEYRING',
    'stage/0000000000000000.wal',
    'tmp/0',
    `log/${'x000/'.repeat(40)}000`,
  ])('neither reads nor writes %j', async (path) => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const { session } = await store.open();
    await expect(store.read(path, 0)).toRejectWith('STORE_PATH_INVALID');
    await expect(store.put(session, path, bytes(1))).toRejectWith('STORE_PATH_INVALID');
    await store.close();
  });

  it.each(['log/checkpoint', 'log/tile/0/000', 'log/tile/entries/x001/000.p/7', 'genesis'])(
    'lets nobody write %j',
    async (path) => {
      using folder = testFolder();
      const store = testStore(folder.path);
      const { session } = await store.open();
      expect(await store.read(path, 0)).toMatchObject({ found: false });
      await expect(store.put(session, path, bytes(1))).toRejectWith('STORE_PATH_INVALID');
      await store.close();
    },
  );
});
