/**
 * Debian's own QEMU packages are built without the nitro-enclave machine, so it is made from Debian's source: one
 * target, software emulation only, and just the parts that the machine needs.
 */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fail } from '../../src/base/errors.ts';
import { cacheFolder, cachedBuild } from '../cache.ts';
import { type DebianLock, fetchPackages, packagesFor, unpackPackage } from '../debian/index.ts';
import { mustRun } from '../process.ts';

export interface Emulator {
  /** qemu-system-x86_64. */
  readonly qemu: string;
  /** Folders of firmware, for `-L`. */
  readonly firmware: readonly string[];
  /** rust-vmm's vhost-device-vsock. */
  readonly vsock: string;
}

const TARGET = 'qemu-system-x86_64';
const FEATURES = [
  '--target-list=x86_64-softmmu',
  '--without-default-features',
  '--enable-tcg',
  '--enable-fdt=system',
  '--enable-vhost-user',
  '--enable-libcbor',
  '--enable-gnutls',
  '--disable-docs',
  '--disable-tools',
  '--disable-guest-agent',
  '--disable-werror',
  '--disable-install-blobs',
];
/** UEFI images that Debian takes out of the source and configure looks for; this machine has no UEFI. */
const UEFI =
  'aarch64-code arm-code arm-vars riscv-code riscv-vars i386-code i386-secure-code i386-vars x86_64-code x86_64-secure-code loongarch64-code loongarch64-vars'.split(
    ' ',
  );

/** Builds it, about ten minutes on two cores, or takes it from the cache. */
export async function buildEmulator(lock: DebianLock, onProgress: (text: string) => void): Promise<Emulator> {
  const tools = packagesFor(lock, 'emulator');
  const [source] = packagesFor(lock, 'emulator-source');
  if (source === undefined) return fail('LOCK_INVALID', 'no emulator in images/debian.lock.json');
  const packages = [source, ...tools].map(({ name, sha256 }) => `${name} ${sha256}`).join('\n');
  const folder = await cachedBuild('emulator', { packages, features: FEATURES.join('\n') }, async (into) => {
    const fetched = await fetchPackages([source, ...tools], { cache: cacheFolder(), onProgress });
    for (const { name } of tools) await unpackPackage(fetched.get(name) as string, into);
    onProgress('building QEMU: about ten minutes on two cores, once');
    await compile(fetched.get(source.name) as string, into);
  });
  return {
    qemu: join(folder, TARGET),
    firmware: [join(folder, 'usr/share/qemu'), join(folder, 'usr/share/seabios')],
    vsock: join(folder, 'usr/bin/vhost-device-vsock'),
  };
}

async function compile(tarball: string, into: string): Promise<void> {
  const work = join(into, 'work');
  const tree = join(work, 'tree');
  const out = join(work, 'build');
  for (const folder of [tree, out]) mkdirSync(folder, { recursive: true });
  await mustRun('tar', ['--strip-components=1', '-xJf', tarball, '-C', tree], { cwd: work });
  await fillUefi(tree);
  // meson and its helper are unpacked beside, not installed: this machine keeps its own.
  const env = {
    PYTHONPATH: join(into, 'usr/lib/python3/dist-packages'),
    PATH: `${join(into, 'usr/bin')}:${process.env['PATH'] ?? '/usr/bin:/bin'}`,
  };
  await mustRun(join(tree, 'configure'), ['--python=/usr/bin/python3', ...FEATURES], { cwd: out, env });
  await mustRun('ninja', [`-j${availableParallelism()}`, TARGET], { cwd: out, env });
  await mustRun('strip', [join(out, TARGET)], { cwd: out });
  renameSync(join(out, TARGET), join(into, TARGET));
  await mustRun('rm', ['-rf', work], { cwd: into });
}

async function fillUefi(tree: string): Promise<void> {
  for (const name of UEFI) {
    const path = join(tree, 'pc-bios', `edk2-${name}.fd`);
    if (existsSync(`${path}.bz2`)) continue;
    writeFileSync(path, 'none\n');
    await mustRun('bzip2', [path], { cwd: tree });
  }
}
