/**
 * Fetches locked packages through apt with a folder of its own: its lists, its sources, its keys, nothing of the
 * system's configuration and nothing installed. The mirror is the machine's own, or `ASSAY_DEBIAN_MIRROR`, which
 * may be a snapshot that still has what others have dropped.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { AssayError, fail } from '../../src/base/errors.ts';
import { lastLine, type Ran, runProgram } from '../process.ts';
import type { LockedPackage } from './lock.ts';

const DEFAULT_MIRROR = 'http://deb.debian.org/debian';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface FetchOptions {
  /** Holds fetched packages, by SHA-256. */
  readonly cache: string;
  readonly onProgress: (text: string) => void;
}

/** The mirror that this machine's own apt uses for Debian itself. */
function machineMirror(): string {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((f) => join(folder, f)) : []),
  ];
  for (const file of files.filter((path) => existsSync(path))) {
    const found = /(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(https?:\/\/\S+\/debian)\/?(?:\s|$)/.exec(
      readFileSync(file, 'utf8'),
    );
    if (found !== null) return found[1] as string;
  }
  return DEFAULT_MIRROR;
}

interface Apt {
  readonly folder: string;
  readonly run: (program: string, ...args: readonly string[]) => Promise<Ran>;
}

/**
 * A private apt directory that knows the suites of these packages. `locked`: only packages whose hashes are known
 * will be taken from it, so lists may be old; else an old list could pass off old packages as new ones.
 */
export async function privateApt(
  folder: string,
  packages: readonly LockedPackage[],
  { locked }: { readonly locked: boolean },
): Promise<Apt> {
  const mirror = process.env['ASSAY_DEBIAN_MIRROR'] ?? machineMirror();
  if (!/^(?:https?|file):\/\/?[^\s"'\\]+$/.test(mirror)) fail('USAGE', 'ASSAY_DEBIAN_MIRROR is not a URL');
  for (const part of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, part), { recursive: true });
  const lines = new Set(
    packages.map(({ suite, use }) => {
      const kind = use === 'emulator-source' ? 'deb-src' : 'deb';
      // A snapshot's Release file has expired long ago; its signature and the lock's hashes still hold.
      const old = locked ? ' check-valid-until=no' : '';
      return `${kind} [signed-by=${KEYRING}${old}] ${mirror} ${suite} main\n`;
    }),
  );
  writeFileSync(join(folder, 'sources.list'), [...lines].join(''));
  writeFileSync(join(folder, 'status'), '');
  const settings = {
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::parts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'APT::Architecture': 'amd64',
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const run: Apt['run'] = (program, ...args) => runProgram(program, [...flags, ...args], { cwd: folder });
  const { status, output } = await run('apt-get', 'update');
  if (status !== 0)
    fail('LOCK_UNAVAILABLE', `the package lists of ${mirror} cannot be fetched: ${lastLine(output)}`);
  return { folder, run };
}

function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Where a fetched package lies: its content is its name, so it cannot be another version's. */
const cached = (one: LockedPackage, cache: string): string => join(cache, 'debian', one.sha256);

async function fetchOne(apt: Apt, one: LockedPackage, cache: string): Promise<void> {
  const source = one.use === 'emulator-source';
  const before = new Set(readdirSync(apt.folder));
  const wanted = `${one.name}=${one.version}`;
  const { status, output } = source
    ? await apt.run('apt-get', 'source', '--download-only', '--only-source', wanted)
    : await apt.run('apt-get', 'download', wanted);
  if (status !== 0) {
    const versions = await apt.run('apt-cache', 'madison', one.name);
    const there = [...new Set([...versions.output.matchAll(/\|\s*(\S+)\s*\|/g)].map((found) => found[1]))];
    fail(
      'LOCK_UNAVAILABLE',
      `${wanted}: ${there.length === 0 ? lastLine(output) : `the mirror has ${there.join(', ')}`}`,
    );
  }
  const fetched = readdirSync(apt.folder)
    .filter((name) => !before.has(name) && (source ? /\.orig\.tar\.[a-z0-9]+$/ : /\.deb$/).test(name))
    .map((name) => join(apt.folder, name));
  const right = fetched.find((path) => sha256Of(path) === one.sha256);
  if (right === undefined) return fail('LOCK_MISMATCH', `${wanted} has another SHA-256 than the lock names`);
  renameSync(right, cached(one, cache));
}

/**
 * The paths of these packages, by name, fetched if they are not there. Throws LOCK_UNAVAILABLE for a version that
 * the mirror no longer has, LOCK_MISMATCH for other bytes under the same version.
 */
export async function fetchPackages(
  packages: readonly LockedPackage[],
  { cache, onProgress }: FetchOptions,
): Promise<ReadonlyMap<string, string>> {
  mkdirSync(join(cache, 'debian'), { recursive: true });
  const missing = packages.filter((one) => !existsSync(cached(one, cache)));
  if (missing.length > 0) {
    onProgress(`fetching ${missing.length} Debian packages`);
    const folder = mkdtempSync(join(cache, 'apt-'));
    try {
      const apt = await privateApt(folder, missing, { locked: true });
      for (const one of missing) await fetchOne(apt, one, cache);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return new Map(
    packages.map((one) => {
      const path = cached(one, cache);
      // The cache is a folder like any other: what lies there is checked each time.
      if (sha256Of(path) !== one.sha256) {
        rmSync(path);
        fail(
          'LOCK_MISMATCH',
          `${one.name}: the cached package was altered and has been removed; run it again`,
        );
      }
      return [one.name, path];
    }),
  );
}

/** Unpacks a .deb into a folder, which may exist. */
export async function unpackPackage(path: string, into: string): Promise<void> {
  mkdirSync(into, { recursive: true });
  const { status, output } = await runProgram('dpkg-deb', ['-x', path, into], { cwd: into });
  if (status !== 0) throw new AssayError('LOCK_MISMATCH', `${path} cannot be unpacked: ${lastLine(output)}`);
}
