/**
 * Durable appends per second: 300-byte leaves through the ledger, each answered with its receipt after fdatasync,
 * with the store in this process and as a process of its own behind a Unix socket; beside them fdatasync and
 * Ed25519 alone in the same run. Run with the lock file's node; prints medians of rounds, takes about a minute.
 */
import { spawn } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { createRpcStore } from '../../enclave/ledger/index.ts';
import { generateSigner } from '../../native/signer.ts';
import { connect } from '../../native/transport.ts';
import type { LeafDraft } from '../../src/log/leaf.ts';
import { type Boot, localStore, TestService, testFolder, testStore } from '../support/ledger.ts';
import { decisionDraft } from '../support/log.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const LEAVES = Number(process.env['LEAVES'] ?? 200_000);
/** Appends in flight. */
const FLIGHTS = [1, 64, 1_024, 16_384] as const;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] as number;
const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * q)] as number;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** A draft whose leaf has 300 bytes. */
async function draftOf300(boot: Boot): Promise<LeafDraft> {
  const bare = decisionDraft();
  const { leaf } = await boot.ledger.append(bare);
  const draft = decisionDraft({ rule: `${bare.rule}${'-'.repeat(300 - leaf.length)}`.slice(0, 255) });
  const padded = await boot.ledger.append(draft);
  print(`leaf: ${padded.leaf.length} bytes`);
  return draft;
}

/** Keeps `flight` appends going until `total` are answered. */
async function load(
  boot: Boot,
  draft: LeafDraft,
  flight: number,
  total: number,
): Promise<{ rate: number; times: number[] }> {
  const times: number[] = [];
  let left = total;
  const start = performance.now();
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const at = performance.now();
      await boot.ledger.append(draft);
      if (flight <= 64) times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: flight }, lane));
  return { rate: (1000 * total) / (performance.now() - start), times };
}

async function measure(name: string, boot: Boot): Promise<void> {
  const draft = await draftOf300(boot);
  await load(boot, draft, 4_096, 50_000);
  for (const flight of FLIGHTS) {
    const rates: number[] = [];
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const total = flight === 1 ? 2_000 : flight === 64 ? 30_000 : LEAVES;
      const result = await load(boot, draft, flight, total);
      rates.push(result.rate);
      times.push(...result.times);
    }
    const latency =
      times.length === 0
        ? ''
        : `, p50 ${quantile(times, 0.5).toFixed(3)} ms, p99 ${quantile(times, 0.99).toFixed(3)} ms`;
    print(`${name}: ${flight} in flight: ${Math.round(median(rates))}/s${latency}`);
  }
  await boot.ledger.close();
}

function fdatasyncAlone(folder: string, bytes: number): void {
  const fd = openSync(join(folder, 'alone'), 'w');
  const data = new Uint8Array(bytes);
  const times: number[] = [];
  for (let i = 0; i < 500; i++) {
    writeSync(fd, data);
    const at = performance.now();
    fdatasyncSync(fd);
    times.push(performance.now() - at);
  }
  closeSync(fd);
  print(
    `fdatasync alone after ${bytes} bytes: p50 ${quantile(times, 0.5).toFixed(3)} ms, p99 ${quantile(times, 0.99).toFixed(3)} ms`,
  );
}

function ed25519Alone(): void {
  const signer = generateSigner('Ed25519');
  const message = new Uint8Array(120);
  const rates = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    for (let i = 0; i < 3_000; i++) signer.sign(message);
    return 3_000_000 / (performance.now() - start);
  });
  print(`Ed25519 alone: ${Math.round(median(rates))} signatures/s`);
}

async function inOneProcess(): Promise<void> {
  using folder = testFolder({ real: true });
  fdatasyncAlone(folder.path, 400);
  fdatasyncAlone(folder.path, 300_000);
  const store = testStore(folder.path);
  const service = new TestService();
  await measure(
    'one process',
    await service.boot(
      localStore(() => store),
      { publishEveryMs: 500 },
    ),
  );
  await store.close();
}

async function inTwoProcesses(): Promise<void> {
  using folder = testFolder({ real: true });
  const socket = join(folder.path, 'store.sock');
  const main = resolve(import.meta.dirname, '../../host/store/main.ts');
  const args = ['--no-warnings', main, '--dir', join(folder.path, 'log'), '--listen', `unix:${socket}`];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    for await (const line of createInterface({ input: child.stdout })) if (line.includes('"ready"')) break;
    const client = createRpcStore(() => connect({ family: 'unix', path: socket }));
    await measure('two processes', await new TestService().boot(client, { publishEveryMs: 500 }));
    client.close();
  } finally {
    child.kill('SIGTERM');
    await new Promise((done) => child.once('exit', done));
  }
}

ed25519Alone();
await inOneProcess();
await inTwoProcesses();
