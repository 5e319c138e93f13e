/** What a byte stream between two processes does, whatever its family: data, ends, back-pressure, loss, limits. */
import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable, type Duplex } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { connect, listen, transportError } from '../../../native/index.ts';
import {
  type Case,
  closed,
  closePair,
  type Network,
  openDescriptors,
  openPair,
  settledDescriptors,
  sleep,
  write,
} from '../support.ts';

const MIB = 1 << 20;

const sha256 = async (stream: Readable): Promise<string> => {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
};

export const echo = (socket: Duplex): void => {
  pipeline(socket, socket).catch(() => undefined);
};

export const read = async (stream: Readable): Promise<string> => {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
};

/** What a writer is told whose peer has gone: at the first write or, where the news travels, at a later one. */
async function errorOfWriter(stream: Duplex): Promise<string> {
  stream.on('error', () => undefined);
  for (let i = 0; i < 1_000; i++) {
    const error: unknown = await write(stream, Buffer.from('more')).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error !== null) return transportError(error).code;
    await sleep(5);
  }
  return 'no error';
}

/** Runs `body` and checks that it left no descriptor open. */
async function leavesNothing(body: () => Promise<void>): Promise<void> {
  const before = openDescriptors();
  await body();
  ok((await settledDescriptors(before)) <= before, 'descriptors were left open');
}

