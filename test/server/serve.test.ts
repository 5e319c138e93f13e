/** Calls over TLS that ends in the server: answers, errors, identities, session binding. */
import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Channel, openChannel } from '../../host/client/channel.ts';
import { createRpcClient, createRpcServer, plain } from '../../native/rpc/index.ts';
import { handler as anyHandler } from '../../src/rpc/server-session.ts';
import { Enclave, type Method, Store } from '../../src/rpc/service.ts';
import { messageCodec } from '../../src/rpc/messages.ts';
import { clientIdentity, rawTls, serverIdentity, startServer, type TestServer } from './support.ts';

const none = new Uint8Array(0);
const bytes32 = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
let server: TestServer;
const open: Channel[] = [];

async function channel(
  identity = clientIdentity as typeof clientIdentity | null,
  timeoutMs?: number,
): Promise<Channel> {
  const tls = identity === null ? {} : { key: identity.key, cert: identity.cert };
  const made = await openChannel(server.address, { tls, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  open.push(made);
  return made;
}

beforeAll(async () => {
  server = await startServer();
});

afterAll(async () => {
  for (const one of open) one.close();
  await server.close();
});

describe('calls', () => {
  it('answer', async () => {
    const { call } = await channel();
    expect(await call(Enclave.Status, {})).toMatchObject({ state: 'SERVING', simulated: true });
  });

  it('run beside each other and come back in any order', async () => {
    const { call } = await channel();
    const order: number[] = [];
    const wait = async (index: number): Promise<void> => {
      expect((await call(Enclave.GetReceipt, { index })).index).toBe(index);
      order.push(index);
    };
    await Promise.all([wait(60), wait(0), wait(30)]);
    expect(order).toEqual([0, 30, 60]);
  });

  it('queue beyond what the server takes at once', async () => {
    const { call } = await channel();
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => call(Enclave.GetReceipt, { index: i % 3 })),
    );
    expect(answers.map(({ index }) => index)).toEqual(Array.from({ length: 1_000 }, (_, i) => i % 3));
  });

  it('carry answers of up to a frame, and say when one is larger', async () => {
    const { call } = await channel();
    const ask = (size: number) => {
      const order = new Uint8Array(4);
      new DataView(order.buffer).setUint32(0, size);
      return call(Enclave.LoadPolicy, { order, bundle: none });
    };
    expect((await ask(1_048_000)).receipt.leaf.length).toBe(1_048_000);
    await expect(ask(1_048_576)).toRejectWith('FRAME_TOO_LARGE');
    expect((await ask(1)).receipt.leaf.length).toBe(1);
  });

  it('refuse a request that fits no frame before it is sent', async () => {
    const { call } = await channel();
    await expect(call(Enclave.LoadPolicy, { order: new Uint8Array(1_048_577), bundle: none })).toRejectWith(
      'FRAME_TOO_LARGE',
    );
    await expect(call(Enclave.GetReceipt, { index: -1 })).toRejectWith('MESSAGE_VALUE_INVALID');
    expect(await call(Enclave.Status, {})).toMatchObject({ state: 'SERVING' });
  });

  it('fail with the server’s own code, and without its secrets', async () => {
    const { call } = await channel();
    await expect(call(Enclave.GetSeal, { number: 1, challenge: none })).toRejectWith('STREAM_ID_INVALID');
    for (const number of [2, 3]) {
      const error = await call(Enclave.GetSeal, { number, challenge: none }).catch((caught: Error) => caught);
      expect(error).toMatchObject({ code: 'INTERNAL', message: 'a defect in the service' });
    }
  });

  it('to methods and services that are not there are refused, and the connection goes on', async () => {
    const { call } = await channel();
    await expect(call(Store.Open, {})).toRejectWith('RPC_METHOD_UNKNOWN');
    for (const name of ['Nothing', '', '__proto__', 'toString', 'x'.repeat(5_000)]) {
      const method = { ...Enclave.Status, name };
      await expect(call(method, {})).toRejectWith('RPC_METHOD_UNKNOWN');
    }
    expect(await call(Enclave.Status, {})).toMatchObject({ state: 'SERVING' });
  });

  it('with a malformed message are refused, and the connection goes on', async () => {
    const { call } = await channel();
    const wrong = { ...Enclave.GetReceipt, request: messageCodec('ReadRequest') } as unknown as Method<
      { path: string; offset: number },
      unknown
    >;
    await expect(call(wrong, { path: 'x', offset: 1 })).toRejectWith('MESSAGE_INVALID');
    expect(await call(Enclave.Status, {})).toMatchObject({ state: 'SERVING' });
  });

  it('with an answer that is not the schema’s fail at the client', async () => {
    const { call } = await channel();
    const wrong = { ...Enclave.Status, response: messageCodec('Checkpoint') };
    await expect(call(wrong, {})).toRejectWith('MESSAGE_FIELD_UNKNOWN');
  });

  it('time out alone: later answers on the channel are not mixed up', async () => {
    const { call } = await channel();
    const slow = call(Enclave.GetReceipt, { index: 120 }, { timeoutMs: 20 });
    const good = call(Enclave.GetReceipt, { index: 60 });
    await expect(slow).toRejectWith('RPC_TIMEOUT');
    expect((await good).index).toBe(60);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await call(Enclave.Status, {})).toMatchObject({ state: 'SERVING' });
  });

  it('time out while they wait for a place', async () => {
    const { call } = await channel(clientIdentity, 10_000);
    const busy = Array.from({ length: 256 }, () => call(Enclave.GetReceipt, { index: 100 }));
    await expect(call(Enclave.Status, {}, { timeoutMs: 20 })).toRejectWith('RPC_TIMEOUT');
    await Promise.all(busy);
  });

  it('in flight fail when the connection is over, and so do later ones', async () => {
    const one = await channel();
    const slow = one.call(Enclave.GetReceipt, { index: 500 });
    one.close();
    await expect(slow).toRejectWith('CONNECTION_LOST');
    await expect(one.call(Enclave.Status, {})).toRejectWith('CONNECTION_LOST');
    expect((await one.closed).code).toBe('CONNECTION_LOST');
  });
});

