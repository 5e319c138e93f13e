import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRpcStore } from '../../enclave/ledger/index.ts';
import { connect } from '../../native/transport.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { startStore, STORE_MAIN } from '../support/store-process.ts';
import { testFolder } from '../support/ledger.ts';
import { plainBatch, plainCheckpoint, plainLeaves } from '../support/store.ts';

function ended(args: readonly string[]): Promise<{ status: number | null; out: string; err: string }> {
  const child: ChildProcess = spawn(process.execPath, ['--no-warnings', STORE_MAIN, ...args]);
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => (out += chunk));
  child.stderr?.on('data', (chunk) => (err += chunk));
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, out, err })));
}

describe('the store as a process', () => {
  it('serves every call over a Unix socket, and has it all after a restart', async () => {
    using folder = testFolder();
    const dir = join(folder.path, 'log');
    let store = await startStore(dir);
    const client = createRpcStore(() => connect({ family: 'unix', path: store.socket }));
    expect(await client.open()).toEqual({ published: 0, next: 0 });
    const batch = plainBatch(0, plainLeaves(0, 300));
    await client.stage(batch);
    expect(await client.staged(299)).toEqual(batch);
    expect(await client.staged(300)).toBeNull();
    expect(await client.publish(plainCheckpoint(plainLeaves(0, 300)))).toBe(300);
    await client.put('keyring', utf8('sealed'));
    expect(await client.read('keyring', 2)).toEqual({ found: true, data: utf8('aled'), more: false });
    expect(await client.read('seals/1', 0)).toMatchObject({ found: false });
    await expect(client.read('/etc/passwd', 0)).toRejectWith('STORE_PATH_INVALID');
    await expect(client.stage(plainBatch(305, plainLeaves(305, 306)))).toRejectWith('STORE_INDEX_CONFLICT');
    const lost = new Promise((resolve) => client.onLost(resolve));
    await store.stop('SIGKILL');
    await lost;
    await expect(client.read('keyring', 0)).toRejectWith('CONNECTION_LOST');
    store = await startStore(dir);
    expect(await client.open()).toEqual({ published: 300, next: 300 });
    client.close();
    expect(await store.stop('SIGTERM')).toBe(0);
  });

  it('ends with whoever started it through a pipe, so that nobody finds the folder locked', async () => {
    using folder = testFolder();
    const dir = join(folder.path, 'log');
    const store = await startStore(dir);
    const client = createRpcStore(() => connect({ family: 'unix', path: store.socket }));
    await client.open();
    expect(await store.abandon()).toBe(0);
    const next = await startStore(dir);
    expect(await next.stop('SIGTERM')).toBe(0);
    client.close();
  });

  it('refuses a folder that another process serves', async () => {
    using folder = testFolder();
    const dir = join(folder.path, 'log');
    const store = await startStore(dir);
    const second = await ended(['--dir', dir, '--listen', `unix:${join(folder.path, 'other')}`]);
    expect(second).toMatchObject({ status: 1, out: '' });
    expect(second.err).toContain('STORE_LOCKED');
    await store.stop('SIGKILL');
    const third = await startStore(dir);
    await third.stop('SIGTERM');
  });

  it('ends with an error on a damaged folder', async () => {
    using folder = testFolder();
    const dir = join(folder.path, 'log');
    const store = await startStore(dir);
    const client = createRpcStore(() => connect({ family: 'unix', path: store.socket }));
    await client.open();
    await client.stage(plainBatch(0, plainLeaves(0, 3)));
    await client.stage(plainBatch(3, plainLeaves(3, 4)));
    client.close();
    await store.stop('SIGTERM');
    const wal = join(dir, 'stage', '0000000000000000.wal');
    const bytes = readFileSync(wal);
    bytes[60] = (bytes[60] as number) ^ 1;
    writeFileSync(wal, bytes);
    const after = await ended(['--dir', dir, '--listen', `unix:${join(folder.path, 'socket')}`]);
    expect(after.status).toBe(1);
    expect(after.err).toContain('STORE_STAGE_CORRUPT');
    expect(readFileSync(wal)).toEqual(bytes);
  });

  it.each([
    [[]],
    [['--dir', '/tmp']],
    [['--dir', '/tmp', '--listen', 'tcp://127.0.0.1:1']],
    [['--dir', '/tmp', '--listen', 'unix:']],
    [['--dir', '/tmp', '--listen', 'unix:/tmp/x', '--segment-bytes', '1e3']],
    [['--dir', '/tmp', '--listen', 'unix:/tmp/x', '--nonsense']],
    [['--dir', '/tmp', '--listen', 'unix:/tmp/x', 'extra']],
  ])('ends with status 2 on %j', async (args) => {
    const { status, out, err } = await ended(args);
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/^store: (?:USAGE|ADDRESS_INVALID): /);
  });

  it('listens on a disk that is not usable yet, and says so', async () => {
    using folder = testFolder();
    const dir = join(folder.path, 'log');
    // A file where a folder should be: an error of the disk, not of the log.
    mkdirSync(dir);
    writeFileSync(join(dir, 'stage'), '');
    const store = await startStore(dir);
    expect(store.ready).toMatchObject({ event: 'ready', code: 'STORE_IO' });
    const client = createRpcStore(() => connect({ family: 'unix', path: store.socket }));
    await expect(client.open()).toRejectWith('STORE_IO');
    client.close();
    await store.stop('SIGTERM');
  });
});
