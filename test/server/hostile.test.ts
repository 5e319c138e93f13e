/**
 * Whatever a stranger sends, the server stays up, says why where it can, drops what does not keep the bounds, and
 * serves a good client afterwards.
 */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { openChannel } from '../../host/client/channel.ts';
import type { ServeLimits } from '../../native/rpc/index.ts';
import type { Code } from '../../src/base/errors.ts';
import { encodeRequest } from '../../src/rpc/envelope.ts';
import { type Frame, FrameDecoder } from '../../src/rpc/frame.ts';
import { messageCodec } from '../../src/rpc/messages.ts';
import { Enclave } from '../../src/rpc/service.ts';
import { errorOf } from '../../src/rpc/status.ts';
import { frame } from '../support/frames.ts';
import { closed, delay, drain, rawSocket, rawTls, startServer, type TestServer } from './support.ts';
import { itWithOpenssl } from '../support/openssl.ts';

const none = new Uint8Array(0);
let server: TestServer;

async function start(limits: Partial<ServeLimits> = {}): Promise<TestServer> {
  server = await startServer(limits);
  return server;
}

/** A good client gets an answer; then nothing of this test is left on the server. */
afterEach(async () => {
  const good = await openChannel(server.address, { tls: {}, timeoutMs: 5_000 });
  expect(await good.call(Enclave.Status, {})).toMatchObject({ state: 'SERVING' });
  good.close();
  await server.close();
  expect(server.server.connections()).toBe(0);
});

const status = (streamId: number): Uint8Array => encodeRequest(streamId, Enclave.Status, {}, 0, 1 << 20);
const wait = (streamId: number, index: number): Uint8Array =>
  encodeRequest(streamId, Enclave.GetReceipt, { index }, 0, 1 << 20);

/** Answers by stream: OK or the code of the refusal. */
function answers(bytes: Uint8Array): [number, Code | 'OK'][] {
  const out: [number, Code | 'OK'][] = [];
  new FrameDecoder(1 << 21, ({ streamId, payload }: Frame) => {
    const response = messageCodec('Response').decode(payload);
    out.push([streamId, response.status === null ? 'OK' : errorOf(response.status).code]);
  }).push(bytes);
  return out;
}

async function say(...frames: readonly Uint8Array[]): Promise<[number, Code | 'OK'][]> {
  const socket = await rawTls(server.path);
  for (const one of frames) socket.write(one);
  return answers(await drain(socket));
}

const dropsOf = (): Code[] => server.drops.map(({ code }) => code);

describe('frames that break the protocol end the connection', () => {
  const cases: readonly (readonly [string, Uint8Array, Code, answered: boolean])[] = [
    ['a frame over 1 MiB', frame(3, none, { length: 1_048_577 }), 'FRAME_TOO_LARGE', true],
    ['a length of 4 GiB', frame(3, Uint8Array.of(1, 2, 3), { length: 0xffff_ffff }), 'FRAME_TOO_LARGE', true],
    ['an unknown type', frame(3, none, { type: 9 }), 'FRAME_TYPE_UNKNOWN', true],
    ['a data frame', frame(3, none, { type: 3 }), 'FRAME_TYPE_UNKNOWN', true],
    ['a response', frame(3, none, { type: 2 }), 'FRAME_TYPE_UNKNOWN', true],
    ['the flags of a stream', frame(3, none, { flags: 2 }), 'FRAME_FLAGS_UNSUPPORTED', true],
    ['flags on a stream that is taken', frame(1, none, { flags: 2 }), 'FRAME_FLAGS_UNSUPPORTED', false],
    ['stream 0', frame(0, none), 'STREAM_ID_INVALID', false],
    ['an even stream', frame(2, none), 'STREAM_ID_INVALID', false],
    ['a stream used before', status(1), 'STREAM_ID_INVALID', false],
  ];
  for (const [what, bytes, code, answered] of cases) {
    it(what, async () => {
      await start();
      const got = await say(status(1), bytes);
      // The good call before it may or may not be answered in time; the refusal is.
      expect(got.filter(([, outcome]) => outcome !== 'OK')).toEqual(answered ? [[3, code]] : []);
      expect(dropsOf()).toEqual([code]);
    });
  }

  it('decreasing streams', async () => {
    await start();
    await say(status(5), status(3));
    expect(dropsOf()).toEqual(['STREAM_ID_INVALID']);
  });

  it('a length that lies: the next header is read from the middle of the call', async () => {
    await start();
    const whole = status(1);
    await say(frame(1, whole.subarray(10), { length: whole.length - 10 - 7 }), whole);
    expect(server.drops).toHaveLength(1);
  });
});

