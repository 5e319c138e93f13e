/** Power loss at any operation of the disk, with unsynced bytes lost, kept or torn: what was acknowledged is there. */
import { describe, expect, it } from 'vitest';
import type { StoreClient } from '../../enclave/ledger/index.ts';
import { equalBytes } from '../../src/base/bytes.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import { CrashDisk } from '../support/crash-disk.ts';
import { localStore, TestService, testStore, verifyTestReceipt } from '../support/ledger.ts';
import { decisionDraft } from '../support/log.ts';
import { random } from '../support/mutate.ts';

const SEED = Number(process.env['ASSAY_SEED'] ?? Date.now() % 2 ** 31);
const RUNS = process.env['ASSAY_SLOW'] === '1' ? 1_000 : 60;
const LIMITS = { segmentBytes: 6_000 };
const PACE = { publishEveryMs: 0, probeMs: 60_000 };

async function appendAll(
  next: () => number,
  client: StoreClient,
  service: TestService,
  receipts: Receipt[],
): Promise<void> {
  const { ledger } = await service.boot(client, PACE);
  try {
    for (let burst = 0; burst < 12; burst++) {
      const answers = await Promise.allSettled(
        Array.from({ length: 1 + Math.floor(next() * 40) }, () => ledger.append(decisionDraft())),
      );
      for (const answer of answers) if (answer.status === 'fulfilled') receipts.push(answer.value);
      if (answers.some(({ status }) => status === 'rejected')) break;
      if (next() < 0.5) await ledger.publish().catch(() => undefined);
    }
  } finally {
    await ledger.close();
  }
}

/** Lives until the power goes, several times; then takes the log up and looks for everything. */
async function run(seed: number): Promise<{ acknowledged: number; crashes: number }> {
  const next = random(seed);
  const machine = new CrashDisk(next);
  const service = new TestService();
  const receipts: Receipt[] = [];
  let crashes = 0;
  for (let life = 0; life < 4; life++) {
    const store = testStore('/disk', { disk: machine.disk, limits: LIMITS });
    machine.crashAfter(1 + Math.floor(next() * 160));
    const outcome = await appendAll(
      next,
      localStore(() => store),
      service,
      receipts,
    ).catch((error: unknown) => error);
    if (outcome !== undefined)
      expect(outcome, String(outcome)).toMatchObject({
        code: expect.stringMatching(/^STORE_(?:IO|FSYNC)|^LOG_UNAVAILABLE$/),
      });
    await store.close().catch(() => undefined);
    if (machine.dead) crashes++;
    machine.restart();
  }
  const store = testStore('/disk', { disk: machine.disk, limits: LIMITS });
  const { ledger } = await service.boot(
    localStore(() => store),
    PACE,
  );
  await ledger.publish();
  for (const receipt of receipts) {
    await verifyTestReceipt(service, receipt);
    const { leaf } = await ledger.receipt(receipt.index);
    expect(equalBytes(leaf, receipt.leaf), `leaf ${receipt.index}`).toBe(true);
  }
  await ledger.close();
  await store.close();
  return { acknowledged: receipts.length, crashes };
}

describe('power loss', () => {
  it(`loses no acknowledged leaf (${RUNS} runs from seed ${SEED})`, { timeout: 600_000 }, async () => {
    let acknowledged = 0;
    let crashes = 0;
    for (let i = 0; i < RUNS; i++) {
      const result = await run(SEED + i).catch((error: unknown) => {
        throw new Error(`run with seed ${SEED + i}: ${String(error)}`, { cause: error });
      });
      acknowledged += result.acknowledged;
      crashes += result.crashes;
    }
    expect(crashes).toBeGreaterThan(RUNS);
    console.log(
      `power lost ${crashes} times, seeds from ${SEED}: ${acknowledged} acknowledged leaves, all there`,
    );
  });
});
