/** Networks to run a suite on, socket pairs, temporary folders, descriptor counts. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Address,
  connect,
  findAddon,
  listen,
  type Listener,
  type ListenOptions,
} from '../../native/index.ts';

export type Via = 'node' | 'addon';

/** A test that does not know who runs it: vitest here, or a program in a guest that has no test runner. */
export interface Case {
  readonly name: string;
  /** Rejects when it does not hold. */
  run(): Promise<void>;
}

/** What a family of sockets gives to the cases that all families share. */
export interface Network {
  /** An address that nobody uses yet, and that cases on this machine can listen on and connect to. */
  fresh(): Address;
  /** The program of cases/worker.ts, for this machine. */
  readonly worker: string;
}

export const unixNetwork = (via: Via): Network => ({
  fresh: () => ({ family: 'unix', path: socketPath(), via }),
  worker: join(import.meta.dirname, 'cases/worker.ts'),
});

/** Throws where the addon is not built: these suites must not pass without it. */
export function demandAddon(): void {
  if (findAddon(join(import.meta.dirname, '../../native')) !== null) return;
  const notice = 'NATIVE_MISSING: the addon is not built, so its suites cannot run. Run make native.';
  console.error(notice);
  throw new Error(notice);
}

let folder: string | null = null;
let count = 0;

/** A fresh socket path. */
export function socketPath(): string {
  folder ??= mkdtempSync(join(tmpdir(), 'assay-native-'));
  count += 1;
  return join(folder, `${count}.sock`);
}

export function removeSockets(): void {
  if (folder !== null) rmSync(folder, { recursive: true, force: true });
  folder = null;
}

/** Open descriptors of this process; the one that reads the folder is not counted. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length - 1;
}

/** Waits until no more descriptors are open than `expected`, at most two seconds; returns how many are. */
export async function settledDescriptors(expected: number): Promise<number> {
  for (let i = 0; i < 200 && openDescriptors() > expected; i++) await sleep(10);
  return openDescriptors();
}

export interface Pair {
  readonly client: Duplex;
  readonly server: Duplex;
  readonly listener: Listener;
}

/** One connection and both its ends. */
export async function openPair(network: Network, options: ListenOptions = {}): Promise<Pair> {
  const address = network.fresh();
  const accepted = Promise.withResolvers<Duplex>();
  const listener = await listen(address, options, (socket) => accepted.resolve(socket));
  const client = await connect(address, { allowHalfOpen: options.allowHalfOpen ?? false });
  return { client, server: await accepted.promise, listener };
}

export async function closePair(pair: Pair): Promise<void> {
  await pair.listener.close();
  await Promise.all([closed(pair.client), closed(pair.server)]);
}

/** Destroys the stream and resolves when it has closed. */
export function closed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) return resolve();
    stream.once('close', resolve);
    stream.on('error', () => undefined);
    stream.destroy();
  });
}

/** The next error of a stream. */
export function nextError(stream: Duplex): Promise<Error> {
  return new Promise((resolve) => stream.once('error', resolve));
}

export function write(stream: Duplex, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

export { sleep };
