/**
 * A whole service whose store lies on a disk of 4 MiB that fills up. What does not fit is not acknowledged, the
 * service says so and refuses at once, and it goes on by itself when there is room again. Needs root for the mount.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { AssayClient } from '../../host/client/index.ts';
import { Follower, Held } from '../support/held.ts';
import { testFolder } from '../support/ledger.ts';
import { startLoad } from '../support/load.ts';
import { decide, startSystem, type TestSystem } from '../support/system.ts';

const REFUSED_MS = 500;
const FULL_MS = 3_000;
const RECOVERED_MS = 10_000;

/** Null, after saying why, where this machine lets nobody mount. */
function mountTmpfs(folder: string, size: string): ((size: string) => void) | null {
  const mount = (...options: string[]): void =>
    void execFileSync('mount', ['-t', 'tmpfs', ...options, 'tmpfs', folder], { stdio: 'pipe' });
  try {
    mount('-o', `size=${size}`);
  } catch (error) {
    console.warn(`the full tmpfs did not run: ${(error as Error).message.split('\n')[0]}`);
    return null;
  }
  return (more) => mount('-o', `remount,size=${more}`);
}

/** Decisions until one is refused. Its caller, and all others, have then been told. */
async function fill(target: TestSystem, held: Held): Promise<void> {
  const load = startLoad(target, held, { lines: 2, callers: 24 });
  const deadline = performance.now() + 60_000;
  while (!load.errors.has('LOG_UNAVAILABLE') && performance.now() < deadline) await sleep(5);
  await load.stop();
  expect([...load.errors.keys()]).toEqual(['LOG_UNAVAILABLE']);
}

/** For as long as the disk is full: refused at once, with a code, and Status says why. */
async function staysFull(client: AssayClient): Promise<number> {
  let refused = 0;
  for (const until = performance.now() + FULL_MS; performance.now() < until; refused++) {
    const asked = performance.now();
    await expect(decide(client)).toRejectWith('LOG_UNAVAILABLE');
    expect(performance.now() - asked).toBeLessThan(REFUSED_MS);
    expect(await client.status()).toMatchObject({ state: 'LOG_UNAVAILABLE', code: 'STORE_FULL' });
    await sleep(20);
  }
  return refused;
}

async function recovers(client: AssayClient): Promise<number> {
  const started = performance.now();
  while ((await client.status()).state !== 'SERVING') {
    expect(performance.now() - started, 'there is room, and it does not go on').toBeLessThan(RECOVERED_MS);
    await sleep(10);
  }
  const ms = performance.now() - started;
  expect((await decide(client)).decision).toBe('allow');
  return Math.round(ms);
}

it('refuses while its disk of 4 MiB is full, and goes on when there is room', { timeout: 180_000 }, async ({
  skip,
}) => {
  using folder = testFolder({ real: true });
  const disk = join(folder.path, 'disk');
  mkdirSync(disk);
  const resize = mountTmpfs(disk, '4m');
  if (resize === null) return skip();
  const held = new Held();
  let target: TestSystem | null = null;
  try {
    target = await startSystem(folder.path, join(disk, 'store'));
    const { system } = target;
    const follower = new Follower(target.store);
    let client = await target.connect();
    const { epoch } = client.service;

    await fill(target, held);
    const first = held.acknowledged.length;
    const refused = await staysFull(client);
    // Who comes now can still verify the service and hear why it does not decide.
    (await target.connect()).close();
    resize('8m');
    const ms = await recovers(client);
    expect((await client.status()).epoch).toBe(epoch);
    await follower.check(held);

    // Once more, with both sides of the log killed while the disk is full.
    await fill(target, held);
    await system.restart('store');
    expect(system.store.ready).toMatchObject({ code: 'STORE_FULL' });
    await expect.poll(async () => (await client.status()).code, { timeout: 5_000 }).toBe('STORE_FULL');
    await staysFull(client);
    await expect(system.restart('hardware')).toRejectWith('STORE_FULL');
    resize('16m');
    await system.restart('hardware');
    client = await target.connect();
    expect(client.service.epoch).toBeGreaterThan(epoch);
    expect((await decide(client)).decision).toBe('allow');
    await follower.check(held);
    const report = await held.audit(target.store, join(folder.path, 'bundle'), target.trust);
    expect(report, JSON.stringify(report.findings)).toMatchObject({ verdict: 'trusted', code: null });
    client.close();
    console.log(
      `tmpfs of 4 MiB: full after ${first} decisions, ${refused} refused while full, served ${ms} ms after the resize; ` +
        `${held.acknowledged.length} acknowledged in all, ${report.size} logged, ${report.receipts} receipts audited`,
    );
  } finally {
    await target?.system.stop();
    execFileSync('umount', ['-l', disk]);
  }
});
