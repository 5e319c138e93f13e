/** kill -9 of the enclave's side under load: each boot takes up everything that an earlier one acknowledged. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { signerFromSeed } from '../../native/signer.ts';
import { parseReceipt, type Receipt } from '../../src/log/receipt.ts';
import { checkLog, POINTS, SEED } from '../support/crash.ts';
import { TestService, testFolder } from '../support/ledger.ts';
import { random } from '../support/mutate.ts';
import { startStore } from '../support/store-process.ts';

const PROGRAM = resolve(import.meta.dirname, '../support/ledger-process.ts');

interface Life {
  readonly receipts: Receipt[];
  readonly recovered: number;
}

/** One boot: lives for `ms` after its first receipt, then is killed. What it wrote before is read to the end. */
async function live(args: readonly string[], ms: number): Promise<Life> {
  const child = spawn(process.execPath, ['--no-warnings', PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const receipts: Receipt[] = [];
  let recovered = -1;
  const { promise: first, resolve: onFirst } = Promise.withResolvers<void>();
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    // The last line may be cut: that receipt did not leave the process.
    if (!line.endsWith('}')) return;
    const said = JSON.parse(line) as { recovered?: number; receipt?: string };
    recovered = said.recovered ?? recovered;
    if (said.receipt !== undefined) receipts.push(parseReceipt(said.receipt));
    onFirst();
  });
  const read = new Promise((done) => lines.once('close', done));
  child.once('exit', onFirst);
  await first;
  await sleep(ms);
  child.kill('SIGKILL');
  await read;
  return { receipts, recovered };
}

it(`keeps every acknowledged leaf over ${POINTS} kills of the ledger (seed ${SEED})`, {
  timeout: 900_000,
}, async () => {
  using folder = testFolder({ real: true });
  const dir = join(folder.path, 'log');
  const genuine = join(folder.path, 'genuine');
  const next = random(SEED);
  const seed = randomBytes(32);
  const store = await startStore(dir, ['--segment-bytes', '262144']);
  const receipts: Receipt[] = [];
  for (let kill = 0; kill < POINTS; kill++) {
    const life = await live([store.socket, seed.toString('hex'), genuine], next() * 80);
    const acknowledged = receipts.reduce((most, { index }) => Math.max(most, index + 1), 0);
    expect(life.recovered, `boot ${kill}`).toBeGreaterThanOrEqual(acknowledged);
    for (const receipt of life.receipts) receipts.push(receipt);
  }
  await store.stop('SIGKILL');
  const service = new TestService(undefined, signerFromSeed(new Uint8Array(seed)));
  for (const name of readdirSync(genuine))
    service.epochs.set(Number(name), new Uint8Array(readFileSync(join(genuine, name))));
  const { size, epochs } = await checkLog(service, dir, receipts);
  console.log(
    `ledger killed ${POINTS} times, seed ${SEED}: ${receipts.length} acknowledged, ${size} logged, ${epochs} epochs`,
  );
});
