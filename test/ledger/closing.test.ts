/** The end of a ledger, and of the connection under it, while something else is under way. */
import { createServer, connect as connectTo, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createRpcStore, type StoreClient } from '../../enclave/ledger/index.ts';
import { createPublisher } from '../../enclave/ledger/publisher.ts';
import { AssayError } from '../../src/base/errors.ts';
import { decisionDraft } from '../support/log.ts';
import { localStore, TestService, testFolder, testStore } from '../support/ledger.ts';

const HEAD = { size: 1, root: new Uint8Array(32), checkpoint: 'note' };

describe('closing a ledger', () => {
  it('is done for every caller when it is done', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const { ledger } = await new TestService().boot(localStore(() => store));
    const flying = ledger.append(decisionDraft());
    await Promise.all([
      ledger.close(),
      ledger.close().then(async () => {
        expect((await store.open()).published).toBe(2);
      }),
    ]);
    expect((await flying).index).toBe(1);
    await ledger.close();
  });

  it('in the turn in which the store is cured publishes what there is', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const inner = localStore(() => store);
    let broken = false;
    const opened: (() => void)[] = [];
    const client: StoreClient = {
      ...inner,
      async stage(batch) {
        if (broken) throw new AssayError('CONNECTION_LOST', 'as told');
        await inner.stage(batch);
      },
      async publish(note) {
        if (broken) throw new AssayError('CONNECTION_LOST', 'as told');
        return inner.publish(note);
      },
      async open() {
        const found = await inner.open();
        for (const tell of opened.splice(0)) tell();
        return found;
      },
    };
    const { ledger } = await new TestService().boot(client);
    await ledger.publish();
    await ledger.append(decisionDraft());
    broken = true;
    await expect(ledger.append(decisionDraft())).toRejectWith('LOG_UNAVAILABLE');
    const closed = new Promise<void>((resolve, reject) => {
      const atCure = (): void => {
        if (ledger.status().state === 'open') ledger.close().then(resolve, reject);
        else queueMicrotask(atCure);
      };
      opened.push(() => {
        broken = false;
        atCure();
      });
    });
    await closed;
    expect((await store.open()).published).toBe(2);
  });
});

describe('a publisher', () => {
  const calls: string[] = [];
  const made = () =>
    createPublisher({
      publish: async (note) => {
        calls.push(note);
        return 1;
      },
      everyMs: 1,
      onFailure: () => undefined,
    });

  it('rejects, and does not throw, while it is suspended', async () => {
    const publisher = made();
    publisher.suspend(new AssayError('LOG_UNAVAILABLE', 'ill'));
    const reaching = publisher.reach(1);
    await expect(reaching).toRejectWith('LOG_UNAVAILABLE');
  });

  it('that was stopped is not resumed by a late cure', async () => {
    const publisher = made();
    publisher.offer(HEAD);
    publisher.stop();
    publisher.resume();
    await sleep(20);
    expect(calls).toEqual([]);
    await expect(publisher.reach(1)).toRejectWith('LOG_UNAVAILABLE');
  });
});

describe('closing the connection to the store', () => {
  /** A host that takes connections and answers nothing. */
  async function silentHost(folder: string) {
    const accepted: Socket[] = [];
    const server = createServer((socket) => accepted.push(socket.on('error', () => undefined).resume()));
    const path = join(folder, 'silent');
    server.listen(path);
    await once(server, 'listening');
    return { path, accepted, server };
  }

  it('while it is being opened ends that connection', async () => {
    using folder = testFolder();
    const { path, accepted, server } = await silentHost(folder.path);
    const store = createRpcStore(async () => connectTo(path), { timeoutMs: 30_000, publishTimeoutMs: 1 });
    const opening = expect(store.open()).rejects.toBeInstanceOf(AssayError);
    await once(server, 'connection');
    await sleep(5);
    store.close();
    await opening;
    await once(accepted[0] as Socket, 'close');
    await expect(store.read('keyring', 0)).toRejectWith('CONNECTION_LOST');
    server.close();
  });

  it('before there is one ends it as soon as it comes', async () => {
    using folder = testFolder();
    const { path, accepted, server } = await silentHost(folder.path);
    let connected = (): void => undefined;
    const held = new Promise<void>((resolve) => (connected = resolve));
    const store = createRpcStore(
      async () => {
        await held;
        return connectTo(path);
      },
      { timeoutMs: 30_000, publishTimeoutMs: 1 },
    );
    const opening = expect(store.open()).toRejectWith('CONNECTION_LOST');
    store.close();
    connected();
    await opening;
    if (accepted.length === 0) await once(server, 'connection');
    const [socket] = accepted;
    if (socket?.closed === false) await once(socket, 'close');
    expect(accepted).toHaveLength(1);
    server.close();
  });
});
