/** Finds and loads the addon. What it exports is a bridge for this folder alone: results are negative errno numbers. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail } from '../src/base/index.ts';

/** A connected or connecting socket. Numbers returned are a count or 0, or a negative errno. */
export interface StreamHandle {
  start(onRead: (data: Buffer | null | number) => void, onWritable: () => void): number;
  isConnecting(): boolean;
  finishConnect(): number;
  readStart(): number;
  readStop(): number;
  awaitWritable(): number;
  write(chunks: readonly Uint8Array[], offset: number): number;
  shutdown(): number;
  close(): void;
}

export interface ListenerHandle {
  start(onAccept: (stream: StreamHandle | number, cid: number, port: number) => void): number;
  accept(): number;
  port(): number;
  close(): void;
}

export interface NsmHandle {
  request(bytes: Uint8Array, done: (response: Buffer | number) => void): number;
  close(): void;
}

export interface Binding {
  /** Target is a path (AF_UNIX) or a context id (AF_VSOCK). */
  connect(target: string | number, port: number): StreamHandle | number;
  listen(target: string | number, port: number, backlog: number): ListenerHandle | number;
  openNsm(path: string): NsmHandle | number;
}

const ADDON_FILE = 'assay.node';
const BUILT = join('addon', 'build', 'Release', ADDON_FILE);

/**
 * Where the addon may lie, in this order, seen from the folder of the running module:
 *
 * 1. beside it: a program archive, where the bundle and the addon are measured together;
 * 2. `addon/build/Release/` under it, if the folder is `native`: the source tree;
 * 3. the same under `../../native`, if the folder is `dist/native`: the compiled tree.
 *
 * Nothing else is tried, so a program in an archive never loads a file from outside of it. The result does not depend
 * on the environment, which is not measured.
 */
export function addonCandidates(folder: string): readonly string[] {
  const beside = join(folder, ADDON_FILE);
  if (basename(folder) !== 'native') return [beside];
  const inTree = join(folder, BUILT);
  if (basename(dirname(folder)) !== 'dist') return [beside, inTree];
  return [beside, inTree, join(folder, '..', '..', 'native', BUILT)];
}

/** The first candidate that exists, or null. */
export function findAddon(folder: string): string | null {
  return addonCandidates(folder).find((path) => existsSync(path)) ?? null;
}

/** Loads the addon that lies at the folder's candidates; NATIVE_MISSING if it is absent or does not load. */
export function loadAddonFrom(folder: string): Binding {
  const path = findAddon(folder);
  if (path === null) fail('NATIVE_MISSING', `no addon at ${addonCandidates(folder).join(' or ')}`);
  const module: { exports: unknown } = { exports: {} };
  try {
    process.dlopen(module, path);
  } catch (cause) {
    fail('NATIVE_MISSING', `the addon ${path} does not load`, { cause });
  }
  return module.exports as Binding;
}

let loaded: Binding | null = null;

/** The addon of this program; NATIVE_MISSING if there is none. There is no fallback. */
export function loadAddon(): Binding {
  loaded ??= loadAddonFrom(dirname(fileURLToPath(import.meta.url)));
  return loaded;
}
