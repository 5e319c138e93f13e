import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ledger, StoreClient } from '../../enclave/ledger/index.ts';
import { AssayError } from '../../src/base/errors.ts';
import { equalBytes } from '../../src/base/bytes.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import { decisionDraft } from '../support/log.ts';
import {
  faultyDisk,
  localStore,
  TestService,
  testFolder,
  testStore,
  verifyTestReceipt,
} from '../support/ledger.ts';

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 2_000) throw new Error('it did not happen within 10 s');
    await sleep(5);
  }
}

const open = (ledger: Ledger) => () => ledger.status().state === 'open';

/** Every receipt verifies, and the recovered log holds its leaf at its index. */
async function checkAcknowledged(
  service: TestService,
  client: StoreClient,
  receipts: readonly Receipt[],
): Promise<void> {
  const { ledger } = await service.boot(client);
  await ledger.publish();
  for (const receipt of receipts) {
    const { size } = await verifyTestReceipt(service, receipt);
    expect(size).toBeLessThanOrEqual(ledger.head().size);
    const found = await ledger.receipt(receipt.index);
    expect(equalBytes(found.leaf, receipt.leaf), `leaf ${receipt.index}`).toBe(true);
  }
  await ledger.close();
}

describe('when the store fails', () => {
  it.each([
    ['datasync', 'EIO', 'STORE_FSYNC_FAILED'],
    ['write', 'ENOSPC', 'STORE_FULL'],
    ['write', 'EIO', 'STORE_IO'],
  ] as const)('in %s with %s, nothing is acknowledged until it has recovered', async (call, errno, code) => {
    using folder = testFolder();
    let fault = false;
    const disk = faultyDisk((at, path) =>
      fault && at === call && (path.includes('.wal') || path.includes('/tmp/')) ? errno : null,
    );
    const store = testStore(folder.path, { disk });
    const service = new TestService();
    const client = localStore(() => store);
    const { ledger } = await service.boot(client);
    const before = await Promise.all(Array.from({ length: 10 }, () => ledger.append(decisionDraft())));
    fault = true;
    const refused = Array.from({ length: 10 }, () =>
      expect(ledger.append(decisionDraft())).toRejectWith('LOG_UNAVAILABLE'),
    );
    await Promise.all(refused);
    expect(ledger.status()).toEqual({ state: 'LOG_UNAVAILABLE', code });
    await expect(ledger.append(decisionDraft())).toRejectWith('LOG_UNAVAILABLE');
    await sleep(60);
    expect(ledger.status()).toMatchObject({ state: 'LOG_UNAVAILABLE' });
    fault = false;
    await until(open(ledger));
    const after = await ledger.append(decisionDraft());
    expect(after.index).toBe(11);
    await ledger.close();
    await store.close();
    await checkAcknowledged(service, client, [...before, after]);
  });

  it('replaces a batch whose answer was lost, and signs no second head of its size', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const service = new TestService();
    const inner = localStore(() => store);
    let lose = false;
    const client: StoreClient = {
      ...inner,
      async stage(batch) {
        await inner.stage(batch);
        if (lose) throw new AssayError('CONNECTION_LOST', 'the answer was lost');
      },
    };
    const { ledger } = await service.boot(client);
    lose = true;
    await expect(ledger.append(decisionDraft({ rule: 'never answered' }))).toRejectWith('LOG_UNAVAILABLE');
    lose = false;
    expect((await store.open()).next).toBe(2);
    await until(open(ledger));
    const receipt = await ledger.append(decisionDraft({ rule: 'answered' }));
    expect(receipt.index).toBe(1);
    await ledger.close();
    await checkAcknowledged(service, client, [receipt]);
  });

  it('adopts a batch whose answer was lost when the enclave ends before it can replace it', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const service = new TestService();
    const inner = localStore(() => store);
    let lose = false;
    const client: StoreClient = {
      ...inner,
      async stage(batch) {
        await inner.stage(batch);
        if (lose) throw new AssayError('CONNECTION_LOST', 'the answer was lost');
      },
    };
    const { ledger } = await service.boot(client, { probeMs: 10_000 });
    lose = true;
    await expect(ledger.append(decisionDraft({ rule: 'never answered' }))).toRejectWith('LOG_UNAVAILABLE');
    await ledger.close();
    const next = await service.boot(inner);
    expect(next.recovered.size).toBe(2);
    const adopted = await next.ledger.receipt(1);
    await verifyTestReceipt(service, adopted);
    await next.ledger.close();
  });

  it('stops for good when another enclave has taken over the store', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const service = new TestService();
    const client = localStore(() => store);
    const first = await service.boot(client);
    const receipt = await first.ledger.append(decisionDraft());
    await first.ledger.publish();
    const second = await service.boot(localStore(() => store));
    await expect(first.ledger.append(decisionDraft())).toRejectWith('LOG_UNAVAILABLE');
    expect(first.ledger.status()).toEqual({ state: 'LOG_UNAVAILABLE', code: 'LOG_SUPERSEDED' });
    const later = await second.ledger.append(decisionDraft());
    await sleep(60);
    expect(first.ledger.status()).toEqual({ state: 'LOG_UNAVAILABLE', code: 'LOG_SUPERSEDED' });
    await first.ledger.close();
    await second.ledger.append(decisionDraft());
    await second.ledger.close();
    await checkAcknowledged(service, client, [receipt, later]);
  });

  it('does not overwrite what another enclave staged while it was cut off', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const service = new TestService();
    const inner = localStore(() => store);
    let cut = false;
    const cutOff = (): void => {
      if (cut) throw new AssayError('CONNECTION_LOST', 'cut off');
    };
    const first = await service.boot({
      ...inner,
      async open() {
        cutOff();
        return inner.open();
      },
      async stage(batch) {
        cutOff();
        await inner.stage(batch);
      },
    });
    await first.ledger.publish();
    cut = true;
    await expect(first.ledger.append(decisionDraft())).toRejectWith('LOG_UNAVAILABLE');
    const second = await service.boot(
      localStore(() => store),
      { publishEveryMs: 60_000 },
    );
    const theirs = await second.ledger.append(decisionDraft());
    cut = false;
    await until(() => first.ledger.status().code === 'LOG_SUPERSEDED');
    await first.ledger.close();
    await checkAcknowledged(service, inner, [theirs]);
    await second.ledger.close();
  });

  it('notices that another enclave has published', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const service = new TestService();
    const inner = localStore(() => store);
    let lost: (error: AssayError) => void = () => undefined;
    const first = await service.boot(
      { ...inner, onLost: (listener) => void (lost = listener) },
      { probeMs: 100 },
    );
    await first.ledger.publish();
    lost(new AssayError('CONNECTION_LOST', 'the connection ended'));
    expect(first.ledger.status()).toEqual({ state: 'LOG_UNAVAILABLE', code: 'CONNECTION_LOST' });
    const second = await service.boot(localStore(() => store));
    await second.ledger.publish();
    await until(() => first.ledger.status().code === 'LOG_SUPERSEDED');
    await first.ledger.close();
    await second.ledger.close();
  });

  it('says LOG_TAIL_LOST while the store has less than was acknowledged, and recovers with the right folder', async () => {
    using folder = testFolder();
    using other = testFolder();
    const right = testStore(folder.path);
    const wrong = testStore(other.path);
    let store = right;
    const service = new TestService();
    const client = localStore(() => store);
    const { ledger } = await service.boot(client);
    await ledger.append(decisionDraft());
    store = wrong;
    await right.close();
    await expect(ledger.append(decisionDraft())).toRejectWith('LOG_UNAVAILABLE');
    // A store without a session answers as if another had taken over; this one lost its session with its process.
    expect(ledger.status().code).toBe('LOG_SUPERSEDED');
    await ledger.close();
    const again = localStore(() => store);
    store = right;
    let lost: (error: AssayError) => void = () => undefined;
    const boot = await service.boot({ ...again, onLost: (listener) => void (lost = listener) });
    store = wrong;
    lost(new AssayError('CONNECTION_LOST', 'the connection ended'));
    await until(() => boot.ledger.status().code === 'LOG_TAIL_LOST');
    await sleep(60);
    expect(boot.ledger.status().code).toBe('LOG_TAIL_LOST');
    store = right;
    await until(open(boot.ledger));
    await boot.ledger.append(decisionDraft());
    await boot.ledger.close();
  });

  it('keeps deciding while only the tiles do not fit on the disk', async () => {
    using folder = testFolder();
    let full = false;
    const disk = faultyDisk((call, path) =>
      full && call === 'create' && path.includes('/tmp/') ? 'ENOSPC' : null,
    );
    const store = testStore(folder.path, { disk });
    const service = new TestService();
    const client = localStore(() => store);
    const { ledger } = await service.boot(client);
    await ledger.publish();
    full = true;
    const receipts = [await ledger.append(decisionDraft())];
    await expect(ledger.publish()).toRejectWith('LOG_UNAVAILABLE');
    await sleep(60);
    receipts.push(await ledger.append(decisionDraft()));
    expect(ledger.status().state).toBe('open');
    full = false;
    // An attempt that was under way when room came back may still fail, and takes along whoever joins it.
    await sleep(60);
    expect((await ledger.publish()).size).toBe(3);
    await ledger.close();
    await checkAcknowledged(service, client, receipts);
  });

  it('keeps its word under any sequence of faults', async () => {
    const step = fc.record({
      call: fc.constantFrom('datasync', 'write', 'rename', 'create', 'syncDirectory', 'truncate', 'none'),
      errno: fc.constantFrom('EIO', 'ENOSPC'),
      part: fc.constantFrom('.wal', '/tmp/', '/log'),
      loseAnswer: fc.boolean(),
      leaves: fc.integer({ min: 1, max: 60 }),
      restart: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        using folder = testFolder();
        let fault: (typeof steps)[number] | null = null;
        const disk = faultyDisk((call, path) =>
          fault?.call === call && path.includes(fault.part) ? fault.errno : null,
        );
        const store = testStore(folder.path, { disk, limits: { segmentBytes: 8_192 } });
        const service = new TestService();
        const inner = localStore(() => store);
        const client: StoreClient = {
          ...inner,
          async stage(batch) {
            await inner.stage(batch);
            if (fault?.loseAnswer === true) throw new AssayError('RPC_TIMEOUT', 'no answer came in time');
          },
        };
        let { ledger } = await service.boot(client, { publishEveryMs: 1, probeMs: 1, probeMostMs: 2 });
        const receipts: Receipt[] = [];
        for (const next of steps) {
          fault = next;
          const answers = await Promise.allSettled(
            Array.from({ length: next.leaves }, () => ledger.append(decisionDraft())),
          );
          for (const answer of answers) {
            if (answer.status === 'fulfilled') receipts.push(answer.value);
            else expect(answer.reason).toMatchObject({ code: 'LOG_UNAVAILABLE' });
          }
          await sleep(3);
          fault = null;
          if (next.restart) {
            await ledger.close();
            ({ ledger } = await service.boot(client, { publishEveryMs: 1, probeMs: 1, probeMostMs: 2 }));
          } else await until(open(ledger));
        }
        await ledger.close();
        await checkAcknowledged(service, client, receipts);
      }),
      { numRuns: 40 },
    );
  });
});
