import { describe, expect, it } from 'vitest';
import { openReader } from '../../enclave/ledger/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { leafHash, verifyInclusion } from '../../src/log/merkle.ts';
import { decisionDraft } from '../support/log.ts';
import { localStore, TestService, testFolder, testStore } from '../support/ledger.ts';

describe('reading the published log', () => {
  it('works at an older head after its partial tiles are gone', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const client = localStore(() => store);
    const { ledger } = await new TestService().boot(client);
    await Promise.all(Array.from({ length: 299 }, () => ledger.append(decisionDraft())));
    const { size, root } = await ledger.publish();
    const early = await openReader({ store: client, hashing: nodeCrypto, size, root });
    await Promise.all(Array.from({ length: 400 }, () => ledger.append(decisionDraft())));
    await ledger.publish();
    const late = await openReader({ store: client, hashing: nodeCrypto, size, root });
    for (const reader of [early, late]) {
      const { bytes } = await reader.leaf(299);
      const proof = await reader.proof(299);
      verifyInclusion(nodeCrypto, { index: 299, size, leafHash: leafHash(nodeCrypto, bytes), proof, root });
      await expect(reader.leaf(300)).toRejectWith('LOG_INDEX_UNKNOWN');
      await expect(reader.bundle(2)).toRejectWith('LOG_INDEX_UNKNOWN');
    }
    await ledger.close();
  });

  it('reads 70,000 leaves over three levels of tiles, and every proof leads to the root', async () => {
    using folder = testFolder();
    const store = testStore(folder.path);
    const client = localStore(() => store);
    const { ledger } = await new TestService().boot(client, { queuedLeaves: 100_000 });
    await Promise.all(Array.from({ length: 69_999 }, () => ledger.append(decisionDraft())));
    const { size, root } = await ledger.publish();
    expect(size).toBe(70_000);
    const reader = await openReader({ store: client, hashing: nodeCrypto, size, root });
    for (const index of [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999]) {
      const { bytes } = await reader.leaf(index);
      const proof = await reader.proof(index);
      verifyInclusion(nodeCrypto, { index, size, leafHash: leafHash(nodeCrypto, bytes), proof, root });
    }
    await ledger.close();
  });
});