describe('bad calls are answered and the connection goes on', () => {
  it('an empty payload, garbage, an unknown method', async () => {
    await start();
    const socket = await rawTls(server.path);
    socket.write(frame(1, none));
    socket.write(frame(3, Uint8Array.of(0xff, 0xff, 0xff)));
    socket.write(
      frame(
        5,
        messageCodec('Request').encode({
          service: 'x',
          method: 'y',
          payload: none,
          timeoutNano: 0,
          metadata: [],
        }),
      ),
    );
    socket.write(status(7));
    const got = drain(socket);
    await delay(60);
    socket.destroy();
    expect(answers(await got)).toEqual([
      [1, 'RPC_METHOD_UNKNOWN'],
      [3, 'MESSAGE_INVALID'],
      [5, 'RPC_METHOD_UNKNOWN'],
      [7, 'OK'],
    ]);
  });

  it('the 257th stream', async () => {
    await start();
    const socket = await rawTls(server.path);
    for (let i = 0; i < 257; i++) socket.write(wait(2 * i + 1, 150));
    const got = drain(socket);
    await delay(60);
    socket.write(status(1_001));
    await delay(250);
    socket.write(status(1_003));
    await delay(60);
    socket.destroy();
    const list = answers(await got);
    expect(list.filter(([, outcome]) => outcome === 'STREAMS_EXCEEDED')).toEqual([
      [513, 'STREAMS_EXCEEDED'],
      [1_001, 'STREAMS_EXCEEDED'],
    ]);
    expect(list.filter(([, outcome]) => outcome === 'OK')).toHaveLength(257);
  });
});

