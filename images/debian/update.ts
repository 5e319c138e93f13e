/** A new lock: what the mirror has now of each package that the lock names, in the same suite. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../src/base/errors.ts';
import { type FetchOptions, privateApt } from './apt.ts';
import type { DebianLock, LockedPackage } from './lock.ts';

export interface LockChange {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** The new lock as text, and what is different. Throws LOCK_UNAVAILABLE for a package that is no longer there. */
export async function updateLock(
  lock: DebianLock,
  { cache, onProgress }: FetchOptions,
): Promise<{ readonly text: string; readonly changes: readonly LockChange[] }> {
  const updated = new Map<LockedPackage, LockedPackage>();
  for (const suite of new Set(lock.packages.map((one) => one.suite))) {
    const packages = lock.packages.filter((one) => one.suite === suite);
    onProgress(`reading the lists of ${suite}`);
    const folder = mkdtempSync(join(cache, 'apt-'));
    try {
      const { run } = await privateApt(folder, packages, { locked: false });
      for (const one of packages) {
        const source = one.use === 'emulator-source';
        const { output } = await run(
          'apt-cache',
          ...(source ? ['showsrc'] : ['show', '--no-all-versions']),
          one.name,
        );
        updated.set(one, source ? newestSource(one, output) : newestBinary(one, output));
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const packages = lock.packages.map((one) => updated.get(one) as LockedPackage);
  const changes = lock.packages.flatMap((one, i) => {
    const next = packages[i] as LockedPackage;
    return next.sha256 === one.sha256 ? [] : [{ name: one.name, from: one.version, to: next.version }];
  });
  return { text: formatLock(packages), changes };
}

/** One package a line, so that a change is one line of a diff. */
export function formatLock(packages: readonly LockedPackage[]): string {
  const lines = packages.map(({ use, name, version, suite, sha256 }) => {
    const fields = Object.entries({ use, name, version, suite, sha256 });
    return `    { ${fields.map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`).join(', ')} }`;
  });
  return `{\n  "packages": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

function newestBinary(one: LockedPackage, output: string): LockedPackage {
  const version = /^Version: (\S+)$/m.exec(output)?.[1];
  const sha256 = /^SHA256: ([0-9a-f]{64})$/m.exec(output)?.[1];
  return version === undefined || sha256 === undefined ? gone(one) : { ...one, version, sha256 };
}

/** Stanzas come in the order of the list; the last `.orig` tarball of the newest stanza is what is locked. */
function newestSource(one: LockedPackage, output: string): LockedPackage {
  const stanza = output
    .split('\n\n')
    .filter((text) => text.includes(`Package: ${one.name}\n`))
    .at(-1);
  const version = /^Version: (\S+)$/m.exec(stanza ?? '')?.[1];
  const sha256 = /^ ([0-9a-f]{64}) \d+ \S+\.orig\.tar\.[a-z0-9]+$/m.exec(stanza ?? '')?.[1];
  return version === undefined || sha256 === undefined ? gone(one) : { ...one, version, sha256 };
}

const gone = (one: LockedPackage): never =>
  fail('LOCK_UNAVAILABLE', `${one.name}: ${one.suite} does not have it any more`);
