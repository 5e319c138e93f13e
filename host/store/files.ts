/** Files that appear whole or not at all: written aside, synced, renamed, and their folder synced. */
import { dirname, join } from 'node:path';
import { AssayError } from '../../src/base/errors.ts';
import { type Disk, type DiskFile, isFull, isMissing } from './disk.ts';

/** What the system said, as one of our codes; our own errors pass unchanged. */
export function diskError(error: unknown, what: string): AssayError {
  if (error instanceof AssayError) return error;
  const cause = error instanceof Error ? error.message : String(error);
  return new AssayError(isFull(error) ? 'STORE_FULL' : 'STORE_IO', `${what}: ${cause}`, { cause: error });
}

/** The one place where syncing fails, so that whoever catches it knows that the cache is not to be trusted. */
async function synced(sync: Promise<void>, what: string): Promise<void> {
  try {
    await sync;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new AssayError('STORE_FSYNC_FAILED', `${what}: ${cause}`, { cause: error });
  }
}

export function syncFile(file: DiskFile, what: string): Promise<void> {
  return synced(file.datasync(), what);
}

export function syncFolder(disk: Disk, path: string): Promise<void> {
  return synced(disk.syncDirectory(path), path);
}

/** The folder of a store, and the few ways in which anything gets into it. Paths are relative, with `/`. */
export interface Folder {
  readonly disk: Disk;
  absolute(path: string): string;
  /** Starts a group of writes that become durable together. */
  begin(): Writes;
  /** The whole file, or null when there is none; longer than `limit` is `STORE_IO`. */
  read(path: string, limit: number): Uint8Array | null;
}

export interface Writes {
  /** Makes the folder and those above it. */
  prepare(path: string): void;
  /** Writes a file that is whole or absent. Its bytes are durable when this resolves, its name after `finish`. */
  write(path: string, parts: readonly Uint8Array[]): Promise<void>;
  /** Makes every name durable that this group has added. */
  finish(): Promise<void>;
}

/** Opens the folder, and forgets what a crash left half written. */
export async function openFolder(disk: Disk, root: string): Promise<Folder> {
  /** Folders whose own name is known to be durable. */
  const durable = new Set<string>(['.']);
  let aside = 0;
  disk.makeDirectory(root);
  await disk.remove(join(root, 'tmp'));
  disk.makeDirectory(join(root, 'tmp'));

  function begin(): Writes {
    const made = new Set<string>();
    const dirty = new Set<string>();
    const prepare = (path: string): void => {
      if (durable.has(path) || made.has(path)) return;
      prepare(dirname(path));
      disk.makeDirectory(join(root, path));
      made.add(path);
      dirty.add(dirname(path));
    };
    return {
      prepare,
      async write(path, parts) {
        prepare(dirname(path));
        const temporary = join(root, 'tmp', String(aside++));
        try {
          await writeSynced(disk, temporary, parts, path);
          await disk.rename(temporary, join(root, path));
          dirty.add(dirname(path));
        } catch (error) {
          await disk.remove(temporary);
          throw error;
        }
      },
      async finish() {
        await Promise.all([...dirty].map((path) => syncFolder(disk, join(root, path))));
        for (const path of made) durable.add(path);
      },
    };
  }

  return {
    disk,
    absolute: (path) => join(root, path),
    begin,
    read: (path, limit) => readWhole(disk, join(root, path), limit),
  };
}

async function writeSynced(
  disk: Disk,
  path: string,
  parts: readonly Uint8Array[],
  what: string,
): Promise<void> {
  const file = await disk.create(path);
  try {
    file.write(parts, 0);
    await syncFile(file, what);
  } finally {
    file.close();
  }
}

function readWhole(disk: Disk, path: string, limit: number): Uint8Array | null {
  let file: DiskFile;
  try {
    file = disk.open(path, 'read');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    const bytes = file.read(0, limit + 1);
    if (bytes.length > limit) throw new AssayError('STORE_IO', `${path} is longer than ${limit} bytes`);
    return bytes;
  } finally {
    file.close();
  }
}
