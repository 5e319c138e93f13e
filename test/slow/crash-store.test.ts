/** kill -9 of the store under load: no acknowledged decision is lost, and the enclave says so while it waits. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createRpcStore } from '../../enclave/ledger/index.ts';
import { connect } from '../../native/transport.ts';
import { checkLog, POINTS, SEED, startLoad } from '../support/crash.ts';
import { TestService, testFolder } from '../support/ledger.ts';
import { random } from '../support/mutate.ts';
import { startStore } from '../support/store-process.ts';

it(`keeps every acknowledged leaf over ${POINTS} kills of the store (seed ${SEED})`, {
  timeout: 600_000,
}, async () => {
  using folder = testFolder({ real: true });
  const dir = join(folder.path, 'log');
  const next = random(SEED);
  const service = new TestService();
  let store = await startStore(dir, ['--segment-bytes', '262144']);
  const client = createRpcStore(() => connect({ family: 'unix', path: store.socket }));
  const { ledger } = await service.boot(client);
  const load = startLoad(ledger, 64);
  for (let kill = 0; kill < POINTS; kill++) {
    const before = load.receipts.length;
    await sleep(5 + next() * 60);
    await store.stop('SIGKILL');
    await sleep(5);
    expect(ledger.status()).toMatchObject({ state: 'LOG_UNAVAILABLE' });
    store = await startStore(dir, ['--segment-bytes', '262144']);
    while (ledger.status().state !== 'open' || load.receipts.length === before) await sleep(2);
  }
  await load.stop();
  expect(load.refused()).toBeGreaterThan(0);
  await ledger.close();
  client.close();
  await store.stop('SIGKILL');
  const { size } = await checkLog(service, dir, load.receipts);
  console.log(
    `store killed ${POINTS} times, seed ${SEED}: ${load.receipts.length} acknowledged, ${load.refused()} refused, ${size} logged`,
  );
});
