/** The relay carries bytes, both ends of a stream, and nothing else; it survives whatever either side does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { openChannel } from '../../host/client/channel.ts';
import { connectStream } from '../../host/client/stream.ts';
import { createRelay, type Relay, type RelayLimits } from '../../host/relay/index.ts';
import { Enclave } from '../../src/rpc/service.ts';
import { closed, delay, drain, startServer } from '../server/support.ts';

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'assay-relay-'));
  undo.push(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function listenOn(path: string, onSocket: (socket: Socket) => void): Promise<void> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

interface Bed {
  readonly relay: Relay;
  /** With `half`, its own side stays open after the other's end. */
  near(half?: boolean): Promise<Socket>;
}

/** near.sock → relay → far.sock, where `far` lives. */
async function bed(far: ((socket: Socket) => void) | null, limits: Partial<RelayLimits> = {}): Promise<Bed> {
  const base = folder();
  const [nearPath, farPath] = [join(base, 'near'), join(base, 'far')];
  if (far !== null) await listenOn(farPath, far);
  const relay = createRelay(
    () => connectStream({ family: 'unix', path: farPath }, { timeoutMs: 1_000, allowHalfOpen: true }),
    limits,
  );
  undo.push(() => relay.close());
  await listenOn(nearPath, relay.accept);
  return {
    relay,
    near: (half = false) =>
      new Promise((resolve) => {
        const socket = connect({ path: nearPath, allowHalfOpen: half }, () => resolve(socket));
        socket.on('error', () => undefined);
        undo.push(() => socket.destroy());
      }),
  };
}

const echo = (socket: Socket): void => void socket.pipe(socket);
/** A far side that ends when it is ended, and reads. */
const sink = (socket: Socket): void => void socket.resume();
const gone = async (relay: Relay): Promise<void> => {
  for (let i = 0; i < 400 && relay.connections() > 0; i++) await delay(5);
  expect(relay.connections()).toBe(0);
};

describe('the relay', () => {
  it('carries any bytes in any pieces, and the end of each side', async () => {
    const { near, relay } = await bed(echo);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 5_000 }), { maxLength: 10 }), async (chunks) => {
        const socket = await near();
        const got = drain(socket);
        for (const chunk of chunks) socket.write(chunk);
        socket.end();
        expect(Buffer.compare(await got, Buffer.concat(chunks))).toBe(0);
      }),
      { numRuns: 30 },
    );
    await gone(relay);
  });

  it('keeps the other direction open after one end', async () => {
    const { near } = await bed((socket) => {
      socket.resume();
      socket.once('end', () => setTimeout(() => socket.end('after your end'), 50));
    });
    const socket = await near(true);
    const got = drain(socket);
    socket.end('question');
    expect(Buffer.from(await got).toString()).toBe('after your end');
  });

  it('passes on the end of the far side while the near one still sends', async () => {
    const received: Uint8Array[] = [];
    const { near } = await bed((socket) => {
      socket.end('first');
      socket.on('data', (chunk) => received.push(chunk));
    });
    const socket = await near(true);
    const ended = new Promise((resolve) => socket.once('end', resolve));
    socket.resume();
    await ended;
    socket.end('still here');
    await closed(socket);
    await delay(20);
    expect(Buffer.concat(received).toString()).toBe('still here');
  });

  it('holds no more than a buffer for a far side that does not read', async () => {
    const { near } = await bed((socket) => void socket.pause());
    const socket = await near();
    const block = new Uint8Array(65_536);
    let taken = 0;
    // Each write waits for the kernel; the relay and the two sockets take a few buffers, then no more.
    const write = (): Promise<boolean> =>
      Promise.race([
        new Promise<boolean>((resolve) => socket.write(block, () => resolve(true))),
        delay(200).then(() => false),
      ]);
    while (taken < 64 << 20 && (await write())) taken += block.length;
    expect(taken).toBeLessThan(4 << 20);
  });

  it('ends the near side when the far one dies', async () => {
    const far: Socket[] = [];
    const { near, relay } = await bed((socket) => void far.push(socket.resume()));
    const socket = await near();
    for (let i = 0; i < 200 && far.length < 1; i++) await delay(5);
    far[0]?.destroy();
    await closed(socket);
    await gone(relay);
  });

  it('cuts the far side when it talks to a near one that died', async () => {
    const far: Socket[] = [];
    const { near, relay } = await bed((socket) => void far.push(socket.resume()));
    const socket = await near();
    for (let i = 0; i < 200 && far.length < 1; i++) await delay(5);
    socket.destroy();
    const timer = setInterval(() => far[0]?.write('are you there?'), 5);
    await closed(far[0] as Socket);
    clearInterval(timer);
    await gone(relay);
  });

  it('cuts the far side at once when the near one is reset', async () => {
    const { relay } = await bed(sink);
    const server = createServer({ allowHalfOpen: true }, relay.accept);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    undo.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1' });
    for (let i = 0; i < 200 && relay.connections() < 1; i++) await delay(5);
    socket.resetAndDestroy();
    await gone(relay);
  });

  it('closes the near side when there is no far side', async () => {
    const { near, relay } = await bed(null);
    await closed(await near());
    await gone(relay);
  });

  it('drops what is idle, and what stays half open', async () => {
    const { near, relay } = await bed(sink, { idleMs: 120, halfOpenMs: 60 });
    const idle = await near();
    await closed(idle);
    const half = await near(true);
    half.end();
    const began = performance.now();
    await closed(half);
    expect(performance.now() - began).toBeLessThan(1_000);
    await gone(relay);
  });

  it('keeps a slow conversation', async () => {
    const { near } = await bed(echo, { idleMs: 150 });
    const socket = await near();
    const got: Uint8Array[] = [];
    socket.on('data', (chunk) => got.push(chunk));
    for (let i = 0; i < 8; i++) {
      socket.write(Uint8Array.of(i));
      await delay(50);
    }
    expect(Buffer.concat(got).toString('hex')).toBe('0001020304050607');
  });

  it('bounds its connections and makes room again', async () => {
    const { near, relay } = await bed(echo, { maxConnections: 2 });
    const held = [await near(), await near()];
    for (let i = 0; i < 200 && relay.connections() < 2; i++) await delay(5);
    await closed(await near());
    for (const socket of held) socket.destroy();
    await gone(relay);
    const again = await near();
    again.end('x');
    expect(Buffer.from(await drain(again)).toString()).toBe('x');
  });

  it('takes nothing after it is closed', async () => {
    const { near, relay } = await bed(echo);
    const open = await near();
    relay.close();
    await closed(open);
    await closed(await near());
  });
});