describe('what is not TLS 1.3 with assay/1 gets no further', () => {
  /** Asynchronous, because the server runs in this process. */
  function openssl(...args: string[]): Promise<string> {
    return new Promise((resolve) => {
      const child = spawn('openssl', ['s_client', '-unix', server.path, '-alpn', 'assay/1', ...args]);
      let out = '';
      child.stdout.on('data', (text) => (out += String(text)));
      child.stderr.on('data', (text) => (out += String(text)));
      child.stdin.on('error', () => undefined);
      setTimeout(() => child.stdin.end('Q\n'), 150);
      child.once('close', () => resolve(out));
    });
  }

  it('garbage before TLS', async () => {
    await start();
    const socket = await rawSocket(server.path);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await closed(socket);
    expect(dropsOf()).toEqual(['CONNECTION_DROPPED']);
  });

  it('plain ttrpc', async () => {
    await start();
    const socket = await rawSocket(server.path);
    socket.write(status(1));
    await closed(socket);
    expect(dropsOf()).toEqual(['CONNECTION_DROPPED']);
  });

  it('TLS 1.2', async () => {
    await start();
    await expect(rawTls(server.path, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).rejects.toThrow();
    expect(dropsOf()).toEqual(['CONNECTION_DROPPED']);
  });

  it('another protocol, or none', async () => {
    await start();
    await expect(rawTls(server.path, { ALPNProtocols: ['h2'] })).rejects.toThrow();
    const silent = await rawTls(server.path, { ALPNProtocols: [] }).catch(() => null);
    if (silent !== null) await closed(silent);
    await delay(20);
    expect(dropsOf()).toEqual(['CONNECTION_DROPPED', 'CONNECTION_DROPPED']);
  });

  it('a peer that goes away in the handshake', async () => {
    await start();
    for (let i = 0; i < 20; i++) (await rawSocket(server.path)).destroy();
    await delay(50);
    expect(server.server.connections()).toBe(0);
  });

  itWithOpenssl('openssl agrees: TLS 1.3, no resumption from what it was given', async () => {
    await start();
    const file = `${server.path}.session`;
    const first = await openssl('-sess_out', file);
    expect(first).toMatch(/New, TLSv1\.3/);
    expect(first).toMatch(/ALPN protocol: assay\/1/);
    expect(first).not.toMatch(/Max Early Data: [1-9]/);
    const second = await openssl('-sess_in', file);
    expect(second).not.toMatch(/Reused/);
    expect(await openssl('-tls1_2')).not.toMatch(/New, TLSv1\.2/);
  });
});

describe('slow and silent peers are dropped', () => {
  const until = async (done: () => boolean, ms = 3_000): Promise<void> => {
    for (let i = 0; i < ms / 5 && !done(); i++) await delay(5);
    expect(done()).toBe(true);
  };

  it('one that never starts its handshake', async () => {
    await start({ handshakeMs: 80 });
    const socket = await rawSocket(server.path);
    await closed(socket);
    expect(server.drops[0]?.message).toMatch(/handshake/);
  });

  it('one that sends its handshake byte by byte', async () => {
    await start({ handshakeMs: 150 });
    const socket = await rawSocket(server.path);
    const hello = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3);
    let sent = 0;
    const timer = setInterval(() => socket.write(Uint8Array.of(hello[sent++ % hello.length] as number)), 10);
    const began = performance.now();
    await closed(socket);
    clearInterval(timer);
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('one that is idle, but not one that waits for an answer', async () => {
    await start({ idleMs: 100 });
    const idle = await rawTls(server.path);
    const waiting = await rawTls(server.path);
    waiting.write(wait(1, 400));
    const got = drain(waiting);
    await closed(idle);
    expect(server.drops[0]?.message).toMatch(/idle/);
    expect(answers(await got)).toEqual([[1, 'OK']]);
  });

  it('one that sends a frame byte by byte', async () => {
    await start({ frameMs: 150, idleMs: 5_000 });
    const socket = await rawTls(server.path);
    socket.on('error', () => undefined);
    const bytes = frame(1, new Uint8Array(2_000));
    let at = 0;
    const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), 10);
    const began = performance.now();
    await closed(socket);
    clearInterval(timer);
    expect(performance.now() - began).toBeLessThan(1_500);
    expect(server.drops[0]?.message).toMatch(/half sent/);
  });

  it('not one that sends many frames in odd pieces: the time is for each frame alone', async () => {
    const frameMs = 500;
    await start({ frameMs });
    const socket = await rawTls(server.path);
    const frames = 40;
    const bytes = Buffer.concat(Array.from({ length: frames }, (_, i) => status(2 * i + 1)));
    const chunks: Uint8Array[] = [];
    socket.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    const began = performance.now();
    // Four pieces a frame, about 20 ms: a frame has 25 times what it takes, all of them together take longer.
    const piece = Math.ceil(bytes.length / frames / 4) + 1;
    for (let at = 0; at < bytes.length; at += piece) {
      socket.write(bytes.subarray(at, at + piece));
      await delay(5);
    }
    expect(performance.now() - began).toBeGreaterThan(frameMs);
    await until(() => answers(Buffer.concat(chunks)).length === frames);
    expect(server.drops).toEqual([]);
    socket.destroy();
  });

  /** Asks for `count` answers of `size` bytes and reads none of them. */
  async function glutton(count: number, size: number): Promise<Socket> {
    const socket = await rawTls(server.path);
    socket.pause();
    const order = new Uint8Array(4);
    new DataView(order.buffer).setUint32(0, size);
    for (let i = 0; i < count; i++)
      socket.write(encodeRequest(2 * i + 1, Enclave.LoadPolicy, { order, bundle: none }, 0, 1 << 20));
    return socket;
  }

  it('one that does not read its answers, by time', async () => {
    await start({ stallMs: 100, pauseBytes: 100_000 });
    const socket = await glutton(8, 200_000);
    await until(() => server.drops.length > 0);
    expect(server.drops[0]?.message).toMatch(/does not read/);
    socket.destroy();
  });

  it('one that does not read its answers, by size', async () => {
    await start({ maxOutputBytes: 2_000_000 });
    const socket = await glutton(40, 200_000);
    await until(() => server.drops.length > 0);
    expect(server.drops[0]?.message).toMatch(/does not read/);
    socket.destroy();
  });

  it('not one that reads late', async () => {
    await start({ stallMs: 2_000, pauseBytes: 100_000 });
    const socket = await glutton(20, 200_000);
    await delay(150);
    const chunks: Uint8Array[] = [];
    socket.on('data', (chunk: Uint8Array) => chunks.push(chunk)).resume();
    await until(() => chunks.reduce((sum, chunk) => sum + chunk.length, 0) > 20 * 200_000);
    expect(answers(Buffer.concat(chunks))).toHaveLength(20);
    expect(server.drops).toEqual([]);
    socket.destroy();
  });

  it('one that closes its half', async () => {
    await start();
    const socket = await rawTls(server.path, {});
    socket.write(wait(1, 50));
    socket.end();
    await closed(socket);
    await until(() => server.server.connections() === 0);
  });
});

