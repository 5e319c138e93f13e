/** Where the addon is looked for, and that nothing stands in for it. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addonCandidates, findAddon, loadAddonFrom } from '../../native/index.ts';
import { demandAddon } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-binding-'));
const source = join(import.meta.dirname, '../../native');
beforeAll(demandAddon);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the addon', () => {
  it('is looked for beside the program first, and outside of it only from a known tree', () => {
    expect(addonCandidates('/program')).toEqual(['/program/assay.node']);
    expect(addonCandidates('/assay/native')).toEqual([
      '/assay/native/assay.node',
      '/assay/native/addon/build/Release/assay.node',
    ]);
    expect(addonCandidates('/assay/dist/native')).toEqual([
      '/assay/dist/native/assay.node',
      '/assay/dist/native/addon/build/Release/assay.node',
      '/assay/native/addon/build/Release/assay.node',
    ]);
  });

  it('is found from the source tree, from the compiled tree and in a program archive', () => {
    const built = join(source, 'addon/build/Release/assay.node');
    expect(findAddon(source)).toBe(built);
    expect(findAddon(join(source, '../dist/native'))).toBe(built);
    const archive = join(folder, 'program');
    mkdirSync(archive);
    expect(findAddon(archive)).toBeNull();
    copyFileSync(built, join(archive, 'assay.node'));
    expect(findAddon(archive)).toBe(join(archive, 'assay.node'));
    expect(Object.keys(loadAddonFrom(archive)).sort()).toEqual(['connect', 'listen', 'openNsm']);
  });

  it('is NATIVE_MISSING when it is absent or not loadable, never replaced', () => {
    expect(() => loadAddonFrom(join(folder, 'nowhere'))).toFailWith('NATIVE_MISSING');
    const broken = join(folder, 'broken');
    mkdirSync(broken);
    writeFileSync(join(broken, 'assay.node'), 'not an ELF file');
    expect(() => loadAddonFrom(broken)).toFailWith('NATIVE_MISSING');
  });
});
