/** Unix and vsock sockets by the addon: one code path for both families. */
import { lstatSync, unlinkSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { type ListenerHandle, loadAddon, type StreamHandle } from './binding.ts';
import { SocketStream } from './socket-stream.ts';
import type { Address, Listener, OnConnection, Peer } from './transport.ts';
import { systemError } from './transport-error.ts';
import type { FullConnectOptions, FullListenOptions } from './transport-node.ts';

/** How long to wait for descriptors or memory to come free before accepting again. */
const ACCEPT_PAUSE_MS = 100;

export async function listenAddon(
  address: Address,
  options: FullListenOptions,
  onConnection: OnConnection,
): Promise<Listener> {
  const handle = loadAddon().listen(...target(address), options.backlog);
  if (typeof handle === 'number') throw systemError(handle, 'listen');
  const bound = address.family === 'vsock' ? { ...address, port: handle.port() } : address;
  const remove = address.family === 'unix' ? removerOf(address.path) : (): void => undefined;
  const stop = accept(handle, address.family, options, onConnection);
  return {
    address: bound,
    async close(): Promise<void> {
      if (stop()) remove();
    },
  };
}

/** Accepts until the returned function is called, which tells whether it was the first time. */
function accept(
  handle: ListenerHandle,
  family: Address['family'],
  options: FullListenOptions,
  onConnection: OnConnection,
): () => boolean {
  let open = 0;
  let pause: NodeJS.Timeout | null = null;
  let closed = false;
  handle.start((stream, cid, port) => {
    if (typeof stream === 'number') {
      pause = setTimeout(() => handle.accept(), ACCEPT_PAUSE_MS);
      return;
    }
    if (open >= options.maxConnections) return stream.close();
    open += 1;
    const socket = new SocketStream(stream, options);
    socket.once('close', () => {
      open -= 1;
    });
    const peer: Peer = family === 'vsock' ? { family, cid, port } : { family };
    onConnection(socket, peer);
  });
  return () => {
    if (closed) return false;
    closed = true;
    if (pause !== null) clearTimeout(pause);
    handle.close();
    return true;
  };
}

/** Removes the socket file that was just made, unless another one has taken its place by then. */
function removerOf(path: string): () => void {
  const made = lstatSync(path, { throwIfNoEntry: false });
  return () => {
    const now = lstatSync(path, { throwIfNoEntry: false });
    if (made !== undefined && now !== undefined && now.ino === made.ino && now.ctimeMs === made.ctimeMs)
      unlinkSync(path);
  };
}

export async function connectAddon(address: Address, options: FullConnectOptions): Promise<Duplex> {
  const handle = loadAddon().connect(...target(address));
  if (typeof handle === 'number') throw systemError(handle, 'connect');
  if (handle.isConnecting()) await connected(handle, options.signal);
  return new SocketStream(handle, options);
}

/** Resolves when the connection stands; closes the handle on failure and on abort. */
function connected(handle: StreamHandle, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      handle.close();
      reject(new Error('aborted'));
    };
    signal.addEventListener('abort', abort, { once: true });
    const onWritable = (): void => {
      signal.removeEventListener('abort', abort);
      const status = handle.finishConnect();
      if (status === 0) return resolve();
      handle.close();
      reject(systemError(status, 'connect'));
    };
    handle.start(() => undefined, onWritable);
    handle.awaitWritable();
  });
}

function target(address: Address): [string | number, number] {
  return address.family === 'unix' ? [address.path, 0] : [address.cid, address.port];
}
