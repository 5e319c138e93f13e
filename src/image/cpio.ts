/**
 * cpio archives of the "newc" form, as Linux reads them for an initramfs (kernel
 * Documentation/driver-api/early-userspace/buffer-format.rst). Regular files and directories only: an archive
 * that needs links or devices is not one that we unpack.
 */
import { ParseError, type Code } from '../base/errors.ts';

export interface CpioEntry {
  /** Relative, plain names joined by `/`; never `.`, `..` or empty parts. */
  readonly path: string;
  readonly kind: 'file' | 'directory';
  /** Permission bits, 0..0o7777. */
  readonly mode: number;
  /** View of the archive; empty for directories. */
  readonly data: Uint8Array;
}

export const CPIO_HEADER_SIZE = 110;
export const CPIO_TRAILER = 'TRAILER!!!';
const MAGIC = '070701';
const MAX_PATH = 4_096;
const MAX_ENTRIES = 65_536;
const TYPE_MASK = 0o170000;
const TYPE_FILE = 0o100000;
const TYPE_DIRECTORY = 0o040000;
// Header fields after the magic, eight hex digits each.
const FIELD = { mode: 1, size: 6, nameSize: 11, check: 12 } as const;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads one archive to its trailer; after it only zero padding may follow. Throws CPIO_INVALID, CPIO_PATH_UNSAFE. */
export function parseCpio(archive: Uint8Array): readonly CpioEntry[] {
  const entries: CpioEntry[] = [];
  const paths = new Set<string>();
  let at = 0;
  for (;;) {
    const { entry, next } = readEntry(archive, at);
    if (entry === null) {
      requireZero(archive, next, archive.length);
      return Object.freeze(entries);
    }
    if (paths.has(entry.path)) bad('CPIO_INVALID', `${entry.path} given twice`, at);
    paths.add(entry.path);
    entries.push(entry);
    if (entries.length > MAX_ENTRIES) bad('CPIO_INVALID', `more than ${MAX_ENTRIES} entries`, at);
    at = next;
  }
}

function readEntry(archive: Uint8Array, at: number): { entry: CpioEntry | null; next: number } {
  if (archive.length - at < CPIO_HEADER_SIZE) bad('CPIO_INVALID', 'ends without a trailer', at);
  for (let i = 0; i < MAGIC.length; i++)
    if (archive[at + i] !== MAGIC.charCodeAt(i)) bad('CPIO_INVALID', 'no newc header', at);
  const nameSize = hexField(archive, at, FIELD.nameSize);
  if (nameSize < 2 || nameSize > MAX_PATH) bad('CPIO_INVALID', `path of ${nameSize} bytes`, at);
  const nameStart = at + CPIO_HEADER_SIZE;
  const dataStart = align(nameStart + nameSize);
  if (dataStart > archive.length) bad('CPIO_INVALID', 'ends inside a path', at);
  requireZero(archive, nameStart + nameSize - 1, dataStart);
  const path = decodePath(archive.subarray(nameStart, nameStart + nameSize - 1), nameStart);
  const size = hexField(archive, at, FIELD.size);
  if (hexField(archive, at, FIELD.check) !== 0) bad('CPIO_INVALID', 'has a checksum', at);
  if (path === CPIO_TRAILER) {
    if (size !== 0) bad('CPIO_INVALID', 'the trailer has contents', at);
    return { entry: null, next: dataStart };
  }
  const dataEnd = dataStart + size;
  const next = align(dataEnd);
  if (next > archive.length) bad('CPIO_INVALID', `ends inside ${path}`, at);
  requireZero(archive, dataEnd, next);
  checkPath(path, nameStart);
  const mode = hexField(archive, at, FIELD.mode);
  const kind = kindOf(mode, path, at);
  if (kind === 'directory' && size !== 0) bad('CPIO_INVALID', `directory ${path} has contents`, at);
  const data = archive.subarray(dataStart, dataEnd);
  return { entry: Object.freeze({ path, kind, mode: mode & 0o7777, data }), next };
}

function kindOf(mode: number, path: string, at: number): 'file' | 'directory' {
  if ((mode & TYPE_MASK) === TYPE_FILE) return 'file';
  if ((mode & TYPE_MASK) === TYPE_DIRECTORY) return 'directory';
  return bad('CPIO_INVALID', `${path} is neither a file nor a directory`, at);
}

function hexField(archive: Uint8Array, at: number, index: number): number {
  const start = at + MAGIC.length + 8 * index;
  let value = 0;
  for (let i = start; i < start + 8; i++) value = value * 16 + hexDigit(archive[i] as number, i);
  return value;
}

function hexDigit(byte: number, offset: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : bad('CPIO_INVALID', 'not a hex digit', offset);
}

function decodePath(bytes: Uint8Array, offset: number): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return bad('CPIO_PATH_UNSAFE', 'path is not UTF-8', offset);
  }
}

function checkPath(path: string, offset: number): void {
  if (!isSafePath(path)) bad('CPIO_PATH_UNSAFE', `path ${JSON.stringify(path)}`, offset);
}

/** True for a path that stays inside the folder it is unpacked into and means the same on every system. */
export function isSafePath(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code < 0x20 || code === 0x7f || code === 0x5c) return false;
  }
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

function requireZero(archive: Uint8Array, from: number, to: number): void {
  for (let i = from; i < to; i++) if (archive[i] !== 0) bad('CPIO_INVALID', 'padding is not zero', i);
}

function align(at: number): number {
  // Not a bit operation: a claimed size of 2^31 or more must not turn negative.
  return Math.ceil(at / 4) * 4;
}

function bad(code: Code, message: string, offset: number): never {
  throw new ParseError(code, message, offset, 'cpio');
}