describe('connections', () => {
  it('over the limit are closed at once; one that ends makes room', async () => {
    await start({ maxConnections: 3 });
    const held: TLSSocket[] = [
      await rawTls(server.path),
      await rawTls(server.path),
      await rawTls(server.path),
    ];
    const fourth = await rawSocket(server.path);
    await closed(fourth);
    expect(server.drops[0]?.message).toMatch(/one more than 3/);
    for (const socket of held) socket.destroy();
    await delay(30);
    expect(server.server.connections()).toBe(0);
  });

  it('are at most 1,024', async () => {
    await start({ handshakeMs: 20_000 });
    const held: Socket[] = [];
    for (let i = 0; i < 1_024; i++) held.push(await rawSocket(server.path));
    for (let i = 0; i < 200 && server.server.connections() < 1_024; i++) await delay(5);
    expect(server.server.connections()).toBe(1_024);
    await closed(await rawSocket(server.path));
    expect(dropsOf()).toEqual(['CONNECTION_DROPPED']);
    for (const socket of held) socket.destroy();
    for (let i = 0; i < 400 && server.server.connections() > 0; i++) await delay(5);
  });
});

describe('random bytes', () => {
  const SEED = 20_261_120;

  it(`inside TLS: 2,000 inputs, seed ${SEED}`, async () => {
    await start();
    const good = status(1);
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.record({ at: fc.nat(good.length - 1), bit: fc.nat(7) }).map(({ at, bit }) => {
        const flipped = Uint8Array.from(good);
        flipped[at] = (flipped[at] as number) ^ (1 << bit);
        return flipped;
      }),
      fc.uint8Array({ maxLength: 120 }).map((payload) => frame(1, payload)),
    );
    const inputs = fc.sample(input, { seed: SEED, numRuns: 2_000 });
    let socket = await rawTls(server.path);
    let sent = 0;
    for (const bytes of inputs) {
      if (socket.destroyed || socket.readableEnded) socket = await rawTls(server.path);
      socket.resume();
      socket.write(bytes);
      // A new connection now and then, so that many inputs meet a fresh decoder.
      if (++sent % 4 === 0) {
        await delay(0);
        socket.destroy();
        socket = await rawTls(server.path);
      }
    }
    socket.destroy();
    expect(server.drops.every(({ code }) => /^(FRAME_|STREAM_|CONNECTION_DROPPED)/.test(code))).toBe(true);
  });

  it(`instead of TLS: 200 inputs, seed ${SEED}`, async () => {
    await start();
    for (const bytes of fc.sample(fc.uint8Array({ minLength: 1, maxLength: 300 }), {
      seed: SEED,
      numRuns: 200,
    })) {
      const socket = await rawSocket(server.path);
      socket.write(bytes);
      await delay(0);
      socket.destroy();
    }
    await delay(50);
    expect(server.server.connections()).toBe(0);
  });
});
