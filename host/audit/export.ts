/**
 * Exports an audit bundle from a store's folder, also while the store is serving: everything is cut to the size
 * of one published checkpoint. The bundle appears whole or not at all.
 */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AssayError, fail } from '../../src/base/errors.ts';
import {
  decodeEntries,
  decodeLeaf,
  decodeNote,
  encodeEntries,
  entriesPath,
  HASH_SIZE,
  MAX_BUNDLE,
  openCheckpoint,
  parseSealFile,
  TILE_WIDTH,
  tilePath,
  tileWidth,
} from '../../src/log/index.ts';
import { Seal } from '../../src/statement/seal.ts';
import {
  type AuditReader,
  CHECKPOINT_PATH,
  epochPath,
  formatBundleIndex,
  INDEX_PATH,
  sealPath,
} from '../../verifier/index.ts';
import { stagedSize } from '../store/staged.ts';
import { folderReader, namesIn } from './folder.ts';

export interface Exported {
  readonly origin: string;
  readonly size: number;
  readonly epochs: number;
  readonly seals: number;
  readonly objects: number;
  /** Leaves that are durable in the stage and were not published in time: not in the bundle. */
  readonly unpublished: number;
}

type Write = (path: string, bytes: Uint8Array | string) => Promise<void>;

const MAX_FILE = 1_048_576;
const MAX_TILE = TILE_WIDTH * HASH_SIZE;
const TILES_AT_ONCE = 64;
const PATIENCE_MS = 3_000;
const PAUSE_MS = 20;

/**
 * Writes the bundle to `target`, which must not exist yet (else `AUDIT_EXPORT_FAILED`). Throws `AUDIT_BUNDLE_INVALID` when the
 * folder is no store with a published log.
 */
export async function exportBundle(
  store: string,
  target: string,
  onProgress: (done: number, size: number) => void = () => undefined,
): Promise<Exported> {
  const final = resolve(target);
  const draft = join(dirname(final), `.${process.pid}.assay-audit-export`);
  await refuseExisting(final, target);
  await mkdir(draft, { recursive: true });
  try {
    const exported = await fill(folderReader(store), store, draft, onProgress);
    await rename(draft, final);
    return exported;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (error instanceof AssayError) throw error;
    const { code, message } = error as { code?: string; message?: string };
    throw new AssayError('AUDIT_EXPORT_FAILED', `${target}: ${code ?? message}`, { cause: error });
  }
}

async function refuseExisting(path: string, shown: string): Promise<void> {
  if ((await namesIn(dirname(path))).includes(path.slice(path.lastIndexOf('/') + 1)))
    fail('AUDIT_EXPORT_FAILED', `${shown}: exists already`);
}

async function fill(
  reader: AuditReader,
  store: string,
  draft: string,
  onProgress: (done: number, size: number) => void,
): Promise<Exported> {
  const write: Write = async (path, bytes) => {
    const full = join(draft, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, bytes);
  };
  const staged = await stagedSize(store);
  const published = async (): Promise<{ bytes: Uint8Array; origin: string; size: number } | null> => {
    const bytes = await reader.read(CHECKPOINT_PATH, MAX_FILE);
    return bytes === null ? null : { ...openCheckpoint(decodeNote(bytes)), bytes };
  };
  // Whoever holds the receipt of a decision just made would convict a bundle that ends before it.
  await patiently(async () => {
    const done = (await published())?.size ?? 0;
    if (done < staged) onProgress(done, staged);
    return done >= staged;
  });
  const { bytes, origin, size } =
    (await published()) ??
    fail('AUDIT_BUNDLE_INVALID', `${store}: no ${CHECKPOINT_PATH}; is this a store's folder?`);
  await write(CHECKPOINT_PATH, bytes);
  await copyTiles(reader, write, size, onProgress);
  const epochs = await numbersIn(join(store, 'epochs'));
  for (const epoch of epochs) await copy(reader, write, epochPath(epoch));
  await awaitSeal(reader, size);
  const seals = await copySeals(reader, write, store, size);
  const objects = (await namesIn(join(store, 'objects'))).filter((name) => /^[0-9a-f]{64}$/.test(name));
  for (const name of objects) await copy(reader, write, `objects/${name}`);
  await write(INDEX_PATH, formatBundleIndex({ epochs, seals }));
  const unpublished = Math.max(0, staged - size);
  return { origin, size, epochs: epochs.length, seals, objects: objects.length, unpublished };
}

