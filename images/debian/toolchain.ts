/**
 * The compilers of this machine. Another version writes other bytes, and other bytes are another image: so a build
 * with one that the lock does not name is refused, not warned about.
 */
import { fail } from '../../src/base/errors.ts';
import { runProgram } from '../process.ts';
import { type DebianLock, packagesFor } from './lock.ts';

/** Throws TOOLCHAIN_DIFFERS. `installed` gives a package's version, null for one that is not there. */
export async function requireToolchain(
  lock: DebianLock,
  installed: (name: string) => Promise<string | null> = installedVersion,
): Promise<void> {
  for (const { name, version } of packagesFor(lock, 'toolchain')) {
    const found = await installed(name);
    if (found !== version)
      fail('TOOLCHAIN_DIFFERS', `${name} is ${found ?? 'not installed'}, the lock names ${version}`);
  }
}

async function installedVersion(name: string): Promise<string | null> {
  const { status, output } = await runProgram('dpkg-query', ['-W', '-f', '${Version}', name], { cwd: '/' });
  return status === 0 && output !== '' ? output : null;
}
