/** Files that several processes share: private, whole or absent, and changed by one process at a time. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { AssayError, fail } from '../../src/base/errors.ts';

/** A holder does nothing but read and write one small file, so what is older was left by one that died. */
const LOCK_STALE_MS = 10_000;
const LOCK_WAIT_MS = 30_000;
const LOCK_POLL_MS = 20;

/** Null when there is none. FILE_UNREADABLE when it cannot be read, is no plain file, or is longer than `max`. */
export function readPrivate(path: string, max: number): Uint8Array | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    return fail('FILE_UNREADABLE', `${path}: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() || stat.size > max)
      return fail('FILE_UNREADABLE', `${path}: not a file of at most ${max} bytes`);
    return new Uint8Array(readFileSync(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

/** Written aside and renamed, 0600 in folders of 0700; durable before its name is. FILE_UNREADABLE names the path. */
export function writePrivate(path: string, bytes: Uint8Array): void {
  makeFolder(dirname(path));
  const partial = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    writeSynced(partial, bytes);
    renameSync(partial, path);
  } catch (cause) {
    rmSync(partial, { force: true });
    throw new AssayError('FILE_UNREADABLE', `${path}: cannot be written`, { cause });
  }
}

function writeSynced(path: string, bytes: Uint8Array): void {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(descriptor, bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new AssayError('FILE_UNREADABLE', `${path}: cannot be made a folder`, { cause });
  }
}

/** Runs `work`, which must not wait for anything, while no other process runs its own on the same path. */
export async function withLock<T>(path: string, work: () => T): Promise<T> {
  const lock = `${path}.lock`;
  makeFolder(dirname(path));
  for (const until = Date.now() + LOCK_WAIT_MS; !taken(lock); ) {
    if (Date.now() > until) fail('FILE_UNREADABLE', `${lock}: another process does not give it back`);
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function taken(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx', 0o600));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      fail('FILE_UNREADABLE', `${lock}: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
  removeStale(lock);
  return false;
}

/** Moved aside before it is removed; if another was faster and this is already the lock of the next, it goes back. */
function removeStale(lock: string): void {
  const stale = statSync(lock, { throwIfNoEntry: false });
  if (stale === undefined || Date.now() - stale.mtimeMs < LOCK_STALE_MS) return;
  const aside = `${lock}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(lock, aside);
    if (statSync(aside).ino !== stale.ino) linkSync(aside, lock);
  } catch {
    // Another has moved or taken it meanwhile.
  }
  rmSync(aside, { force: true });
}
