/**
 * debian/: the packages that images are made from, by the lock file: fetched from a mirror, checked, unpacked.
 * It must never install one, run one, or take another version than the lock names.
 */
export { type FetchOptions, fetchPackages, unpackPackage } from './apt.ts';
export {
  type DebianLock,
  type LockedPackage,
  packagesFor,
  type PackageUse,
  parseDebianLock,
  readDebianLock,
} from './lock.ts';
export { requireToolchain } from './toolchain.ts';
export { unpackedPackages } from './unpacked.ts';
export { formatLock, type LockChange, updateLock } from './update.ts';
