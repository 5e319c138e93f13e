/** The lock against this machine's own mirror: what it has is taken, what it has not is named, and nothing else is. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatLock, updateLock } from '../../images/debian/update.ts';
import { fetchPackages } from '../../images/debian/apt.ts';
import { type LockedPackage, parseDebianLock, readDebianLock } from '../../images/debian/lock.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { type TestFolder, testFolder } from '../support/ledger.ts';
import { ROOT } from '../support/tree.ts';

let folder: TestFolder;
beforeAll(() => {
  folder = testFolder({ real: true });
});
afterAll(() => folder[Symbol.dispose]());

const options = (): Parameters<typeof fetchPackages>[1] => ({
  cache: folder.path,
  onProgress: () => undefined,
});
const packages = readDebianLock(ROOT).packages.filter(
  ({ suite, use }) => suite === 'bookworm' && use !== 'emulator',
);
const small = packages.find(({ name }) => name === 'libgcc-s1') as LockedPackage;

it('takes a package that the mirror has, once', async () => {
  const path = (await fetchPackages([small], options())).get(small.name) as string;
  expect(path).toBe(join(folder.path, 'debian', small.sha256));
  expect(existsSync(path)).toBe(true);
}, 120_000);

it('names what the mirror has in place of a version that is gone', async () => {
  const gone = { ...small, version: '0.0.1', sha256: '01'.repeat(32) };
  await expect(fetchPackages([gone], options())).toRejectWith('LOCK_UNAVAILABLE');
  await expect(fetchPackages([gone], options())).rejects.toThrow(`the mirror has ${small.version}`);
}, 120_000);

it('refuses other bytes under the version that the lock names, and keeps none', async () => {
  const other = { ...small, sha256: '02'.repeat(32) };
  await expect(fetchPackages([other], options())).toRejectWith('LOCK_MISMATCH');
  expect(readdirSync(join(folder.path, 'debian'))).toEqual([small.sha256]);
}, 120_000);

it('finds the versions of a lock again, whatever it said before', async () => {
  const stale = packages.map((one) => ({ ...one, version: '0', sha256: '03'.repeat(32) }));
  const lock = parseDebianLock(utf8(formatLock(stale)));
  const { text, changes } = await updateLock(lock, options());
  const found = parseDebianLock(utf8(text)).packages;
  expect(found.map(({ name, suite, use }) => [name, suite, use])).toEqual(
    packages.map(({ name, suite, use }) => [name, suite, use]),
  );
  expect(changes.map(({ name, from }) => [name, from])).toEqual(packages.map(({ name }) => [name, '0']));
  for (const { version, sha256 } of found) {
    expect(version).not.toBe('0');
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  }
}, 120_000);
