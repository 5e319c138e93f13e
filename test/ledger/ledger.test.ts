import { describe, expect, it } from 'vitest';
import { encodeLeaf, decodeLeaf, draftLeaf, placeLeaf } from '../../src/log/leaf.ts';
import type { StoreClient } from '../../enclave/ledger/index.ts';
import { decisionDraft } from '../support/log.ts';
import { localStore, TestService, testFolder, testStore, verifyTestReceipt } from '../support/ledger.ts';

describe('the ledger', () => {
  it('answers with receipts that verify, and takes the log up again', async () => {
    using folder = testFolder();
    const service = new TestService();
    const store = testStore(folder.path);
    const client = localStore(() => store);
    const { ledger } = await service.boot(client);
    const receipts = await Promise.all(Array.from({ length: 1000 }, () => ledger.append(decisionDraft())));
    for (const receipt of receipts) await verifyTestReceipt(service, receipt);
    expect(new Set(receipts.map(({ index }) => index)).size).toBe(1000);
    expect(decodeLeaf(receipts[5]!.leaf)).toMatchObject({ index: 6, epoch: 1, time: 1000 });
    expect(ledger.head()).toMatchObject({ size: 1001, checkpoint: receipts[999]!.checkpoint });
    expect(ledger.status()).toEqual({ state: 'open', code: null });
    await ledger.close();
    expect(ledger.status()).toEqual({ state: 'closed', code: 'LOG_CLOSED' });
    const again = await service.boot(client);
    expect(again.recovered).toMatchObject({ size: 1001, published: 1001, lastEpoch: 1, lastTime: 1000 });
    expect(again.epoch).toBe(2);
    await again.ledger.close();
    await store.close();
  });

  it('builds a receipt for any leaf that is published, and reads leaves back', async () => {
    using folder = testFolder();
    const service = new TestService();
    const store = testStore(folder.path);
    const { ledger } = await service.boot(localStore(() => store));
    const given = await Promise.all(Array.from({ length: 700 }, () => ledger.append(decisionDraft())));
    await ledger.publish();
    for (const index of [0, 1, 255, 256, 257, 511, 512, 700]) {
      const receipt = await ledger.receipt(index);
      expect((await verifyTestReceipt(service, receipt)).size).toBe(701);
      if (index > 0) expect(receipt.leaf).toEqual(given[index - 1]!.leaf);
    }
    for (const index of [-1, 701, 0.5, Number.NaN])
      await expect(ledger.receipt(index)).toRejectWith('LOG_INDEX_UNKNOWN');
    const indexes: number[] = [];
    for await (const leaf of ledger.leaves(250, 530)) indexes.push(leaf.index);
    expect(indexes).toEqual(Array.from({ length: 280 }, (_, i) => 250 + i));
    expect((await ledger.publish()).size).toBe(701);
    await ledger.close();
  });

  it('never lets time go back, not even over a restart', async () => {
    using folder = testFolder();
    const service = new TestService();
    const store = testStore(folder.path);
    const client = localStore(() => store);
    const times = [5_000, 6_000, 2_000, 7_000, 1];
    const seen: number[] = [];
    const boot = await service.boot(client);
    for (const time of times) {
      service.clock = () => time;
      seen.push(decodeLeaf((await boot.ledger.append(decisionDraft())).leaf).time);
    }
    expect(seen).toEqual([5_000, 6_000, 6_000, 7_000, 7_000]);
    await boot.ledger.close();
    const again = await service.boot(client);
    expect(decodeLeaf((await again.ledger.append(decisionDraft())).leaf).time).toBe(7_000);
    await again.ledger.close();
  });

  it('gives a leaf that cannot be encoded no place in the log', async () => {
    using folder = testFolder();
    const service = new TestService();
    const store = testStore(folder.path);
    const { ledger } = await service.boot(localStore(() => store));
    const before = ledger.append(decisionDraft());
    await expect(ledger.append(draftLeaf({ kind: 'decision' }))).toRejectWith('LEAF_INVALID');
    const blobs = Array.from({ length: 256 }, () => new Uint8Array(32));
    const labels = Array.from({ length: 64 }, () => 'x'.repeat(255));
    const commitments = Object.fromEntries(
      Array.from({ length: 256 }, (_, i) => [`${i}`.padStart(255, '-'), new Uint8Array(32)]),
    );
    await expect(ledger.append(decisionDraft({ blobs, labels, commitments }))).toRejectWith('LEAF_TOO_LARGE');
    expect([(await before).index, (await ledger.append(decisionDraft())).index]).toEqual([1, 2]);
    await ledger.close();
  });

  it('bounds its batches and its queue', async () => {
    using folder = testFolder();
    const service = new TestService();
    const store = testStore(folder.path);
    const inner = localStore(() => store);
    const counts: number[] = [];
    const client: StoreClient = {
      ...inner,
      async stage(batch) {
        counts.push(batch.count);
        expect(batch.entries.length).toBeLessThanOrEqual(2_000);
        await inner.stage(batch);
      },
    };
    const { ledger } = await service.boot(client, { batchLeaves: 5, batchBytes: 2_000, queuedLeaves: 23 });
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, () => ledger.append(decisionDraft())),
    );
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(23);
    for (const result of results.slice(23)) expect(result).toMatchObject({ reason: { code: 'LOG_BUSY' } });
    expect(Math.max(...counts)).toBe(5);
    await ledger.append(decisionDraft());
    await ledger.close();
    const tight = await service.boot(client, { queuedBytes: 600 });
    const two = await Promise.allSettled([1, 2, 3].map(() => tight.ledger.append(decisionDraft())));
    expect(two[2]).toMatchObject({ reason: { code: 'LOG_BUSY' } });
    await tight.ledger.append(decisionDraft());
    await tight.ledger.close();
  });

  it('finishes what is in flight when it is closed, and takes nothing more', async () => {
    using folder = testFolder();
    const service = new TestService();
    const store = testStore(folder.path);
    const client = localStore(() => store);
    const { ledger } = await service.boot(client);
    const flying = Array.from({ length: 10 }, () => ledger.append(decisionDraft()));
    const closing = ledger.close();
    await expect(ledger.append(decisionDraft())).toRejectWith('LOG_CLOSED');
    for (const receipt of await Promise.all(flying)) await verifyTestReceipt(service, receipt);
    await closing;
    expect((await store.open()).published).toBe(11);
    await ledger.close();
  });

  it('puts a trail into every leaf that is not a decision, over the caller’s own', async () => {
    using folder = testFolder();
    const service = new TestService();
    const store = testStore(folder.path);
    const client = localStore(() => store);
    const { ledger } = await service.boot(client);
    const reference = new Uint8Array(32).fill(7);
    await ledger.append(decisionDraft());
    await ledger.append(draftLeaf({ kind: 'policy_change', tenant: 'a', references: { order: reference } }));
    await ledger.append(
      draftLeaf({
        kind: 'seal_ref',
        references: { statement: reference, trail: new Uint8Array(32).fill(255) },
      }),
    );
    await ledger.append(draftLeaf({ kind: 'policy_change', tenant: 'b', references: { order: reference } }));
    await ledger.append(
      draftLeaf({ kind: 'policy_change', tenant: 'a', references: { order: new Uint8Array(32).fill(8) } }),
    );
    await ledger.append(draftLeaf({ kind: 'padding' }));
    await Promise.all(Array.from({ length: 600 }, () => ledger.append(decisionDraft())));
    await ledger.close();
    const again = await service.recover(client);
    expect(again.trail).toEqual({ epochStart: 0, policyChange: 5, sealRef: 3, snapshot: null });
    expect(again.sealRef?.references['statement']).toEqual(reference);
    expect(again.epochStart?.index).toBe(0);
    expect(again.snapshot).toBeNull();
    expect(again.policyChanges.map(({ tenant, index }) => [tenant, index])).toEqual([
      ['b', 4],
      ['a', 5],
    ]);
  });

  it('does not change the bytes of a decision', async () => {
    using folder = testFolder();
    const service = new TestService();
    const store = testStore(folder.path);
    const { ledger } = await service.boot(localStore(() => store));
    const draft = decisionDraft();
    const { leaf } = await ledger.append(draft);
    expect(leaf).toEqual(encodeLeaf(placeLeaf(draft, { index: 1, epoch: 1, time: 1000 })));
    await ledger.close();
  });
});
