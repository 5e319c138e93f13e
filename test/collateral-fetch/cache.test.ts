/** The cache: what is written comes back, what was changed does not, and files that several processes share. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultCacheFolder, type Kept, openCache } from '../../host/collateral/cache.ts';
import { readPrivate, withLock, writePrivate } from '../../host/collateral/files.ts';
import { utf8 } from '../../src/base/bytes.ts';

const URL = 'https://pcs.example/tcb?fmspc=1';
const KEPT: Kept = { at: 1_700_000_000_000, body: Uint8Array.of(0, 1, 255), chain: ['%2D%2D'] };

let folder = '';
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'assay-cache-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const entryPath = (): string => {
  const [name] = readdirSync(join(folder, 'answers'));
  return join(folder, 'answers', name as string);
};

describe('the cache', () => {
  it('gives back what was written, and nothing for another address', () => {
    const cache = openCache(folder);
    expect(cache.read(URL)).toBe(null);
    cache.write(URL, KEPT);
    expect(openCache(folder).read(URL)).toEqual(KEPT);
    expect(cache.read(`${URL}2`)).toBe(null);
    const empty = { at: 0, body: new Uint8Array(0), chain: [] };
    cache.write(URL, empty);
    expect(cache.read(URL)).toEqual(empty);
  });

  it('is private, and has no halves of files', () => {
    openCache(join(folder, 'made')).write(URL, KEPT);
    openCache(folder).write(URL, KEPT);
    expect(statSync(join(folder, 'made')).mode & 0o777).toBe(0o700);
    expect(statSync(entryPath()).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'answers'))).toHaveLength(1);
  });

  it('does not believe an entry of which any one byte was changed, cut or added', () => {
    const cache = openCache(folder);
    cache.write(URL, KEPT);
    const whole = new Uint8Array(readFileSync(entryPath()));
    const survived: number[] = [];
    for (let at = 0; at < whole.length; at++) {
      const changed = whole.slice();
      changed[at] = (changed[at] as number) ^ 1;
      writeFileSync(entryPath(), changed);
      if (cache.read(URL) !== null) survived.push(at);
    }
    expect(survived).toEqual([]);
    for (const size of [0, 1, whole.length - 1]) {
      writeFileSync(entryPath(), whole.subarray(0, size));
      expect(cache.read(URL)).toBe(null);
    }
    writeFileSync(entryPath(), Buffer.concat([whole, Buffer.from('x')]));
    expect(cache.read(URL)).toBe(null);
  });

  it('does not believe an entry under the name of another, a link, a folder or a pipe', () => {
    const cache = openCache(folder);
    cache.write(URL, KEPT);
    const bytes = readFileSync(entryPath());
    const path = entryPath();
    rmSync(path);
    cache.write(`${URL}2`, KEPT);
    writeFileSync(entryPath(), bytes);
    expect(cache.read(`${URL}2`)).toBe(null);
    writeFileSync(join(folder, 'elsewhere'), bytes);
    symlinkSync(join(folder, 'elsewhere'), path);
    expect(cache.read(URL)).toBe(null);
    rmSync(path);
    mkdirSync(path);
    expect(cache.read(URL)).toBe(null);
    rmSync(path, { recursive: true });
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    expect(cache.read(URL)).toBe(null);
  });

  it('lies where the desktop says, or else below the home folder', () => {
    expect(defaultCacheFolder({ XDG_CACHE_HOME: '/x' })).toBe('/x/assay/collateral');
    const home = join(homedir(), '.cache/assay/collateral');
    expect(defaultCacheFolder({})).toBe(home);
    expect(defaultCacheFolder({ XDG_CACHE_HOME: '' })).toBe(home);
    expect(defaultCacheFolder({ XDG_CACHE_HOME: 'relative' })).toBe(home);
  });
});

describe('a shared file', () => {
  it('is whole or not there, and says why it cannot be read or written', () => {
    const path = join(folder, 'file');
    expect(readPrivate(path, 10)).toBe(null);
    writePrivate(path, utf8('1234567890'));
    expect(readPrivate(path, 10)).toHaveLength(10);
    expect(() => readPrivate(path, 9)).toFailWith('FILE_UNREADABLE');
    expect(() => readPrivate(join(path, 'below'), 9)).toFailWith('FILE_UNREADABLE');
    expect(() => writePrivate(join(path, 'below'), utf8('x'))).toFailWith('FILE_UNREADABLE');
    mkdirSync(join(folder, 'taken'));
    expect(() => writePrivate(join(folder, 'taken'), utf8('x'))).toFailWith('FILE_UNREADABLE');
    expect(readdirSync(folder).sort()).toEqual(['file', 'taken']);
  });

  it('is changed by one at a time, and given back whatever happens', async () => {
    const path = join(folder, 'file');
    await expect(
      withLock(path, () => {
        throw new Error('broken');
      }),
    ).rejects.toThrow('broken');
    let inside = 0;
    const work = async (): Promise<number> => withLock(path, () => ++inside);
    expect((await Promise.all([work(), work(), work()])).sort()).toEqual([1, 2, 3]);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  it('is taken over from one that died, and not from one that works', async () => {
    const path = join(folder, 'file');
    writeFileSync(`${path}.lock`, '');
    const old = Date.now() / 1_000 - 11;
    utimesSync(`${path}.lock`, old, old);
    expect(await withLock(path, () => 'mine')).toBe('mine');
    writeFileSync(`${path}.lock`, '');
    let done = false;
    const waiting = withLock(path, () => void (done = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(done).toBe(false);
    rmSync(`${path}.lock`);
    await waiting;
    expect([done, readdirSync(folder)]).toEqual([true, []]);
    chmodSync(folder, 0o700);
  });
});
