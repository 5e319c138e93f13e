/**
 * The enclave's kernel: Debian's kernel source of the locked version with our own configuration, built so that
 * builder, host, time and place leave no trace in it.
 */
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fail } from '../../src/base/errors.ts';
import { cacheFolder, cachedBuild } from '../cache.ts';
import {
  type DebianLock,
  fetchPackages,
  packagesFor,
  requireToolchain,
  unpackPackage,
} from '../debian/index.ts';
import { mustRun } from '../process.ts';

export interface Kernel {
  /** bzImage. */
  readonly image: Uint8Array;
  /** `6.12.107`. */
  readonly version: string;
  /** Folder of the user-space headers of this very kernel, for init. */
  readonly headers: string;
}

const FRAGMENT = 'images/nitro/kernel.config';
/** What would differ from one build to the next (kernel Documentation/kbuild/reproducible-builds.rst). */
const FIXED = {
  KBUILD_BUILD_USER: 'assay',
  KBUILD_BUILD_HOST: 'assay',
  KBUILD_BUILD_TIMESTAMP: '1970-01-01 00:00:01 UTC',
  KBUILD_BUILD_VERSION: '1',
  SOURCE_DATE_EPOCH: '1',
};
/** The compiler that the lock names, not whatever `gcc` is on this machine. */
const TOOLS = ['CC=gcc-12', 'HOSTCC=gcc-12'];
/** Most of a start is reading the ramdisks; all else is built for size (kernel Documentation/kbuild/makefiles.rst). */
const FAST = [
  'decompress/huf_decompress',
  'decompress/zstd_decompress',
  'decompress/zstd_decompress_block',
  'common/entropy_common',
  'common/fse_decompress',
  'xxhash',
].map((stem) => `CFLAGS_${stem}.o=-O2`);
/** Raised when the steps below change what comes out. */
const RECIPE = '2';

/** Builds it, or takes it from the cache. Throws TOOLCHAIN_DIFFERS, LOCK_UNAVAILABLE, KERNEL_CONFIG_DIFFERS. */
export async function buildKernel(
  root: string,
  lock: DebianLock,
  onProgress: (text: string) => void,
): Promise<Kernel> {
  await requireToolchain(lock);
  const fragment = readFileSync(join(root, FRAGMENT), 'utf8');
  const [source] = packagesFor(lock, 'kernel');
  if (source === undefined) return fail('LOCK_INVALID', 'no kernel in images/debian.lock.json');
  const toolchain = packagesFor(lock, 'toolchain').map(({ name, version }) => `${name} ${version}`);
  const inputs = { source: source.sha256, fragment, toolchain: toolchain.join('\n'), recipe: RECIPE };
  const folder = await cachedBuild('kernel', inputs, async (into) => {
    const packages = await fetchPackages([source], { cache: cacheFolder(), onProgress });
    onProgress('building the kernel: about five minutes on two cores, once');
    await compile(packages.get(source.name) as string, fragment, into);
  });
  return {
    image: new Uint8Array(readFileSync(join(folder, 'bzImage'))),
    version: readFileSync(join(folder, 'version'), 'utf8').trim(),
    headers: join(folder, 'include'),
  };
}

async function compile(deb: string, fragment: string, into: string): Promise<void> {
  const work = join(into, 'work');
  await unpackPackage(deb, work);
  const [tarball] = readdirSync(join(work, 'usr/src')).filter((name) => name.endsWith('.tar.xz'));
  if (tarball === undefined) fail('LOCK_MISMATCH', 'the kernel package has no source archive');
  const tree = join(work, 'tree');
  mkdirSync(tree);
  await mustRun('tar', ['--strip-components=1', '-xJf', join(work, 'usr/src', tarball), '-C', tree], {
    cwd: work,
  });
  const options = { cwd: tree, env: FIXED };
  const make = (...targets: string[]): Promise<string> =>
    mustRun('make', ['-s', ...TOOLS, ...targets], options);
  await make('tinyconfig');
  const config = join(tree, '.config');
  writeFileSync(config, `${readFileSync(config, 'utf8')}${fragment}`);
  await make('olddefconfig');
  requireConfig(fragment, readFileSync(config, 'utf8'));
  await make(`-j${availableParallelism()}`, ...FAST, 'bzImage');
  await make('headers');
  await mustRun('cp', ['-r', 'usr/include', into], options);
  copyFileSync(join(tree, 'arch/x86/boot/bzImage'), join(into, 'bzImage'));
  copyFileSync(config, join(into, 'config'));
  writeFileSync(join(into, 'version'), await make('kernelversion'));
  await mustRun('rm', ['-rf', work], { cwd: into });
}

/** What no enclave has, though another option or a newer kernel brought it along. */
const NEVER =
  /^CONFIG_(?:MODULES|BLOCK|NETDEVICES|PCI|USB|USER_NS|IO_URING|BPF_SYSCALL|DEVMEM|DEVPORT|KEXEC|KEXEC_FILE|HIBERNATION|IPV6|VT|USERFAULTFD|IA32_EMULATION|X86_X32_ABI|MAGIC_SYSRQ|PROC_KCORE)=/;

/**
 * olddefconfig drops silently what depends on something that is off, and adds what is on by default. Throws
 * KERNEL_CONFIG_DIFFERS.
 */
export function requireConfig(fragment: string, config: string): void {
  const lines = new Set(config.split('\n'));
  const missing = fragment.split('\n').filter((line) => /^(?:# )?CONFIG_/.test(line) && !lines.has(line));
  const extra = [...lines].filter((line) => NEVER.test(line));
  if (extra.length > 0) fail('KERNEL_CONFIG_DIFFERS', `the kernel would have ${extra.join(', ')}`);
  if (missing.length > 0) fail('KERNEL_CONFIG_DIFFERS', `the kernel did not take ${missing.join(', ')}`);
}
