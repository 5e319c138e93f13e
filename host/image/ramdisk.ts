/**
 * What is in a ramdisk, for people to compare: archives behind one another, each plain, gzip or zstd, with zeros
 * between them, as Linux unpacks them (init/initramfs.c, unpack_to_rootfs). Images that others made have links,
 * devices and odd paths, so this reader takes what the strict one (src/image/cpio.ts) refuses, and nothing that it
 * returns may be unpacked. Where it cannot read on it says why and keeps what it has.
 */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { fail } from '../../src/base/errors.ts';
import { compressionOf } from '../../src/image/index.ts';

export interface RamdiskFile {
  /** As in the archive; never to be opened. */
  readonly path: string;
  /** The fields of the header that say more than name, size and place in the archive, by name. */
  readonly header: Readonly<Record<string, number>>;
  readonly data: Uint8Array;
}

export interface RamdiskContents {
  /** By path; a path that is given again has `#2` and so on behind it. */
  readonly files: ReadonlyMap<string, RamdiskFile>;
  /** Why the rest could not be read; null when all was. */
  readonly unread: string | null;
}

/** Of all archives of a ramdisk together: an enclave that needs more has no room left to run. */
const MAX_UNPACKED = 1024 ** 3;
const MAX_FILES = 262_144;
const MAX_NAME = 4_096;
const HEADER = 110;
const ZEROS: Uint8Array = new Uint8Array(65_536);
const TRAILER = 'TRAILER!!!';
/** newc without and with a checksum; the fields behind the magic, eight hex digits each. */
const MAGIC = /^07070[12]$/;
const FIELDS = [
  'inode',
  'mode',
  'uid',
  'gid',
  'links',
  'time',
  'size',
  'major',
  'minor',
  'device major',
  'device minor',
  'name',
  'checksum',
] as const;

class Listing extends Map<string, RamdiskFile> {
  readonly #times = new Map<string, number>();

  add(file: RamdiskFile): void {
    const times = (this.#times.get(file.path) ?? 0) + 1;
    this.#times.set(file.path, times);
    this.set(times === 1 ? file.path : `${file.path}#${times}`, file);
  }
}

/** Throws RAMDISK_TOO_LARGE; anything else that is wrong is said in `unread`. */
export function readRamdisk(ramdisk: Uint8Array, max: number = MAX_UNPACKED): RamdiskContents {
  const files = new Listing();
  let room = max;
  let at = 0;
  for (;;) {
    at = skipZeros(ramdisk, at);
    if (at === ramdisk.length) return { files, unread: null };
    const rest = ramdisk.subarray(at);
    const kind = compressionOf(rest);
    if (kind === null) {
      const { next, unread } = readArchive(rest, files);
      if (unread !== null) return { files, unread };
      at += next;
      continue;
    }
    if (kind !== 'gzip' && kind !== 'zstd') return { files, unread: `compressed with ${kind}` };
    const found = decompress(kind, rest, room);
    if (found === null) return { files, unread: `its ${kind} data is damaged` };
    room -= found.data.length;
    at += found.consumed;
    const unread = readArchives(found.data, files);
    if (unread !== null) return { files, unread };
  }
}

/** One gzip or zstd member; null for damaged data. `consumed`: Node stops behind a member without saying so. */
function decompress(
  kind: 'gzip' | 'zstd',
  bytes: Uint8Array,
  room: number,
): { data: Uint8Array; consumed: number } | null {
  const options = { maxOutputLength: Math.max(room, 1), info: true } as const;
  try {
    // The types do not know `info`, which is documented (Node.js zlib, "Class: Options").
    const found: unknown =
      kind === 'gzip' ? gunzipSync(bytes, options) : zstdDecompressSync(bytes, options as never);
    const { buffer, engine } = found as { buffer: Uint8Array; engine: { bytesWritten: number } };
    return engine.bytesWritten > 0 ? { data: buffer, consumed: engine.bytesWritten } : null;
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'ERR_BUFFER_TOO_LARGE') return null;
    return fail('RAMDISK_TOO_LARGE', `a ${kind} ramdisk unpacks to more than ${room} bytes`, { cause });
  }
}

function readArchives(bytes: Uint8Array, files: Listing): string | null {
  let at = skipZeros(bytes, 0);
  while (at < bytes.length) {
    const { next, unread } = readArchive(bytes.subarray(at), files);
    if (unread !== null) return unread;
    at = skipZeros(bytes, at + next);
  }
  return null;
}

/** By blocks first: padding may be all of a gigabyte. */
function skipZeros(bytes: Uint8Array, from: number): number {
  let at = from;
  while (equalBlock(bytes, at)) at += ZEROS.length;
  while (at < bytes.length && bytes[at] === 0) at++;
  return at;
}

const equalBlock = (bytes: Uint8Array, at: number): boolean =>
  at + ZEROS.length <= bytes.length && Buffer.compare(bytes.subarray(at, at + ZEROS.length), ZEROS) === 0;

/** One archive to its trailer, or to the end: the kernel does not ask for one. */
function readArchive(bytes: Uint8Array, files: Listing): { next: number; unread: string | null } {
  let at = 0;
  while (at < bytes.length) {
    const header = readHeader(bytes, at);
    if (header === null) return { next: at, unread: 'it is no cpio archive of the newc form' };
    // Numbers of inodes follow from the order of the files: one more file changes those of all behind it.
    const { name: nameSize, size, inode: _inode, ...rest } = header;
    const dataAt = align(at + HEADER + nameSize);
    const end = dataAt + size;
    if (nameSize < 1 || nameSize > MAX_NAME || end > bytes.length)
      return { next: at, unread: 'its cpio archive is cut off' };
    const path = new TextDecoder().decode(bytes.subarray(at + HEADER, at + HEADER + nameSize - 1));
    at = Math.min(align(end), bytes.length);
    if (path === TRAILER) return { next: at, unread: null };
    if (files.size >= MAX_FILES) return { next: at, unread: `it has more than ${MAX_FILES} files` };
    files.add({ path, header: rest, data: bytes.subarray(dataAt, end) });
  }
  return { next: at, unread: null };
}

function readHeader(bytes: Uint8Array, at: number): Record<(typeof FIELDS)[number], number> | null {
  const text = new TextDecoder('latin1').decode(bytes.subarray(at, at + HEADER));
  if (text.length < HEADER || !MAGIC.test(text.slice(0, 6)) || !/^[0-9a-fA-F]+$/.test(text)) return null;
  const value = (index: number): number => Number.parseInt(text.slice(6 + 8 * index, 14 + 8 * index), 16);
  return Object.fromEntries(FIELDS.map((field, index) => [field, value(index)])) as never;
}

const align = (at: number): number => Math.ceil(at / 4) * 4;
