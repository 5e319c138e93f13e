import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { decodeLeaf, draftLeaf } from '../../src/log/leaf.ts';
import { openCheckpoint, verifyCheckpoint } from '../../src/log/checkpoint.ts';
import { leafHash, verifyInclusion } from '../../src/log/merkle.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import { decisionDraft } from '../support/log.ts';
import { type Boot, localStore, TestService, testFolder, testStore } from '../support/ledger.ts';

export async function verifyTestReceipt(
  service: TestService,
  boot: Pick<Boot, 'epoch' | 'epochKey'>,
  receipt: Receipt,
): Promise<void> {
  const { size, root } = await verifyCheckpoint(
    openCheckpoint(receipt.checkpoint),
    { origin: service.origin, logKey: service.logKey, epoch: boot.epoch, epochKey: boot.epochKey },
    nodeCrypto,
  );
  verifyInclusion(nodeCrypto, {
    index: receipt.index,
    size,
    leafHash: leafHash(nodeCrypto, receipt.leaf),
    proof: receipt.proof,
    root,
  });
}

describe('the ledger', () => {
  it('answers with receipts that verify, and takes the log up again', async () => {
    using folder = testFolder();
    const service = new TestService();
    const store = testStore(folder.path);
    const client = localStore(() => store);
    const boot = await service.boot(client);
    const receipts = await Promise.all(
      Array.from({ length: 1000 }, () => boot.ledger.append(decisionDraft())),
    );
    for (const receipt of receipts.slice(0, 50)) await verifyTestReceipt(service, boot, receipt);
    await boot.ledger.append(draftLeaf({ kind: 'seal_ref', references: { statement: new Uint8Array(32) } }));
    expect(decodeLeaf(receipts[5]!.leaf)).toMatchObject({ index: 6, epoch: 1, time: 1000 });
    await verifyTestReceipt(service, boot, await boot.ledger.receipt(77));
    await boot.ledger.close();
    const again = await service.boot(client);
    expect(again.recovered).toMatchObject({
      size: 1002,
      lastEpoch: 1,
      lastTime: 1000,
      trail: { epochStart: 0, sealRef: 1001 },
    });
    expect(again.epoch).toBe(2);
    await again.ledger.close();
    await store.close();
  });
});
