/**
 * Real disks that fill up and fail. Needs root for mounts; says what did not run where they are not permitted.
 *
 * The failing fdatasync is real: ext4 on a loop device whose backing file lies on a tmpfs that has no room left,
 * so that writes succeed in the page cache and syncing them does not.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createRpcStore, type Ledger, type LedgerStatus } from '../../enclave/ledger/index.ts';
import { connect } from '../../native/transport.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import { checkLog, startLoad } from '../support/crash.ts';
import { TestService, type TestFolder, testFolder } from '../support/ledger.ts';
import { startStore, type StoreProcess } from '../support/store-process.ts';

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' });

/** Null, and a line that says so, where this machine does not let us. */
function permitted<T>(what: string, setup: () => T): T | null {
  try {
    return setup();
  } catch (error) {
    console.warn(`${what} did not run: ${(error as Error).message.split('\n')[0]}`);
    return null;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 6_000) throw new Error('it did not happen within 30 s');
    await sleep(5);
  }
}

interface Refused {
  readonly receipts: Receipt[];
  readonly status: LedgerStatus;
}

/** `refusedAt` is called with the load still on, when the first append has been refused. */
async function appendUntilRefused(ledger: Ledger, refusedAt: () => void = () => {}): Promise<Refused> {
  const load = startLoad(ledger, 64);
  await until(() => load.refused() > 0);
  refusedAt();
  await until(() => ledger.status().state !== 'open');
  const status = ledger.status();
  await load.stop();
  return { receipts: load.receipts, status };
}

/** Takes what is left: what tidying gives back is little, and would sometimes be enough to go on. */
function fill(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (;;) writeSync(file, new Uint8Array(4_096));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  } finally {
    closeSync(file);
  }
}

interface Rig {
  readonly folder: TestFolder;
  readonly dir: string;
  readonly service: TestService;
  readonly ledger: Ledger;
  store: StoreProcess;
}

async function rigOn(folder: TestFolder, mounted: string): Promise<Rig> {
  const dir = join(mounted, 'log');
  const service = new TestService();
  // The socket is beside the mount: a full disk must not keep the store from listening.
  const rig = { folder, dir, service, store: await start(folder, dir) };
  const client = createRpcStore(() => connect({ family: 'unix', path: rig.store.socket }));
  return Object.assign(rig, { ledger: (await service.boot(client)).ledger });
}

function start(folder: TestFolder, dir: string): Promise<StoreProcess> {
  return startStore(dir, ['--segment-bytes', '131072'], join(folder.path, 'store.sock'));
}

it('a tmpfs of 4 MiB that fills up', { timeout: 120_000 }, async () => {
  using folder = testFolder({ real: true });
  const mounted = join(folder.path, 'mounted');
  mkdirSync(mounted);
  if (
    permitted('the full tmpfs', () => run('mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mounted)) === null
  )
    return;
  try {
    writeFileSync(join(mounted, 'ballast-1'), new Uint8Array(1 << 20));
    writeFileSync(join(mounted, 'ballast-2'), new Uint8Array(1 << 20));
    const rig = await rigOn(folder, mounted);
    const rest = join(mounted, 'rest');
    const first = await appendUntilRefused(rig.ledger, () => fill(rest));
    expect(first.status).toEqual({ state: 'LOG_UNAVAILABLE', code: 'STORE_FULL' });
    await sleep(300);
    expect(rig.ledger.status()).toEqual({ state: 'LOG_UNAVAILABLE', code: 'STORE_FULL' });
    rmSync(rest);
    rmSync(join(mounted, 'ballast-1'));
    await until(() => rig.ledger.status().state === 'open');
    const second = await appendUntilRefused(rig.ledger);
    expect(second.receipts.length).toBeGreaterThan(0);
    // Killed while the disk is full: it listens again, refuses, and recovers when there is room.
    await rig.store.stop('SIGKILL');
    fill(rest);
    rig.store = await start(folder, rig.dir);
    expect(rig.store.ready).toMatchObject({ code: 'STORE_FULL' });
    await until(() => rig.ledger.status().code === 'STORE_FULL');
    rmSync(rest);
    rmSync(join(mounted, 'ballast-2'));
    await until(() => rig.ledger.status().state === 'open');
    run('mount', '-o', 'remount,size=64m', mounted);
    await rig.ledger.publish();
    await rig.ledger.close();
    await rig.store.stop('SIGTERM');
    const receipts = [...first.receipts, ...second.receipts];
    const { size } = await checkLog(rig.service, rig.dir, receipts);
    console.log(`tmpfs of 4 MiB filled twice: ${receipts.length} acknowledged, ${size} logged`);
  } finally {
    run('umount', '-l', mounted);
  }
});

it('an fdatasync that really fails', { timeout: 120_000 }, async () => {
  using folder = testFolder({ real: true });
  const backing = join(folder.path, 'backing');
  const mounted = join(folder.path, 'mounted');
  const image = join(backing, 'image');
  mkdirSync(backing);
  mkdirSync(mounted);
  let loop = '';
  const ready = permitted('the failing fdatasync', () => {
    run('mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', backing);
    run('truncate', '-s', '64m', image);
    run('mkfs.ext4', '-q', '-O', '^has_journal', '-E', 'lazy_itable_init=1', image);
    loop = run('losetup', '-f', '--show', image).trim();
    run('mount', loop, mounted);
    return true;
  });
  try {
    if (ready === null) return;
    const rig = await rigOn(folder, mounted);
    const first = await appendUntilRefused(rig.ledger);
    expect(first.status.state).toBe('LOG_UNAVAILABLE');
    console.log(`the first refusal was ${first.status.code}`);
    expect(first.status.code).toBe('STORE_FSYNC_FAILED');
    run('mount', '-o', 'remount,size=256m', backing);
    await until(() => rig.ledger.status().state === 'open');
    const load = startLoad(rig.ledger, 16);
    await sleep(200);
    await load.stop();
    expect(load.receipts.length).toBeGreaterThan(0);
    await rig.ledger.publish();
    await rig.ledger.close();
    await rig.store.stop('SIGTERM');
    // Past the page cache: what is checked is read from the device again.
    run('umount', mounted);
    run('mount', loop, mounted);
    const receipts = [...first.receipts, ...load.receipts];
    const { size } = await checkLog(rig.service, rig.dir, receipts);
    console.log(`fdatasync failed for real: ${receipts.length} acknowledged, ${size} logged`);
  } finally {
    for (const undo of [
      ['umount', '-l', mounted],
      ['losetup', '-d', loop],
      ['umount', '-l', backing],
    ])
      permitted(`cleaning up (${undo.join(' ')})`, () => run(undo[0] as string, ...undo.slice(1)));
  }
});
