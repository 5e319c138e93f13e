/** The lock of Debian packages: read strictly, and decisive: another compiler, version or digest builds nothing. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  formatLock,
  fetchPackages,
  packagesFor,
  parseDebianLock,
  readDebianLock,
  requireToolchain,
} from '../../images/debian/index.ts';
import { nodeCrypto } from '../../native/index.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { ROOT } from '../support/tree.ts';
import { vectors } from '../support/vectors.ts';

interface Case {
  readonly name: string;
  readonly text: string;
  readonly message: string;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-lock-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the lock of Debian packages', () => {
  it('names what an image and its emulator are made from, and is written as it is read', () => {
    const lock = readDebianLock(ROOT);
    expect(packagesFor(lock, 'kernel').map(({ name }) => name)).toEqual(['linux-source-6.12']);
    expect(packagesFor(lock, 'runtime').map(({ name }) => name)).toEqual([
      'libc6',
      'libgcc-s1',
      'libstdc++6',
    ]);
    expect(packagesFor(lock, 'toolchain').map(({ name }) => name)).toEqual([
      'gcc-12',
      'g++-12',
      'binutils',
      'zstd',
    ]);
    expect(formatLock(lock.packages)).toBe(new TextDecoder().decode(lock.source));
  });

  it.each(vectors<Case>('debian-lock-malformed.json').cases)('is not $name', ({ text, message }) => {
    expect(() => parseDebianLock(utf8(text))).toFailWith('LOCK_INVALID');
    expect(() => parseDebianLock(utf8(text))).toThrow(message);
  });

  it('refuses another compiler, and none', async () => {
    const lock = readDebianLock(ROOT);
    const same = new Map(packagesFor(lock, 'toolchain').map(({ name, version }) => [name, version]));
    await requireToolchain(lock, async (name) => same.get(name) ?? null);
    for (const other of ['12.2.0-15', null]) {
      const found = requireToolchain(lock, async (name) =>
        name === 'g++-12' ? other : (same.get(name) ?? null),
      );
      await expect(found).toRejectWith('TOOLCHAIN_DIFFERS');
    }
  });

  it('says so when the mirror has no such package, and builds from no other', async () => {
    const sha256 = '00'.repeat(32);
    const one = { use: 'runtime', name: 'libc6', version: '1', suite: 'bookworm', sha256 } as const;
    process.env['ASSAY_DEBIAN_MIRROR'] = `file://${folder}/no-mirror`;
    try {
      const options = { cache: folder, onProgress: () => undefined };
      await expect(fetchPackages([one], options)).toRejectWith('LOCK_UNAVAILABLE');
      process.env['ASSAY_DEBIAN_MIRROR'] = 'file:/x [trusted=yes]';
      await expect(fetchPackages([one], options)).toRejectWith('USAGE');
      expect(readdirSync(folder).filter((name) => name.startsWith('apt-'))).toEqual([]);
    } finally {
      delete process.env['ASSAY_DEBIAN_MIRROR'];
    }
  });

  it('takes a package from the cache only if it is still what it was', async () => {
    const data = utf8('a package');
    const sha256 = toHex(nodeCrypto.sha256(data));
    const one = { use: 'runtime', name: 'some', version: '1', suite: 'bookworm', sha256 } as const;
    mkdirSync(join(folder, 'debian'), { recursive: true });
    const path = join(folder, 'debian', sha256);
    writeFileSync(path, data);
    const options = { cache: folder, onProgress: () => undefined };
    expect((await fetchPackages([one], options)).get('some')).toBe(path);
    writeFileSync(path, 'another package');
    await expect(fetchPackages([one], options)).toRejectWith('LOCK_MISMATCH');
  });
});
