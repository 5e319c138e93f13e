/** Unix sockets by node:net. */
import { lstatSync, unlinkSync } from 'node:fs';
import { connect as netConnect, createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Listener, OnConnection, UnixAddress } from './transport.ts';

export interface FullListenOptions {
  readonly backlog: number;
  readonly maxConnections: number;
  readonly allowHalfOpen: boolean;
}

export interface FullConnectOptions {
  readonly allowHalfOpen: boolean;
  readonly signal: AbortSignal;
}

export function listenNode(
  address: UnixAddress,
  options: FullListenOptions,
  onConnection: OnConnection,
): Promise<Listener> {
  const server = createServer({ allowHalfOpen: options.allowHalfOpen }, (socket) => {
    onConnection(socket, { family: 'unix' });
  });
  server.maxConnections = options.maxConnections;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path: address.path, backlog: options.backlog }, () => {
      server.off('error', reject);
      // A failed accept (no descriptors left) concerns one connection, which libuv has closed; serve on.
      server.on('error', () => undefined);
      resolve({
        address,
        // The handle closes now; server.close would report it only when the last connection is gone.
        async close(): Promise<void> {
          server.close();
        },
      });
    });
  });
}

export function connectNode(address: UnixAddress, options: FullConnectOptions): Promise<Duplex> {
  const socket = netConnect({ path: address.path, allowHalfOpen: options.allowHalfOpen });
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      socket.destroy();
      reject(new Error('aborted'));
    };
    const settle = (): void => {
      options.signal.removeEventListener('abort', abort);
      socket.off('error', refuse);
    };
    const refuse = (error: Error): void => {
      settle();
      reject(error);
    };
    options.signal.addEventListener('abort', abort, { once: true });
    socket.once('error', refuse);
    socket.once('connect', () => {
      settle();
      resolve(socket);
    });
  });
}

/**
 * Removes a socket file whose process is gone: one that refuses connections. True if it was removed. The file is
 * looked at again just before, so that one which another process has meanwhile put there stays.
 */
export async function removeStaleSocket(path: string): Promise<boolean> {
  const before = lstatSync(path, { throwIfNoEntry: false });
  if (before === undefined) return true;
  if (!before.isSocket() || !(await isRefused(path))) return false;
  const now = lstatSync(path, { throwIfNoEntry: false });
  if (now !== undefined && now.ino === before.ino && now.ctimeMs === before.ctimeMs) unlinkSync(path);
  return true;
}

function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = netConnect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED' || error.code === 'ENOENT');
    });
  });
}
