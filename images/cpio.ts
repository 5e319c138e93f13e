/**
 * Writes deterministic cpio archives of the newc form: the same files give the same bytes on every machine.
 * Sorted paths, owner 0:0, time 1, modes without a write bit, parent folders added. What `cpio -o -H newc
 * --reproducible` needs a prepared folder for, this does from memory.
 */
import { compareBytes, concat, utf8 } from '../src/base/bytes.ts';
import { fail } from '../src/base/errors.ts';
import { CPIO_HEADER_SIZE, CPIO_TRAILER, isSafePath } from '../src/image/cpio.ts';

export interface CpioFile {
  readonly data: Uint8Array;
  /** 05xx instead of 04xx. */
  readonly executable?: boolean;
}

/** Who reads what is unpacked: its owner, root, alone; or everyone. Nobody writes. */
export type CpioReaders = 'owner' | 'all';

const DIRECTORY = { owner: 0o040500, all: 0o040555 } as const;
const FILE = { owner: 0o100400, all: 0o100444 } as const;
const EXECUTABLE = { owner: 0o100500, all: 0o100555 } as const;
const TYPE_MASK = 0o170000;
const TYPE_DIRECTORY = 0o040000;
/** Blocks of 512 bytes, as cpio writes them. */
const BLOCK = 512;
/** Not 0: some readers take 0 for "now". */
const TIME = 1;

interface Record {
  readonly path: string;
  readonly mode: number;
  readonly data: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** Throws CPIO_PATH_UNSAFE for a path that must not be unpacked, CPIO_INVALID for a file that is also a folder. */
export function writeCpio(files: ReadonlyMap<string, CpioFile>, readers: CpioReaders = 'owner'): Uint8Array {
  const records = new Map<string, Record>();
  for (const path of files.keys()) {
    if (!isSafePath(path) || path === CPIO_TRAILER) fail('CPIO_PATH_UNSAFE', `path ${JSON.stringify(path)}`);
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
      const folder = path.slice(0, at);
      records.set(folder, { path: folder, mode: DIRECTORY[readers], data: NOTHING });
    }
  }
  for (const [path, { data, executable }] of files) {
    if (records.has(path)) fail('CPIO_INVALID', `${path} is a file and a folder`);
    records.set(path, { path, mode: (executable === true ? EXECUTABLE : FILE)[readers], data });
  }
  // In bytewise order a folder comes before what is in it.
  const sorted = [...records.values()].sort((a, b) => compareBytes(utf8(a.path), utf8(b.path)));
  const parts = sorted.map((record, index) => encode(record, index + 1));
  const archive = concat(...parts, encode({ path: CPIO_TRAILER, mode: 0, data: NOTHING }, 0));
  return padded(archive, BLOCK);
}

function encode({ path, mode, data }: Record, inode: number): Uint8Array {
  const name = utf8(`${path}\0`);
  const links = (mode & TYPE_MASK) === TYPE_DIRECTORY ? 2 : 1;
  const time = inode === 0 ? 0 : TIME;
  const numbers = [inode, mode, 0, 0, links, time, data.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${numbers.map((n) => n.toString(16).toUpperCase().padStart(8, '0')).join('')}`;
  if (header.length !== CPIO_HEADER_SIZE) fail('CPIO_INVALID', `${path} is too large`);
  return concat(padded(concat(utf8(header), name), 4), padded(data, 4));
}

function padded(bytes: Uint8Array, block: number): Uint8Array {
  const missing = (block - (bytes.length % block)) % block;
  return missing === 0 ? bytes : concat(bytes, new Uint8Array(missing));
}
