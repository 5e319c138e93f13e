/**
 * debian.lock.json: which Debian packages, of which version and SHA-256, an image and its emulator are made from.
 * Like package-lock.json for npm, it decides; what a mirror has meanwhile does not.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssayError, fail } from '../../src/base/errors.ts';
import { type JsonObject, type JsonValue, parseJson } from '../../src/codec/json.ts';

/** What a package is taken for. `toolchain` ones are those of the machine itself, which must have that version. */
export type PackageUse = 'kernel' | 'runtime' | 'sysroot' | 'toolchain' | 'emulator' | 'emulator-source';
const USES: readonly string[] = ['kernel', 'runtime', 'sysroot', 'toolchain', 'emulator', 'emulator-source'];

export interface LockedPackage {
  readonly use: PackageUse;
  readonly name: string;
  readonly version: string;
  /** `bookworm`, `bookworm-backports`, `trixie`, `sid`. */
  readonly suite: string;
  /** Of the .deb; of the upstream tarball for a source package. 64 lower-case hex digits. */
  readonly sha256: string;
}

export interface DebianLock {
  readonly packages: readonly LockedPackage[];
  /** The bytes that were read: what is made from packages is cached under their digest. */
  readonly source: Uint8Array;
}

const FILE = 'images/debian.lock.json';
const PATTERNS = {
  name: /^[a-z0-9][a-z0-9+.-]{1,63}$/,
  version: /^[0-9][A-Za-z0-9.+:~-]{0,63}$/,
  suite: /^[a-z]+(?:-[a-z]+)?$/,
  sha256: /^[0-9a-f]{64}$/,
} as const;

const bad = (message: string): never => fail('LOCK_INVALID', `${FILE}: ${message}`);

function readPackage(value: JsonValue, index: number): LockedPackage {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return bad(`packages[${index}] is not an object`);
  const at = (name: string): string => {
    const field = (value as JsonObject)[name];
    return typeof field === 'string' ? field : bad(`packages[${index}].${name} is not text`);
  };
  const use = at('use');
  if (!USES.includes(use)) bad(`packages[${index}].use is ${use}`);
  for (const [name, pattern] of Object.entries(PATTERNS))
    if (!pattern.test(at(name))) bad(`packages[${index}].${name} is ${JSON.stringify(at(name))}`);
  return Object.freeze({
    use: use as PackageUse,
    name: at('name'),
    version: at('version'),
    suite: at('suite'),
    sha256: at('sha256'),
  });
}

/** Throws LOCK_INVALID. */
export function parseDebianLock(source: Uint8Array): DebianLock {
  let json: JsonValue;
  try {
    json = parseJson(source, { maxBytes: 65_536, maxDepth: 4, path: FILE });
  } catch (cause) {
    throw new AssayError('LOCK_INVALID', cause instanceof AssayError ? cause.message : FILE, { cause });
  }
  const packages = (json as JsonObject | null)?.['packages'];
  if (!Array.isArray(packages)) return bad('packages is not a list');
  const read = packages.map(readPackage);
  const names = read.map(({ use, name }) => `${use} ${name}`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) bad(`${twice} twice`);
  return Object.freeze({ packages: Object.freeze(read), source });
}

/** Of the checkout at `root`. */
export function readDebianLock(root: string): DebianLock {
  return parseDebianLock(new Uint8Array(readFileSync(join(root, FILE))));
}

export const packagesFor = (lock: DebianLock, use: PackageUse): readonly LockedPackage[] =>
  lock.packages.filter((one) => one.use === use);
