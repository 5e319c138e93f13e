/** The first program of the enclave, compiled from `init/`: static, stripped, and the same in every folder. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DebianLock, requireToolchain, unpackedPackages } from '../debian/index.ts';
import { mustRun } from '../process.ts';

const FOLDER = 'images/nitro/init';
const FLAGS = ['-std=gnu17', '-D_GNU_SOURCE', '-Os', '-static', '-Wall', '-Wextra', '-Werror'];
/** No build identifier, no path, no comment of the compiler. */
const PLAIN = ['-Wl,--build-id=none', '-fno-ident', '-g0', '-fstack-protector-strong', '-D_FORTIFY_SOURCE=2'];

export interface InitOptions {
  readonly root: string;
  readonly lock: DebianLock;
  /** User-space headers of the kernel that it will run on. */
  readonly headers: string;
  readonly onProgress: (text: string) => void;
}

export async function buildInit({ root, lock, headers, onProgress }: InitOptions): Promise<Uint8Array> {
  await requireToolchain(lock);
  const sources = readdirSync(join(root, FOLDER))
    .filter((name) => name.endsWith('.c'))
    .sort();
  // The C library to link with is the lock's, not the machine's.
  const sysroot = await unpackedPackages(lock, 'sysroot', onProgress);
  const out = mkdtempSync(join(tmpdir(), 'assay-init-'));
  try {
    const program = join(out, 'init');
    const prefix = `-ffile-prefix-map=${root}=.`;
    // Relative names: what a message or an assertion shows must not depend on the checkout's folder.
    const options = { cwd: join(root, FOLDER) };
    const flags = [...FLAGS, ...PLAIN, prefix, `--sysroot=${sysroot}`, '-isystem', headers];
    await mustRun('gcc-12', [...flags, '-o', program, ...sources], options);
    await mustRun('strip', ['--strip-all', '--remove-section=.comment', program], options);
    return new Uint8Array(readFileSync(program));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