async function numbersIn(folder: string): Promise<number[]> {
  const names = (await namesIn(folder)).filter((name) => /^(?:0|[1-9][0-9]{0,14})$/.test(name));
  return names.map(Number).sort((a, b) => a - b);
}

async function copy(reader: AuditReader, write: Write, path: string): Promise<void> {
  const bytes = await reader.read(path, MAX_FILE);
  if (bytes !== null) await write(path, bytes);
}

/**
 * The enclave logs a seal a moment before the store has it. Waits for the one that the last leaves name; if it
 * does not come, the bundle goes without and the auditor says so.
 */
async function awaitSeal(reader: AuditReader, size: number): Promise<void> {
  if (size === 0) return;
  const index = Math.floor((size - 1) / TILE_WIDTH);
  const tile = await widest(reader, MAX_BUNDLE, tileWidth(0, index, size), (at) => entriesPath(index, at));
  const entries =
    tile === null ? [] : decodeEntries(tile.bytes, tile.width).slice(0, tileWidth(0, index, size));
  const number = lastSealNamed(entries);
  if (number === null) return;
  await patiently(async () => (await reader.read(sealPath(number), MAX_FILE)) !== null);
}

/** Waits for what a service that runs does within half a second; gives up silently on one that does not. */
async function patiently(done: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS && !(await done()); waited += PAUSE_MS)
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

function lastSealNamed(entries: readonly Uint8Array[]): number | null {
  for (const entry of entries.toReversed()) {
    const { kind, references } = decodeLeaf(entry);
    const number = references['number'];
    if (kind === 'seal_ref' && number?.length === 8)
      return Number(new DataView(number.buffer, number.byteOffset, 8).getBigUint64(0));
  }
  return null;
}

/** Seals of heads that the checkpoint does not cover yet stay behind: they would look like a truncated log. */
async function copySeals(reader: AuditReader, write: Write, store: string, size: number): Promise<number> {
  let last = 0;
  for (const number of await numbersIn(join(store, 'seals'))) {
    const bytes = await reader.read(sealPath(number), MAX_FILE);
    if (bytes === null || Seal.decode(parseSealFile(bytes).statement).treeSize > size) continue;
    await write(sealPath(number), bytes);
    last = number;
  }
  return last;
}

async function copyTiles(
  reader: AuditReader,
  write: Write,
  size: number,
  onProgress: (done: number, size: number) => void,
): Promise<void> {
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    const count = Math.ceil(Math.floor(size / TILE_WIDTH ** level) / TILE_WIDTH);
    for (let first = 0; first < count; first += TILES_AT_ONCE) {
      const indexes = Array.from({ length: Math.min(TILES_AT_ONCE, count - first) }, (_, i) => first + i);
      await Promise.all(
        indexes.map((index) => copyTile(reader, write, level, index, tileWidth(level, index, size))),
      );
      if (level === 0) onProgress(Math.min(size, (first + indexes.length) * TILE_WIDTH), size);
    }
  }
}

async function copyTile(
  reader: AuditReader,
  write: Write,
  level: number,
  index: number,
  width: number,
): Promise<void> {
  const hashes = await widest(reader, MAX_TILE, width, (at) => tilePath(level, index, at));
  if (hashes === null)
    return fail('AUDIT_BUNDLE_INVALID', `log/${tilePath(level, index, width)} is not in the store`);
  await write(`log/${tilePath(level, index, width)}`, hashes.bytes.subarray(0, width * HASH_SIZE));
  if (level > 0) return;
  const entries = await widest(reader, MAX_BUNDLE, width, (at) => entriesPath(index, at));
  if (entries === null)
    return fail('AUDIT_BUNDLE_INVALID', `log/${entriesPath(index, width)} is not in the store`);
  const { bytes, width: stored } = entries;
  const cut = stored === width ? bytes : encodeEntries(decodeEntries(bytes, stored).slice(0, width));
  await write(`log/${entriesPath(index, width)}`, cut);
}

/** A partial tile may be gone once a wider one is there, which starts with the same bytes. */
async function widest(
  reader: AuditReader,
  maxBytes: number,
  width: number,
  path: (width: number) => string,
): Promise<{ readonly bytes: Uint8Array; readonly width: number } | null> {
  for (let at = width; at <= TILE_WIDTH; at++) {
    const bytes = await reader.read(`log/${path(at)}`, maxBytes);
    if (bytes !== null) return { bytes, width: at };
  }
  return null;
}
