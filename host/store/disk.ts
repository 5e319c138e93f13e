/**
 * The file system as the store uses it, behind a face of its own, so that tests can make a disk fail. What works
 * on the page cache is synchronous; what waits for the device or for the file system's journal is not, so that
 * making tiles does not hold up the stage.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
  readSync,
  rename,
  rm,
  writevSync,
} from 'node:fs';

export interface DiskFile {
  /** Writes all parts, one after the other, from `position` on; throws when not all of it was taken. */
  write(parts: readonly Uint8Array[], position: number): void;
  /** At most `length` bytes from `position` on; fewer only at the end of the file. */
  read(position: number, length: number): Uint8Array;
  size(): number;
  truncate(length: number): void;
  /** Resolves once data and length are durable. After a rejection the file must not be used again. */
  datasync(): Promise<void>;
  close(): void;
}

/** Paths are absolute. Errors are the system's own, with `code` as Node gives it. */
export interface Disk {
  /** Opens a file that exists. */
  open(path: string, mode: 'read' | 'write'): DiskFile;
  /** Makes a new file, or empties an old one. */
  create(path: string): Promise<DiskFile>;
  /** Names in a folder, in no order; none when the folder does not exist. */
  list(path: string): string[];
  /** False when it was there already. */
  makeDirectory(path: string): boolean;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a folder with all it holds; nothing happens when there is none. */
  remove(path: string): Promise<void>;
  /** Resolves once the names in this folder are durable. */
  syncDirectory(path: string): Promise<void>;
}

const FLAGS = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
} as const;
const CREATE = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
const PRIVATE = 0o600;

function settled(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error === null ? resolve() : reject(error))));
}

function writeAll(fd: number, parts: readonly Uint8Array[], position: number): void {
  let rest = parts.filter((part) => part.length > 0);
  let at = position;
  while (rest.length > 0) {
    let taken = writevSync(fd, rest, at);
    at += taken;
    while (taken > 0) {
      const first = rest[0] as Uint8Array;
      if (taken < first.length) {
        rest = [first.subarray(taken), ...rest.slice(1)];
        break;
      }
      taken -= first.length;
      rest = rest.slice(1);
    }
  }
}

function readUpTo(fd: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const got = readSync(fd, bytes, at, length - at, position + at);
    if (got === 0) break;
    at += got;
  }
  return bytes.subarray(0, at);
}

function fileOf(fd: number): DiskFile {
  return {
    write: (parts, position) => writeAll(fd, parts, position),
    read: (position, length) => readUpTo(fd, position, length),
    size: () => fstatSync(fd).size,
    truncate: (length) => ftruncateSync(fd, length),
    datasync: () => settled((done) => fdatasync(fd, done)),
    close: () => closeSync(fd),
  };
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

/** The machine's own file system. */
export const nodeDisk: Disk = {
  open: (path, mode) => fileOf(openSync(path, FLAGS[mode] | constants.O_NOFOLLOW)),
  create: (path) =>
    new Promise((resolve, reject) => {
      open(path, CREATE, PRIVATE, (error, fd) => (error === null ? resolve(fileOf(fd)) : reject(error)));
    }),
  list(path) {
    try {
      return readdirSync(path);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  },
  makeDirectory(path) {
    try {
      mkdirSync(path, { mode: 0o700 });
      return true;
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false;
      throw error;
    }
  },
  rename: (from, to) => settled((done) => rename(from, to, done)),
  remove: (path) => settled((done) => rm(path, { recursive: true, force: true }, done)),
  async syncDirectory(path) {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await settled((done) => fsync(fd, done));
    } finally {
      closeSync(fd);
    }
  },
};

export function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT');
}

/** Whether the system says that there is no room (or no quota) left. */
export function isFull(error: unknown): boolean {
  return hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT');
}
