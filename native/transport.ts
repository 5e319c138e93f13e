/**
 * Byte streams between processes: Unix sockets (node:net, or the addon) and vsock (the addon). Node itself can
 * neither listen on AF_VSOCK nor adopt such a socket.
 *
 * Failures to listen or connect are AssayErrors. A stream's own 'error' is Node's system error: see transportError.
 */
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../src/base/index.ts';
import { connectAddon, listenAddon } from './transport-addon.ts';
import { transportError } from './transport-error.ts';
import { connectNode, type FullConnectOptions, listenNode, removeStaleSocket } from './transport-node.ts';

export interface UnixAddress {
  readonly family: 'unix';
  /** At most 107 bytes of UTF-8. */
  readonly path: string;
  /** Whose socket code; 'node' unless said. */
  readonly via?: 'node' | 'addon';
}

export interface VsockAddress {
  readonly family: 'vsock';
  /** 32-bit context id: CID_ANY to listen; on Nitro the parent is 3. */
  readonly cid: number;
  /** 32-bit port; PORT_ANY lets the kernel choose. */
  readonly port: number;
}

export type Address = UnixAddress | VsockAddress;

export const CID_ANY = 0xffffffff;
export const PORT_ANY = 0xffffffff;

/** Who connected. A context id is the hypervisor's word, so it is for logs, never for trust. */
export type Peer =
  | { readonly family: 'unix' }
  | { readonly family: 'vsock'; readonly cid: number; readonly port: number };

export interface StreamOptions {
  /** True: the writable side stays open after the peer has ended, and the owner must end it. False unless said. */
  readonly allowHalfOpen?: boolean;
}

export interface ListenOptions extends StreamOptions {
  /** Connections that wait in the kernel; 511 unless said. */
  readonly backlog?: number;
  /** Open at once; a further one is closed on arrival. 1024 unless said. */
  readonly maxConnections?: number;
}

export interface ConnectOptions extends StreamOptions {
  /** Milliseconds; 10,000 unless said. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Listener {
  /** With the port that the kernel chose. */
  readonly address: Address;
  /** Accepts nothing more and removes the socket's file. Open connections live on: they are their owner's. */
  close(): Promise<void>;
}

export type OnConnection = (socket: Duplex, peer: Peer) => void;

const BACKLOG = 511;
const MAX_CONNECTIONS = 1024;
const CONNECT_TIMEOUT_MS = 10_000;
const RETRY_MS = 5;
const MAX_PATH_BYTES = 107;
const MAX_U32 = 0xffffffff;

/**
 * Listens. A Unix socket file that nobody serves any more (its process was killed) is removed first.
 * Codes: ADDRESS_INVALID, ADDRESS_IN_USE, NATIVE_MISSING, TRANSPORT_FAILED.
 */
export async function listen(
  address: Address,
  options: ListenOptions,
  onConnection: OnConnection,
): Promise<Listener> {
  checkAddress(address);
  const full = {
    backlog: options.backlog ?? BACKLOG,
    maxConnections: options.maxConnections ?? MAX_CONNECTIONS,
    allowHalfOpen: options.allowHalfOpen ?? false,
  };
  const attempt = (): Promise<Listener> =>
    isNode(address) ? listenNode(address, full, onConnection) : listenAddon(address, full, onConnection);
  try {
    return await attempt();
  } catch (error) {
    const inUse = transportError(error, 'listen');
    if (inUse.code !== 'ADDRESS_IN_USE' || address.family !== 'unix') throw inUse;
    if (!(await removeStaleSocket(address.path))) throw inUse;
  }
  try {
    return await attempt();
  } catch (error) {
    throw transportError(error, 'listen');
  }
}

/**
 * Connects. Codes: ADDRESS_INVALID, CONNECTION_REFUSED (nobody listens there), CONNECTION_TIMEOUT,
 * CONNECTION_CANCELLED (the signal), NATIVE_MISSING, TRANSPORT_FAILED.
 */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Duplex> {
  checkAddress(address);
  const timeoutMs = options.timeoutMs ?? CONNECT_TIMEOUT_MS;
  const ends = new AbortController();
  const timer = setTimeout(() => ends.abort('timeout'), timeoutMs);
  const cancel = (): void => ends.abort('cancelled');
  options.signal?.addEventListener('abort', cancel, { once: true });
  if (options.signal?.aborted) cancel();
  try {
    return await connectWithin(address, {
      allowHalfOpen: options.allowHalfOpen ?? false,
      signal: ends.signal,
    });
  } catch (error) {
    if (ends.signal.reason === 'cancelled') fail('CONNECTION_CANCELLED', 'cancelled while connecting');
    if (ends.signal.aborted) fail('CONNECTION_TIMEOUT', `no connection within ${timeoutMs} ms`);
    throw transportError(error, 'connect');
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', cancel);
  }
}

async function connectWithin(address: Address, options: FullConnectOptions): Promise<Duplex> {
  for (;;) {
    options.signal.throwIfAborted();
    try {
      return isNode(address) ? await connectNode(address, options) : await connectAddon(address, options);
    } catch (error) {
      if (!isBacklogFull(error)) throw error;
    }
    await sleep(RETRY_MS, undefined, { signal: options.signal });
  }
}

function isNode(address: Address): address is UnixAddress {
  return address.family === 'unix' && address.via !== 'addon';
}

/** AF_UNIX answers EAGAIN at once while the listener's backlog is full, where TCP would wait. */
function isBacklogFull(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EAGAIN';
}

function checkAddress(address: Address): void {
  if (address.family === 'unix') {
    const bytes = Buffer.byteLength(address.path);
    if (bytes === 0 || bytes > MAX_PATH_BYTES || address.path.includes('\0'))
      fail(
        'ADDRESS_INVALID',
        `a Unix socket's path has 1 to ${MAX_PATH_BYTES} bytes, not ${bytes}: ${address.path}`,
      );
    return;
  }
  for (const part of [address.cid, address.port])
    if (!Number.isInteger(part) || part < 0 || part > MAX_U32)
      fail('ADDRESS_INVALID', `${part} is not a 32-bit vsock context id or port`);
}
