/** The client against servers that are not what they should be: typed errors, nothing left open. */
import { createServer, type Server, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { type Channel, openChannel } from '../../host/client/channel.ts';
import { connectStream } from '../../host/client/stream.ts';
import { createRpcClient } from '../../native/rpc/index.ts';
import { encodeRefusal, encodeResponse } from '../../src/rpc/envelope.ts';
import { Enclave } from '../../src/rpc/service.ts';
import { frame } from '../support/frames.ts';
import { closed, delay, serverIdentity, status } from './support.ts';

const undo: (() => unknown)[] = [];
afterEach(() => {
  for (const one of undo.splice(0).reverse()) one();
});

async function listen(server: Server): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-channel-'));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return `unix:${join(folder, 's')}`;
}

const plainServer = (onSocket: (socket: Socket) => void): Promise<string> => listen(createServer(onSocket));

function tlsServer(
  options: TlsOptions,
  onSocket: (socket: Socket) => void = () => undefined,
): Promise<string> {
  const { key, cert } = serverIdentity;
  const server = createTlsServer({ key, cert, ALPNProtocols: ['assay/1'], ...options }, (socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  server.on('tlsClientError', () => undefined);
  return listen(server);
}

describe('a channel is not opened', () => {
  const open = (address: string) => openChannel(address, { tls: {}, timeoutMs: 300 });

  it('to a server that speaks something else', async () => {
    await expect(open(await plainServer((socket) => socket.write('220 hello\r\n'.repeat(10))))).toRejectWith(
      'TLS_FAILED',
    );
  });

  it('to a server that closes at once', async () => {
    await expect(open(await plainServer((socket) => socket.destroy()))).toRejectWith('TLS_FAILED');
  });

  it('to a server that says nothing', async () => {
    let ended = false;
    const address = await plainServer((socket) => void closed(socket).then(() => (ended = true)));
    await expect(open(address)).toRejectWith('TLS_FAILED');
    await delay(30);
    expect(ended).toBe(true);
  });

  it('over TLS 1.2', async () => {
    await expect(open(await tlsServer({ maxVersion: 'TLSv1.2' }))).toRejectWith('TLS_FAILED');
  });

  it('to another protocol, or to none', async () => {
    await expect(open(await tlsServer({ ALPNProtocols: ['h2'] }))).toRejectWith('TLS_FAILED');
    const { key, cert } = serverIdentity;
    const silent = createTlsServer({ key, cert });
    silent.on('tlsClientError', () => undefined);
    await expect(open(await listen(silent))).toRejectWith('TLS_FAILED');
  });
});

describe('a channel ends with CONNECTION_LOST, and so does the call', () => {
  const cases: readonly (readonly [string, (socket: Socket) => void])[] = [
    ['when the server goes away', (socket) => socket.destroy()],
    ['when the server ends its side', (socket) => socket.end()],
    [
      'on a frame over the limit',
      (socket) => socket.write(frame(1, new Uint8Array(0), { type: 2, length: 1 << 21 })),
    ],
    ['on a request from the server', (socket) => socket.write(frame(1, new Uint8Array(0)))],
    ['on a data frame', (socket) => socket.write(frame(1, new Uint8Array(0), { type: 3 }))],
    ['on an answer to no call', (socket) => socket.write(frame(7, new Uint8Array(0), { type: 2 }))],
    ['on an answer to stream 0', (socket) => socket.write(frame(0, new Uint8Array(0), { type: 2 }))],
    ['on garbage', (socket) => socket.write('\u0000'.repeat(40))],
  ];
  for (const [what, answer] of cases) {
    it(what, async () => {
      const address = await tlsServer({}, (socket) => socket.once('data', () => answer(socket)));
      const channel: Channel = await openChannel(address, { tls: {} });
      await expect(channel.call(Enclave.Status, {})).toRejectWith('CONNECTION_LOST');
      expect((await channel.closed).code).toBe('CONNECTION_LOST');
      await expect(channel.call(Enclave.Status, {})).toRejectWith('CONNECTION_LOST');
    });
  }

  it('on a second answer to one call', async () => {
    const reply = encodeResponse(1, Enclave.Status.response, status('SERVING'), 1 << 20);
    const address = await tlsServer({}, (socket) =>
      socket.once('data', () => socket.write(Buffer.concat([reply, reply]))),
    );
    const channel = await openChannel(address, { tls: {} });
    expect(await channel.call(Enclave.Status, {})).toMatchObject({ state: 'SERVING' });
    expect((await channel.closed).message).toMatch(/stream 1/);
  });

  it('when the server does not read its requests', async () => {
    const path = (await plainServer((socket) => socket.pause())).slice('unix:'.length);
    const stream = await connectStream({ family: 'unix', path }, { timeoutMs: 1_000 });
    const client = createRpcClient(stream, { timeoutMs: 0, maxOutputBytes: 1 << 20 });
    const bundle = new Uint8Array(100_000);
    const calls = Array.from({ length: 30 }, () =>
      client.call(Enclave.LoadPolicy, { order: bundle, bundle }),
    );
    for (const call of await Promise.allSettled(calls))
      expect(call).toMatchObject({ reason: { code: 'CONNECTION_LOST' } });
    expect((await client.closed).message).toMatch(/does not read/);
  });

  it('when the stream was over before it became a channel', async () => {
    const path = (await plainServer((socket) => socket.end())).slice('unix:'.length);
    const stream = await connectStream({ family: 'unix', path }, { timeoutMs: 1_000 });
    stream.resume();
    await delay(50);
    const client = createRpcClient(stream, { timeoutMs: 0 });
    await expect(client.call(Enclave.Status, {})).toRejectWith('CONNECTION_LOST');
  });
});

describe('one bad answer', () => {
  it('fails its call alone', async () => {
    const address = await tlsServer({}, (socket) =>
      socket.on('data', () => {
        socket.write(frame(1, Uint8Array.of(0xff), { type: 2 }));
        socket.write(encodeRefusal(3, { code: 0, message: '', details: [] }));
        socket.write(encodeResponse(5, Enclave.Status.response, status('FINE'), 1 << 20));
      }),
    );
    const { call, close } = await openChannel(address, { tls: {} });
    const three = await Promise.allSettled([
      call(Enclave.Status, {}),
      call(Enclave.Attest, { challenge: new Uint8Array(0), fresh: false }),
      call(Enclave.Status, {}),
    ]);
    expect(three).toMatchObject([
      { reason: { code: 'MESSAGE_INVALID' } },
      // Code 0 is success, and its empty answer lacks the attestation.
      { reason: { code: 'MESSAGE_FIELD_MISSING' } },
      { value: { state: 'FINE' } },
    ]);
    close();
  });
});