export const streamCases = (network: Network): readonly Case[] => [
  {
    name: 'echoes 64 MiB in pieces of odd sizes, unchanged',
    run: () =>
      leavesNothing(async () => {
        const address = network.fresh();
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
        strictEqual(received, sent.digest('hex'));
        await closed(client);
        await listener.close();
      }),
  },
  {
    name: 'serves 300 connections at once',
    run: () =>
      leavesNothing(async () => {
        const address = network.fresh();
        const listener = await listen(address, { allowHalfOpen: true }, echo);
        const clients = await Promise.all(Array.from({ length: 300 }, () => connect(address)));
        const answers = await Promise.all(
          clients.map((client, i) => {
            client.end(`client ${i} `.repeat(100));
            return read(client);
          }),
        );
        deepStrictEqual(
          answers,
          clients.map((_, i) => `client ${i} `.repeat(100)),
        );
        await listener.close();
      }),
  },
  {
    name: 'keeps half a connection: either side may end first and still receive',
    async run() {
      for (const first of ['client', 'server'] as const) {
        const pair = await openPair(network, { allowHalfOpen: true });
        const [early, late] = first === 'client' ? [pair.client, pair.server] : [pair.server, pair.client];
        early.end('question');
        strictEqual(await read(late), 'question');
        await sleep(20);
        await write(late, Buffer.from('long '));
        late.end('answer');
        strictEqual(await read(early), 'long answer');
        await closePair(pair);
      }
    },
  },
  {
    name: 'ends its side when the peer ends, unless half-open was asked for',
    async run() {
      const pair = await openPair(network);
      pair.server.resume();
      pair.client.resume();
      const both = Promise.all([finished(pair.client), finished(pair.server)]);
      pair.client.end();
      await both;
      await closePair(pair);
    },
  },
  {
    name: 'holds a writer back while the reader is slow, in bounded memory',
    async run() {
      const pair = await openPair(network);
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
      ok(accepted + (more + 1) * chunk.length < 4 * MIB, `${more} pieces were taken`);
      ok(pair.client.writableLength > 0);
      strictEqual(pair.client.writableNeedDrain, true);
      const drained = new Promise((resolve) => pair.client.once('drain', resolve));
      pair.server.resume();
      await drained;
      await closePair(pair);
    },
  },
  {
    name: 'stops reading while the consumer does not',
    async run() {
      const pair = await openPair(network);
      const total = 32 * MIB;
      const chunk = Buffer.alloc(MIB, 2);
      const sending = (async () => {
        for (let sent = 0; sent < total; sent += chunk.length) await write(pair.client, chunk);
        pair.client.end();
      })();
      const { rss } = process.memoryUsage();
      let received = 0;
      pair.server.once('readable', () => undefined);
      await sleep(100);
      ok(pair.server.readableLength <= pair.server.readableHighWaterMark + 65536);
      for await (const piece of pair.server) {
        received += (piece as Buffer).length;
        if (received % (4 * MIB) < 65536) await sleep(2);
      }
      await sending;
      strictEqual(received, total);
      const grown = process.memoryUsage().rss - rss;
      ok(grown < 48 * MIB, `${grown} bytes more are resident`);
      await closePair(pair);
    },
  },
  {
    name: 'tells a writer that its peer is gone, whether it reads too or not',
    run: () =>
      leavesNothing(async () => {
        const pair = await openPair(network);
        await write(pair.client, Buffer.from('unread'));
        await sleep(10);
        pair.client.resume();
        pair.server.destroy();
        strictEqual(await errorOfWriter(pair.client), 'CONNECTION_LOST');
        await closePair(pair);

        const other = await openPair(network);
        other.server.destroy();
        await closed(other.server);
        strictEqual(await errorOfWriter(other.client), 'CONNECTION_LOST');
        await closePair(other);
      }),
  },
  {
    name: 'gives the end, and nothing more, when the peer closes in order',
    async run() {
      const pair = await openPair(network);
      pair.server.end('bye');
      strictEqual(await read(pair.client), 'bye');
      await closePair(pair);
    },
  },
  {
    name: 'fails the write that waits when its stream is destroyed',
    async run() {
      const pair = await openPair(network);
      const failed = rejects(write(pair.client, Buffer.alloc(8 * MIB)));
      await sleep(10);
      pair.client.destroy();
      await failed;
      await closePair(pair);
    },
  },
  {
    name: 'refuses to connect where nobody listens, or listens no more',
    run: () =>
      leavesNothing(async () => {
        await rejects(connect(network.fresh()), { code: 'CONNECTION_REFUSED' });
        const address = network.fresh();
        const listener = await listen(address, {}, echo);
        await listener.close();
        await rejects(connect(address), { code: 'CONNECTION_REFUSED' });
      }),
  },
  {
    name: 'refuses a second listener until the first is closed',
    async run() {
      const address = network.fresh();
      const listener = await listen(address, {}, echo);
      await rejects(listen(address, {}, echo), { code: 'ADDRESS_IN_USE' });
      await closed(await connect(address));
      await listener.close();
      const second = await listen(address, {}, echo);
      await closed(await connect(address));
      await second.close();
    },
  },
  {
    name: 'does not begin to connect when the caller has cancelled',
    run: () =>
      leavesNothing(async () => {
        const address = network.fresh();
        const listener = await listen(address, {}, echo);
        await rejects(connect(address, { signal: AbortSignal.abort() }), { code: 'CONNECTION_CANCELLED' });
        await listener.close();
      }),
  },
  {
    name: 'closes connections above its limit on arrival',
    async run() {
      const address = network.fresh();
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
      strictEqual(ended, 2);
      strictEqual(held.length, 2);
      await Promise.all([...clients, ...held].map(closed));
      await listener.close();
    },
  },
  {
    name: 'closing a listener leaves its connections, and may be done twice',
    async run() {
      const address = network.fresh();
      const accepted = Promise.withResolvers<Duplex>();
      const listener = await listen(address, {}, (socket) => accepted.resolve(socket));
      const client = await connect(address);
      const server = await accepted.promise;
      await listener.close();
      await listener.close();
      server.end('still here');
      strictEqual(await read(client), 'still here');
      await closed(server);
    },
  },
  {
    name: 'breaks the pipe of who writes after both sides have ended',
    async run() {
      const address = network.fresh();
      const accepted = Promise.withResolvers<Duplex>();
      const listener = await listen(address, {}, (socket) => accepted.resolve(socket));
      const pair = { client: await connect(address), server: await accepted.promise, listener };
      pair.server.end();
      strictEqual(await read(pair.client), '');
      await sleep(10);
      pair.client.on('error', () => undefined);
      const reason = await write(pair.client, Buffer.from('late')).catch((error: unknown) => error);
      ok(reason instanceof Error);
      // node:net says that the stream has ended; the system's own word is the addon's.
      if (address.family === 'vsock' || address.via === 'addon')
        strictEqual(transportError(reason).code, 'CONNECTION_LOST');
      await closePair(pair);
    },
  },
  {
    name: 'opens and closes 1,000 times without a trace',
    run: () =>
      leavesNothing(async () => {
        const address = network.fresh();
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
      }),
  },
];
