/** The locked packages of one use, unpacked into one folder, once for each set of them. */
import { cacheFolder, cachedBuild } from '../cache.ts';
import { fetchPackages, unpackPackage } from './apt.ts';
import { type DebianLock, packagesFor, type PackageUse } from './lock.ts';

/** The folder. Throws LOCK_UNAVAILABLE and LOCK_MISMATCH. */
export function unpackedPackages(
  lock: DebianLock,
  use: PackageUse,
  onProgress: (text: string) => void,
): Promise<string> {
  const wanted = packagesFor(lock, use);
  return cachedBuild(use, { packages: wanted.map(({ sha256 }) => sha256).join('\n') }, async (into) => {
    const packages = await fetchPackages(wanted, { cache: cacheFolder(), onProgress });
    for (const path of packages.values()) await unpackPackage(path, into);
  });
}
