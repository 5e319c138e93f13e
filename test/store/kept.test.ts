import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Disk, nodeDisk } from '../../host/store/index.ts';
import { testFolder, testStore } from '../support/ledger.ts';
import { plainBatch, plainLeaves } from '../support/store.ts';

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251);

interface Pace {
  readonly disk: Disk;
  /** The next new file is not synced before what this gives back is called. */
  hold(): () => void;
  /** Whether the stage can be synced. */
  stageFails: boolean;
}

function paced(): Pace {
  let gate: PromiseWithResolvers<void> | null = null;
  const pace: Pace = {
    stageFails: false,
    hold() {
      const next = Promise.withResolvers<void>();
      gate = next;
      return next.resolve;
    },
    disk: {
      ...nodeDisk,
      open(path, mode) {
        const file = nodeDisk.open(path, mode);
        const datasync = async (): Promise<void> => {
          if (pace.stageFails) throw Object.assign(new Error('injected'), { code: 'EIO' });
          await file.datasync();
        };
        return { ...file, datasync };
      },
      async create(path) {
        const file = await nodeDisk.create(path);
        const held = gate;
        gate = null;
        const datasync = async (): Promise<void> => {
          await held?.promise;
          await file.datasync();
        };
        return { ...file, datasync };
      },
    },
  };
  return pace;
}

const later = (): Promise<null> => sleep(50).then(() => null);

describe('a file that is being kept', () => {
  it('is whole before a new session begins, so that it replaces nothing of that session', async () => {
    using folder = testFolder();
    const pace = paced();
    const store = testStore(folder.path, { disk: pace.disk });
    const { session } = await store.open();
    const release = pace.hold();
    const late = store.put(session, 'keyring', bytes(3));
    await later();
    const opening = store.open();
    const opened = await Promise.race([opening, later()]);
    release();
    await late;
    expect(opened).toBeNull();
    await store.put((await opening).session, 'keyring', bytes(5));
    expect(await store.read('keyring', 0)).toMatchObject({ data: bytes(5) });
    await store.close();
  });

  it('neither loses its bytes nor spoils the store when the folder is opened again meanwhile', async () => {
    using folder = testFolder();
    const pace = paced();
    const store = testStore(folder.path, { disk: pace.disk });
    const one = await store.open();
    await store.stage(one.session, plainBatch(0, plainLeaves(0, 2)));
    const release = pace.hold();
    const late = store.put(one.session, 'seals/1', bytes(7));
    await later();
    pace.stageFails = true;
    await expect(store.stage(one.session, plainBatch(2, plainLeaves(2, 3)))).toRejectWith(
      'STORE_FSYNC_FAILED',
    );
    pace.stageFails = false;
    const opening = store.open();
    await later();
    release();
    await late;
    const two = await opening;
    expect(await store.read('seals/1', 0)).toMatchObject({ found: true, data: bytes(7) });
    await store.put(two.session, 'seals/2', bytes(1));
    await store.close();
  });

  it('takes its turn behind the one before: the last that was asked for stays', async () => {
    using folder = testFolder();
    const pace = paced();
    const store = testStore(folder.path, { disk: pace.disk });
    const { session } = await store.open();
    const release = pace.hold();
    const first = store.put(session, 'keyring', bytes(3));
    await later();
    const second = store.put(session, 'keyring', bytes(4));
    await later();
    release();
    await Promise.all([first, second]);
    expect(await store.read('keyring', 0)).toMatchObject({ data: bytes(4) });
    await store.close();
  });
});