describe('sessions', () => {
  it('prove the keys of both ends', async () => {
    const one = await channel();
    await one.call(Enclave.Status, {});
    const spki = new X509Certificate(serverIdentity.cert).publicKey.export({ type: 'spki', format: 'der' });
    expect(one.peerSpkiHash).toEqual(new Uint8Array(createHash('sha256').update(spki).digest()));
    expect(server.contexts.at(-1)?.peerSpkiHash).toEqual(clientIdentity.principal);
  });

  it('serve a client without a key, as nobody', async () => {
    const one = await channel(null);
    await one.call(Enclave.Status, {});
    expect(server.contexts.at(-1)?.peerSpkiHash).toBe(null);
  });

  it('export the same secret at both ends, another for another challenge, another in another session', async () => {
    const [one, two] = [await channel(), await channel()];
    const { session } = await one.call(Enclave.Attest, { challenge: bytes32(1), fresh: false });
    expect(session).toEqual(one.exporter(bytes32(1)));
    expect(session).not.toEqual(one.exporter(bytes32(2)));
    expect(session).not.toEqual(two.exporter(bytes32(1)));
    expect(session).toHaveLength(32);
  });

  it('export what the published label of the exporter gives to a peer of any make', async () => {
    const socket = await rawTls(server.path);
    const client = createRpcClient(socket, { timeoutMs: 5_000 });
    await client.call(Enclave.Status, {});
    const secret = socket.exportKeyingMaterial(32, 'EXPORTER-assay-session-v1', Buffer.from(bytes32(1)));
    expect(server.contexts.at(-1)?.exporter(bytes32(1))).toEqual(new Uint8Array(secret));
    client.close();
  });

  it('cannot be resumed', async () => {
    const first = await rawTls(server.path);
    const tickets: Buffer[] = [];
    first.on('session', (ticket: Buffer) => tickets.push(ticket));
    first.resume();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const ticket = first.getSession() ?? tickets[0];
    first.destroy();
    const again = await rawTls(server.path, ticket === undefined ? {} : { session: ticket });
    expect(again.isSessionReused()).toBe(false);
    expect(again.getProtocol()).toBe('TLSv1.3');
    again.destroy();
    for (const one of tickets) {
      const resumed = await rawTls(server.path, { session: one });
      expect(resumed.isSessionReused()).toBe(false);
      resumed.destroy();
    }
  });

  it('are not opened to an address that is nobody’s or nonsense', async () => {
    await expect(openChannel('unix:/nowhere/at/all', { tls: {} })).toRejectWith('CONNECTION_REFUSED');
    await expect(openChannel('tcp://127.0.0.1:1', { tls: {}, timeoutMs: 2_000 })).toRejectWith(
      'CONNECTION_REFUSED',
    );
    await expect(openChannel('http://x', { tls: {} })).toRejectWith('ADDRESS_INVALID');
  });
});

describe('a server without TLS', () => {
  it('gives its handlers what it was told, and refuses two handlers for a method', () => {
    const one = anyHandler(Store.Open, async () => ({ session: 1, published: 0, next: 0 }));
    expect(() => createRpcServer({ handlers: [one, one], secure: plain(null) })).toFailWith('INTERNAL');
  });
});