describe('the relay program', () => {
  const program = join(import.meta.dirname, '../../host/relay/main.ts');

  function run(...args: string[]): {
    child: ChildProcess;
    out: () => string;
    err: () => string;
    ended: Promise<number | null>;
  } {
    const child = spawn(process.execPath, ['--no-warnings', program, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => (out += String(text)));
    child.stderr.on('data', (text) => (err += String(text)));
    undo.push(() => child.kill('SIGKILL'));
    return {
      child,
      out: () => out,
      err: () => err,
      ended: new Promise((resolve) => child.once('close', resolve)),
    };
  }

  async function ready(one: ReturnType<typeof run>): Promise<{ address: string; port: number | null }> {
    for (let i = 0; i < 2_000 && !one.out().includes('\n'); i++) await delay(5);
    return JSON.parse(one.out().split('\n')[0] as string);
  }

  it('gives a client TLS to the server itself, over TCP and over a Unix socket', async () => {
    const server = await startServer();
    undo.push(() => server.close());
    const near = join(folder(), 'near');
    for (const listen of ['127.0.0.1:0', `unix:${near}`]) {
      const one = run('--listen', listen, '--to', server.address);
      const { address, port } = await ready(one);
      expect(port === null ? address : address.replace(/\d+$/, '0')).toBe(listen);
      const channel = await openChannel(port === null ? address : `assay://${address}`, { tls: {} });
      const challenge = new Uint8Array(32).fill(9);
      const { session } = await channel.call(Enclave.Attest, { challenge, fresh: false });
      expect(session).toEqual(channel.exporter(challenge));
      one.child.kill('SIGTERM');
      expect(await one.ended).toBe(0);
      expect((await channel.closed).code).toBe('CONNECTION_LOST');
    }
  });

  it('ends with whoever started it through a pipe', async () => {
    const one = run('--listen', '127.0.0.1:0', '--to', `unix:${join(folder(), 'far')}`);
    await ready(one);
    one.child.stdin?.end();
    expect(await one.ended).toBe(0);
  });

  it('says what is wrong with its command line', async () => {
    const cases: readonly (readonly [string[], RegExp, number])[] = [
      [[], /^USAGE: /, 2],
      [['--listen', '127.0.0.1:0'], /^USAGE: /, 2],
      [['--what'], /^USAGE: /, 2],
      [['--listen', '127.0.0.1:99999', '--to', 'unix:/x'], /^ADDRESS_INVALID: /, 2],
      [['--listen', '127.0.0.1:0', '--to', 'ftp://x'], /^ADDRESS_INVALID: /, 2],
      [['--listen', 'unix:/nowhere/at/all', '--to', 'unix:/x'], /^ADDRESS_INVALID: /, 2],
      [['--listen', '192.0.2.1:5000', '--to', 'unix:/x'], /^ADDRESS_INVALID: /, 2],
    ];
    await Promise.all(
      cases.map(async ([args, said, exit]) => {
        const one = run(...args);
        expect(await one.ended).toBe(exit);
        expect(one.err()).toMatch(said);
        expect(one.out()).toBe('');
      }),
    );
  });
});
