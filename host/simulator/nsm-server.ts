/**
 * `/dev/nsm` of a simulated machine: a Unix socket in the VM folder. A frame is u32 big-endian length and CBOR,
 * one answer for each request, in order. The real device is an ioctl with the same bytes; only the frame is ours.
 */
import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { u32be } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import { NSM_MAX_REQUEST } from '../../src/evidence/nsm.ts';
import type { Nsm } from './nsm.ts';

export interface SocketServer {
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 16;
const HEAD = 4;

export async function serveNsm(path: string, nsm: Nsm): Promise<SocketServer> {
  return listenUnix(
    createServer((socket) => serveConnection(socket, nsm)),
    path,
  );
}

/** Listens on a socket file that only its owner can connect to, and forgets every connection on close. */
export async function listenUnix(server: Server, path: string): Promise<SocketServer> {
  const open = new Set<Socket>();
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    // A path of more than 107 bytes, for one, is nothing that a socket can have.
    server.once('error', (cause) =>
      reject(new AssayError('VM_START_FAILED', `cannot listen on ${path}`, { cause })),
    );
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Requests wait for each other, as in the driver, which has one lock for all callers. */
function serveConnection(socket: Socket, nsm: Nsm): void {
  let pending = new Uint8Array(0);
  let queue: Promise<void> = Promise.resolve();
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Uint8Array) => {
    const joined = new Uint8Array(pending.length + chunk.length);
    joined.set(pending);
    joined.set(chunk, pending.length);
    let at = 0;
    while (joined.length - at >= HEAD) {
      const length = new DataView(joined.buffer, at).getUint32(0);
      // A frame that no driver would pass on; what follows it cannot be told apart.
      if (length > NSM_MAX_REQUEST) return void socket.destroy();
      if (joined.length - at - HEAD < length) break;
      const request = joined.slice(at + HEAD, at + HEAD + length);
      at += HEAD + length;
      queue = queue.then(() => reply(socket, nsm, request));
    }
    pending = joined.slice(at);
  });
}

async function reply(socket: Socket, nsm: Nsm, request: Uint8Array): Promise<void> {
  try {
    const response = await nsm.handle(request);
    if (socket.writable) socket.write(Buffer.concat([u32be(response.length), response]));
  } catch (error) {
    socket.destroy(error as Error);
  }
}
