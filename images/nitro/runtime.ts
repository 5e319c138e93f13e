/**
 * What the evaluator runs on: Node of the npm lock file, stripped, and the shared libraries of the Debian lock that
 * it names as needed. Nothing else is in the root file system: no shell, no package manager, no other program.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail } from '../../src/base/errors.ts';
import type { CpioFile } from '../cpio.ts';
import { type DebianLock, requireToolchain, unpackedPackages } from '../debian/index.ts';
import { mustRun } from '../process.ts';

export type Files = ReadonlyMap<string, CpioFile>;

/** The loader's path is in the binary; the libraries lie where it looks. */
const LOADER = 'lib64/ld-linux-x86-64.so.2';
const LIBRARY_FOLDERS = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'];
const NODE = 'enclave/node';

/** `node`: path of the binary. Paths are those of the root file system, without a leading `/`. */
export async function runtimeFiles(
  node: string,
  lock: DebianLock,
  onProgress: (text: string) => void,
): Promise<Files> {
  await requireToolchain(lock);
  const binary = await stripped(node);
  const folder = await unpackedPackages(lock, 'runtime', onProgress);
  const files = new Map<string, CpioFile>([[NODE, { data: binary, executable: true }]]);
  const open = [...(await neededBy(binary))];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const found = findLibrary(folder, name);
    if (files.has(found.path)) continue;
    files.set(found.path, { data: found.data, executable: true });
    open.push(...(await neededBy(found.data)));
  }
  return files;
}

function findLibrary(folder: string, name: string): { path: string; data: Uint8Array } {
  if (name === LOADER.split('/').pop())
    return { path: LOADER, data: readAt(folder, `lib/x86_64-linux-gnu/${name}`) };
  for (const place of LIBRARY_FOLDERS) {
    const data = tryRead(join(folder, place, name));
    if (data !== null) return { path: `${place}/${name}`, data };
  }
  return fail('LOCK_INVALID', `no runtime package of images/debian.lock.json has ${name}`);
}

const readAt = (folder: string, path: string): Uint8Array =>
  tryRead(join(folder, path)) ?? fail('LOCK_INVALID', `no runtime package has ${path}`);

function tryRead(path: string): Uint8Array | null {
  try {
    return new Uint8Array(readFileSync(path));
  } catch {
    return null;
  }
}

/** Without symbols and debugging information: 108 MB instead of 126. */
function stripped(node: string): Promise<Uint8Array> {
  return withFile(new Uint8Array(readFileSync(node)), async (path) => {
    await mustRun('strip', ['--strip-all', path], { cwd: '/' });
    return new Uint8Array(readFileSync(path));
  });
}

/** DT_NEEDED of an ELF file (System V ABI, "Dynamic Section"). */
function neededBy(elf: Uint8Array): Promise<readonly string[]> {
  return withFile(elf, async (path) => {
    const text = await mustRun('readelf', ['--dynamic', '--wide', path], { cwd: '/' });
    return [...text.matchAll(/\(NEEDED\)\s+Shared library: \[([A-Za-z0-9_.+-]+)\]/g)].map(
      (found) => found[1] as string,
    );
  });
}

async function withFile<T>(data: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-elf-'));
  try {
    const path = join(folder, 'elf');
    writeFileSync(path, data);
    return await use(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
