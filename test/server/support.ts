/** A server on a Unix socket in this process, its TLS identities, and raw streams to be rude with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import {
  type CallContext,
  type Handlers,
  handler,
  serveRpc,
  type RpcServer,
} from '../../enclave/server/index.ts';
import { type ClientIdentity, createClientIdentity } from '../../host/client/identity.ts';
import type { ServeLimits } from '../../native/rpc/index.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { Enclave } from '../../src/rpc/service.ts';

export const serverIdentity: ClientIdentity = createClientIdentity();
export const clientIdentity: ClientIdentity = createClientIdentity();

export interface TestServer {
  readonly path: string;
  readonly address: string;
  readonly server: RpcServer;
  readonly drops: AssayError[];
  readonly contexts: CallContext[];
  close(): Promise<void>;
}

export function status(state: string, refused = 0) {
  const none = {
    code: '',
    origin: 'sim.test',
    simulated: true,
    platform: 'nitro',
    epoch: 1,
    size: 0,
    seals: 0,
  };
  return { state, ...none, refused, policyVersion: 0, witness: '', timeMs: 0 };
}

export const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Attest echoes, GetReceipt waits `index` milliseconds, GetSeal throws by number, LoadPolicy answers with order's size of bytes. */
export function testHandlers(contexts: CallContext[] = []): Handlers {
  return [
    handler(Enclave.Status, async (_request, context) => {
      contexts.push(context);
      return status('SERVING');
    }),
    handler(Enclave.Attest, async ({ challenge }, context) => ({
      attestation: {
        platform: 'echo',
        evidence: challenge,
        identity: context.peerSpkiHash ?? new Uint8Array(0),
        challengeIndex: 0,
        challengeCount: 0,
        challengePath: [],
        keys: [],
        endorsements: new Uint8Array(0),
      },
      session: context.exporter(challenge),
      sessionSignature: new Uint8Array(0),
    })),
    handler(Enclave.GetReceipt, async ({ index }) => {
      await delay(index);
      return { leaf: new Uint8Array(0), index, proof: [], checkpoint: 'waited' };
    }),
    handler(Enclave.GetSeal, async ({ number }) => {
      if (number === 1) fail('STREAM_ID_INVALID', 'of the handler\u001b[31m');
      if (number === 2) throw new Error('the secret is 42');
      return fail('INTERNAL', 'the secret is 43');
    }),
    handler(Enclave.LoadPolicy, async ({ order }) => {
      const size = new DataView(order.buffer, order.byteOffset).getUint32(0);
      const receipt = { leaf: new Uint8Array(size), index: 0, proof: [], checkpoint: '' };
      return { receipt, version: 1 };
    }),
  ];
}

export async function startServer(
  limits: Partial<ServeLimits> = {},
  handlers?: Handlers,
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-rpc-'));
  const path = join(folder, 's');
  const drops: AssayError[] = [];
  const contexts: CallContext[] = [];
  const server = serveRpc({
    tls: serverIdentity,
    handlers: handlers ?? testHandlers(contexts),
    limits,
    onDrop: (error) => drops.push(error),
  });
  const listener: Server = createServer((socket) => server.accept(socket));
  listener.on('error', () => undefined);
  await new Promise<void>((resolve) => listener.listen({ path, backlog: 2_048 }, resolve));
  return {
    path,
    address: `unix:${path}`,
    server,
    drops,
    contexts,
    async close() {
      server.close();
      await new Promise((resolve) => listener.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function rawSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

/** TLS that the server accepts, on which anything can be written. */
export async function rawTls(path: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const raw = await rawSocket(path);
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      socket: raw,
      rejectUnauthorized: false,
      ALPNProtocols: ['assay/1'],
      ...options,
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed in the handshake')));
    socket.once('secureConnect', () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
    socket.resume();
  });
}

/** Everything that comes until the other side closes. */
export async function drain(socket: Socket): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  socket.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  await closed(socket);
  return new Uint8Array(Buffer.concat(chunks));
}
