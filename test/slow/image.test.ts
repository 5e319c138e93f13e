/** `assay image build` as a user runs it: the same bytes whoever builds them, and what measure, explain and SPDX say. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheFolder } from '../../images/cache.ts';
import { assay } from '../support/cli.ts';
import { type TestFolder, testFolder } from '../support/ledger.ts';
import { ROOT } from '../support/tree.ts';

const EXAMPLE = join(ROOT, 'images/nitro/config.example.json');
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
  it('is built to the same bytes again, without what was compressed before', async () => {
    const first = await build('one.eif');
    const cache = cacheFolder();
    const other = at('cache');
    mkdirSync(other);
    for (const name of readdirSync(cache))
      if (!name.startsWith('ramdisk')) symlinkSync(join(cache, name), join(other, name));
    process.env['ASSAY_CACHE'] = other;
    try {
      expect(await build('two.eif')).toEqual(first);
    } finally {
      delete process.env['ASSAY_CACHE'];
    }
    expect(readFileSync(at('one.eif')).equals(readFileSync(at('two.eif')))).toBe(true);
    expect(readFileSync(at('one.spdx.json'), 'utf8')).toBe(readFileSync(at('two.spdx.json'), 'utf8'));
  }, 900_000);

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
