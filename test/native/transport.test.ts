/** Streams over Unix sockets: the same suite through node:net and through the addon, whose code vsock shares. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { Readable, type Duplex } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, listen, transportError, type UnixAddress } from '../../native/index.ts';
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
  type Via,
  write,
} from './support.ts';

beforeAll(demandAddon);
afterAll(removeSockets);

const MIB = 1 << 20;
const sha256 = async (stream: Readable): Promise<string> => {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
};
const echo = (socket: Duplex): void => {
  pipeline(socket, socket).catch(() => undefined);
};
const read = async (stream: Readable): Promise<string> => {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
};

describe.each<Via>(['node', 'addon'])('Unix sockets via %s', (via) => {
  let atStart = 0;
  beforeAll(() => {
    atStart = openDescriptors();
  });
  // The whole suite opens thousands of sockets, and every one of them is closed again.
  afterAll(async () => {
    expect(await settledDescriptors(atStart)).toBe(atStart);
  });

  const fresh = (): UnixAddress => ({ family: 'unix', path: socketPath(), via });

  it('echoes 64 MiB in pieces of odd sizes, unchanged', async () => {
    const before = openDescriptors();
    const address = fresh();
    const listener = await listen(address, { allowHalfOpen: true }, echo);
    const client = await connect(address, { allowHalfOpen: true });
    const sent = createHash('sha256');
    const block = randomBytes(200_003);
    const source = Readable.from(
      (function* pieces() {
        for (
          let left = 64 * MIB, size = 1;
          left > 0;
          left -= size, size = Math.min(left, (size * 7 + 1) % 200_003)
        ) {
          if (size === 0) size = 1;
          const piece = block.subarray(0, size);
          sent.update(piece);
          yield piece;
        }
      })(),
    );
    const [received] = await Promise.all([sha256(client), pipeline(source, client, { end: true })]);
    expect(received).toBe(sent.digest('hex'));
    await closed(client);
    await listener.close();
    expect(await settledDescriptors(before)).toBeLessThanOrEqual(before);
  });

  it('serves 300 connections at once', async () => {
    const before = openDescriptors();
    const address = fresh();
    const listener = await listen(address, { allowHalfOpen: true }, echo);
    const clients = await Promise.all(Array.from({ length: 300 }, () => connect(address)));
    const answers = await Promise.all(
      clients.map((client, i) => {
        client.end(`client ${i} `.repeat(100));
        return read(client);
      }),
    );
    expect(answers.every((answer, i) => answer === `client ${i} `.repeat(100))).toBe(true);
    await listener.close();
    expect(await settledDescriptors(before)).toBeLessThanOrEqual(before);
  });

  it('keeps half a connection: either side may end first and still receive', async () => {
    for (const first of ['client', 'server'] as const) {
      const pair = await openPair(via, { allowHalfOpen: true });
      const [early, late] = first === 'client' ? [pair.client, pair.server] : [pair.server, pair.client];
      early.end('question');
      expect(await read(late)).toBe('question');
      await sleep(20);
      await write(late, Buffer.from('long '));
      late.end('answer');
      expect(await read(early)).toBe('long answer');
      await closePair(pair);
    }
  });

  it('ends its side when the peer ends, unless half-open was asked for', async () => {
    const pair = await openPair(via);
    pair.server.resume();
    pair.client.resume();
    const both = Promise.all([finished(pair.client), finished(pair.server)]);
    pair.client.end();
    await both;
    await closePair(pair);
  });

  it('holds a writer back while the reader is slow, in bounded memory', async () => {
    const pair = await openPair(via);
    const chunk = Buffer.alloc(64 * 1024, 1);
    let accepted = 0;
    while (pair.client.write(chunk)) accepted += chunk.length;
    await sleep(50);
    let more = 0;
    while (pair.client.writableLength < pair.client.writableHighWaterMark && more < 1000) {
      pair.client.write(chunk);
      more += 1;
      await sleep(1);
    }
    const taken = accepted + (more + 1) * chunk.length;
    expect(taken).toBeLessThan(4 * MIB);
    expect(pair.client.writableLength).toBeGreaterThan(0);
    expect(pair.client.writableNeedDrain).toBe(true);
    const drained = new Promise((resolve) => pair.client.once('drain', resolve));
    pair.server.resume();
    await drained;
    await closePair(pair);
  });

  it('stops reading while the consumer does not', async () => {
    const pair = await openPair(via);
    const total = 32 * MIB;
    const chunk = Buffer.alloc(MIB, 2);
    const sending = (async () => {
      for (let sent = 0; sent < total; sent += chunk.length) await write(pair.client, chunk);
      pair.client.end();
    })();
    const rss = process.memoryUsage().rss;
    let received = 0;
    pair.server.once('readable', () => undefined);
    await sleep(100);
    expect(pair.server.readableLength).toBeLessThanOrEqual(pair.server.readableHighWaterMark + 65536);
    for await (const piece of pair.server) {
      received += (piece as Buffer).length;
      if (received % (4 * MIB) < 65536) await sleep(2);
    }
    await sending;
    expect(received).toBe(total);
    expect(process.memoryUsage().rss - rss).toBeLessThan(48 * MIB);
    await closePair(pair);
  });

  it('says that the peer is gone: reset on reading, broken pipe on writing', async () => {
    const before = openDescriptors();
    const pair = await openPair(via);
    // Bytes that the peer never read make its close a reset.
    await write(pair.client, Buffer.from('unread'));
    await sleep(10);
    const error = nextError(pair.client);
    pair.client.resume();
    pair.server.destroy();
    pair.client.write('more');
    expect(transportError(await error).code).toBe('CONNECTION_LOST');
    await closePair(pair);

    const other = await openPair(via);
    const broken = nextError(other.client);
    other.server.destroy();
    await closed(other.server);
    other.client.write('nobody');
    expect(transportError(await broken).code).toBe('CONNECTION_LOST');
    await closePair(other);
    expect(await settledDescriptors(before)).toBeLessThanOrEqual(before);
  });

  it('gives the end, and nothing more, when the peer closes in order', async () => {
    const pair = await openPair(via);
    pair.server.end('bye');
    expect(await read(pair.client)).toBe('bye');
    await closePair(pair);
  });

  it('fails the write that waits when its stream is destroyed', async () => {
    const pair = await openPair(via);
    const stuck = write(pair.client, Buffer.alloc(8 * MIB));
    const failed = expect(stuck).rejects.toThrow();
    await sleep(10);
    pair.client.destroy();
    await failed;
    await closePair(pair);
  });

  it('refuses to connect where nobody listens', async () => {
    const before = openDescriptors();
    await expect(connect(fresh())).toRejectWith('CONNECTION_REFUSED');
    const file = socketPath();
    writeFileSync(file, '');
    await expect(connect({ family: 'unix', path: file, via })).toRejectWith('CONNECTION_REFUSED');
    const address = fresh();
    const listener = await listen(address, {}, echo);
    await listener.close();
    expect(existsSync(address.path)).toBe(false);
    await expect(connect(address)).toRejectWith('CONNECTION_REFUSED');
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  it('refuses a second listener, and one on a file that is no socket', async () => {
    const address = fresh();
    const listener = await listen(address, {}, echo);
    await expect(listen(address, {}, echo)).toRejectWith('ADDRESS_IN_USE');
    const other = { ...address, via: via === 'node' ? 'addon' : 'node' } as const;
    await expect(listen(other, {}, echo)).toRejectWith('ADDRESS_IN_USE');
    const client = await connect(address);
    await closed(client);
    await listener.close();
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
    await expect(connect(address, { signal: AbortSignal.abort() })).toRejectWith('CONNECTION_CANCELLED');
    await Promise.all(queued.map(closed));
    await idle.stop();
    expect(await settledDescriptors(before)).toBeLessThanOrEqual(before);
  });

  it('closes connections above its limit on arrival', async () => {
    const address = fresh();
    const held: Duplex[] = [];
    const listener = await listen(address, { maxConnections: 2 }, (socket) => held.push(socket));
    const clients = await Promise.all([connect(address), connect(address), connect(address)]);
    const ended = await Promise.race(
      clients.map(async (client, i) => {
        client.on('error', () => undefined);
        client.resume();
        await finished(client).catch(() => undefined);
        return i;
      }),
    );
    expect(ended).toBe(2);
    expect(held.length).toBe(2);
    await Promise.all([...clients, ...held].map(closed));
    await listener.close();
  });

  it('closing a listener leaves its connections, and may be done twice', async () => {
    const address = fresh();
    const accepted = Promise.withResolvers<Duplex>();
    const listener = await listen(address, {}, (socket) => accepted.resolve(socket));
    const client = await connect(address);
    const server = await accepted.promise;
    await listener.close();
    await listener.close();
    server.end('still here');
    expect(await read(client)).toBe('still here');
    await closed(server);
  });

  it('breaks the pipe of who writes after both sides have ended', async () => {
    const pair = await openPair(via);
    pair.server.end();
    expect(await read(pair.client)).toBe('');
    await sleep(10);
    pair.client.on('error', () => undefined);
    const reason = await write(pair.client, Buffer.from('late')).catch((error: unknown) => error);
    expect(reason).toBeInstanceOf(Error);
    if (via === 'addon') expect(transportError(reason).code).toBe('CONNECTION_LOST');
    await closePair(pair);
  });

  it('opens and closes 1,000 times without a trace', async () => {
    const before = openDescriptors();
    const address = fresh();
    const listener = await listen(address, {}, echo);
    for (let i = 0; i < 1000; i++) {
      const client = await connect(address);
      if (i % 3 === 0) client.destroy();
      else if (i % 3 === 1) await read(client.end('x'));
      else {
        client.write('y');
        await closed(client);
      }
    }
    await listener.close();
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
