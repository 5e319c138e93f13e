/** `assay image build` as a user runs it: the same bytes whoever builds them, and what measure, explain and SPDX say. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheFolder } from '../../images/cache.ts';
import { assay } from '../support/cli.ts';
import { type TestFolder, testFolder } from '../support/ledger.ts';
import { ROOT } from '../support/tree.ts';

const EXAMPLE = join(ROOT, 'images/nitro/config.example.json');
const MAX_EIF = 38e6;
let folder: TestFolder;
const at = (name: string): string => join(folder.path, name);
beforeAll(() => {
  folder = testFolder({ real: true });
});
afterAll(() => folder[Symbol.dispose]());

async function build(name: string, config = EXAMPLE): Promise<Record<string, unknown>> {
  const built = await assay([
    'image',
    'build',
    '--config',
    config,
    '-o',
    at(name),
    '--level',
    '12',
    '--json',
  ]);
  expect([built.status, built.err.split('assay:')[1]]).toEqual([0, undefined]);
  return built.json();
}

describe('an enclave image for Nitro', () => {
  beforeAll(() => build('one.eif'));

  it('has the same bytes from another checkout in another folder, installed anew, and is small', async () => {
    const release = ['--level', '19', '-o', at('release.eif')];
    expect((await assay(['image', 'build', '--config', EXAMPLE, ...release])).status).toBe(0);
    const size = readFileSync(at('release.eif')).length;
    console.log(`release image ${(size / 1e6).toFixed(1)} MB (aim ${MAX_EIF / 1e6} MB)`);
    expect(size).toBeLessThanOrEqual(MAX_EIF);

    const elsewhere = at('elsewhere');
    const cache = at('cache');
    const run = (program: string, ...args: string[]): void => {
      const env = { ...process.env, ASSAY_CACHE: cache, ASSAY_HOME: at('home') };
      execFileSync(program, args, { cwd: elsewhere, env, stdio: 'pipe' });
    };
    const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: ROOT });
    for (const path of String(listed).split('\0').filter(Boolean))
      cpSync(join(ROOT, path), join(elsewhere, path), { recursive: true });
    // The kernel, which takes minutes, and what the mirror gave: all else is made again.
    mkdirSync(cache);
    for (const name of readdirSync(cacheFolder()))
      if (/^(?:kernel-|debian)/.test(name)) symlinkSync(join(cacheFolder(), name), join(cache, name));
    run('make', '-s', 'install', 'dist/.built');
    const config = join('images/nitro', 'config.example.json');
    run('bin/assay', 'image', 'build', '--config', config, '--level', '19', '-o', 'release.eif');
    for (const name of ['release.eif', 'release.spdx.json', 'release.measurements.json'])
      expect(readFileSync(join(elsewhere, name)).equals(readFileSync(at(name))), name).toBe(true);
  }, 1_800_000);

  it('measures to what was said when it was built, in the one canonical layout', async () => {
    const measured = await assay(['image', 'measure', at('one.eif'), '--canonical', '--json']);
    const said = JSON.parse(readFileSync(at('one.measurements.json'), 'utf8')) as { Measurements: object };
    expect(measured.json()['Measurements']).toEqual(said.Measurements);
    expect(measured.err).toBe('');
  });

  it('with another configuration has another PCR2, and the same PCR1 if the machine is the same', async () => {
    const config = JSON.parse(readFileSync(EXAMPLE, 'utf8')) as Record<string, unknown>;
    writeFileSync(at('config.json'), JSON.stringify({ ...config, maxValidForMs: 1_000 }));
    await build('three.eif', at('config.json'));
    const { out } = await assay(['image', 'explain', at('one.eif'), at('three.eif')]);
    expect(out).toContain('enclave/config.json');
    const pcrs = async (name: string): Promise<Record<string, string>> =>
      (await assay(['image', 'measure', at(name), '--json'])).json()['Measurements'] as Record<
        string,
        string
      >;
    const [one, three] = [await pcrs('one.eif'), await pcrs('three.eif')];
    expect(three['PCR1']).toBe(one['PCR1']);
    expect(three['PCR2']).not.toBe(one['PCR2']);
  }, 300_000);

  it('is not written over, nor built from a configuration that the enclave would refuse', async () => {
    const args = ['image', 'build', '--config', EXAMPLE, '-o', at('one.eif')];
    expect((await assay(args)).err).toContain('FILE_EXISTS');
    writeFileSync(at('none.json'), '{}');
    const none = await assay(['image', 'build', '--config', at('none.json'), '-o', at('none.eif')]);
    expect([none.status, none.err]).toEqual([2, expect.stringContaining('CONFIG_INVALID')]);
    expect(readdirSync(folder.path)).not.toContain('none.eif');
  });
});
