/** Streams over Unix sockets: the same suite through node:net and through the addon, whose code vsock shares. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, listen, transportError, type UnixAddress } from '../../native/index.ts';
import { echo, streamCases } from './cases/streams.ts';
import { tlsCases } from './cases/tls.ts';
import { workerCases } from './cases/workers.ts';
import {
  closed,
  closePair,
  demandAddon,
  nextError,
  openDescriptors,
  openPair,
  removeSockets,
  settledDescriptors,
  sleep,
  socketPath,
  unixNetwork,
  type Via,
} from './support.ts';

beforeAll(demandAddon);
afterAll(removeSockets);

describe.each<Via>(['node', 'addon'])('Unix sockets via %s', (via) => {
  let atStart = 0;
  beforeAll(() => {
    atStart = openDescriptors();
  });
  // The whole suite opens thousands of sockets, and every one of them is closed again.
  afterAll(async () => {
    expect(await settledDescriptors(atStart)).toBe(atStart);
  });

  const network = unixNetwork(via);
  const fresh = (): UnixAddress => ({ family: 'unix', path: socketPath(), via });

  for (const make of [streamCases, tlsCases, workerCases])
    for (const { name, run } of make(network)) it(name, run);

  it('is reset when its peer closes on bytes that it has not read', async () => {
    const pair = await openPair(network);
    // More than the peer takes without a reader.
    pair.client.write(Buffer.alloc(4 << 20));
    await sleep(50);
    const error = nextError(pair.client);
    pair.client.resume();
    pair.server.destroy();
    expect(transportError(await error).code).toBe('CONNECTION_LOST');
    await closePair(pair);
  });

  it('refuses to connect to a file that is no socket', async () => {
    const file = socketPath();
    writeFileSync(file, '');
    await expect(connect({ family: 'unix', path: file, via })).toRejectWith('CONNECTION_REFUSED');
  });

  it('removes its file, and listens beside nobody and on no file of others', async () => {
    const address = fresh();
    const listener = await listen(address, {}, echo);
    const other = { ...address, via: via === 'node' ? 'addon' : 'node' } as const;
    await expect(listen(other, {}, echo)).toRejectWith('ADDRESS_IN_USE');
    await listener.close();
    expect(existsSync(address.path)).toBe(false);
    writeFileSync(address.path, 'precious');
    await expect(listen(address, {}, echo)).toRejectWith('ADDRESS_IN_USE');
    expect(existsSync(address.path)).toBe(true);
  });

  it('takes over the socket file of a process that was killed', async () => {
    const address = fresh();
    const killed = `require('net').createServer().listen(${JSON.stringify(address.path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', killed]);
    expect(existsSync(address.path)).toBe(true);
    const listener = await listen(address, {}, echo);
    await closed(await connect(address));
    await listener.close();
  });

  it('refuses addresses that cannot be', async () => {
    for (const path of ['', 'a\0b', `/tmp/${'x'.repeat(103)}`]) {
      await expect(listen({ family: 'unix', path, via }, {}, echo)).toRejectWith('ADDRESS_INVALID');
      await expect(connect({ family: 'unix', path, via })).toRejectWith('ADDRESS_INVALID');
    }
    const nowhere = { family: 'unix', path: '/nonexistent/folder/s', via } as const;
    await expect(listen(nowhere, {}, echo)).toRejectWith('ADDRESS_INVALID');
  });

  it('waits for a full backlog until the time is up or the caller cancels', async () => {
    const before = openDescriptors();
    const path = socketPath();
    // Listens and never accepts.
    const idle = spawnIdleListener(path);
    await idle.ready;
    const address = { family: 'unix', path, via } as const;
    const queued: Duplex[] = [];
    const started = performance.now();
    await expect(
      (async () => {
        for (let i = 0; i < 10; i++) queued.push(await connect(address, { timeoutMs: 150 }));
      })(),
    ).toRejectWith('CONNECTION_TIMEOUT');
    expect(performance.now() - started).toBeGreaterThan(140);
    const stop = new AbortController();
    const waiting = expect(connect(address, { signal: stop.signal })).toRejectWith('CONNECTION_CANCELLED');
    setTimeout(() => stop.abort(), 30);
    await waiting;
    await Promise.all(queued.map(closed));
    await idle.stop();
    expect(await settledDescriptors(before)).toBeLessThanOrEqual(before);
  });
});

interface IdleListener {
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

/** Python, because a Node process would accept; backlog 0 holds one connection. */
function spawnIdleListener(path: string): IdleListener {
  const program = `import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.bind(${JSON.stringify(path)})\ns.listen(0)\nprint("up",flush=True)\nsys.stdin.read()`;
  const child = spawn('python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    ready: new Promise((resolve) => child.stdout.once('data', () => resolve())),
    stop: () =>
      new Promise((resolve) => {
        child.once('close', () => resolve());
        child.stdin.end();
      }),
  };
}
