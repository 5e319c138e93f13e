import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bundleEnclave, enclaveProgram, refuseSimulator } from '../../images/index.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'assay-bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A small tree with a platform file that only the simulated entry imports. */
function tree(name: string): string {
  const at = join(folder, name);
  mkdirSync(join(at, 'enclave/platform'), { recursive: true });
  const write = (path: string, text: string): void => writeFileSync(join(at, path), text);
  write('enclave/platform/simulated-nsm.ts', 'export const made: string = "x";\n');
  write('enclave/platform/nitro.ts', 'export const real: string = "y";\n');
  write(
    'enclave/main-simulated.ts',
    "import { made } from './platform/simulated-nsm.ts';\nconsole.log(made);\n",
  );
  write('enclave/main-nitro.ts', "import { real } from './platform/nitro.ts';\nconsole.log(real);\n");
  write(
    'enclave/main-leaky.ts',
    "import { made } from './platform/simulated-nsm.ts';\nimport { real } from './platform/nitro.ts';\nconsole.log(real, made);\n",
  );
  write('enclave/main-marked.ts', "console.log('dev/kms');\n");
  write('enclave/main-broken.ts', "import './nowhere.ts';\n");
  return at;
}

describe('bundles', () => {
  it('are the same in two folders, run, and name what went in', async () => {
    const [one, other] = [
      await bundleEnclave(tree('one'), 'enclave/main-simulated.ts'),
      await bundleEnclave(tree('two'), 'enclave/main-simulated.ts'),
    ];
    expect(one.code).toEqual(other.code);
    expect(one.inputs).toEqual(['enclave/main-simulated.ts', 'enclave/platform/simulated-nsm.ts']);
    const file = join(folder, 'run.mjs');
    writeFileSync(file, one.code);
    expect(spawnSync(process.execPath, [file], { encoding: 'utf8' }).stdout).toBe('x\n');
  });

  it('are refused for real hardware when simulated code or its marks are inside', async () => {
    const at = tree('three');
    refuseSimulator(await bundleEnclave(at, 'enclave/main-nitro.ts'));
    for (const entry of ['main-simulated', 'main-leaky', 'main-marked']) {
      const bundle = await bundleEnclave(at, `enclave/${entry}.ts`);
      expect(() => refuseSimulator(bundle), entry).toFailWith('BUNDLE_SIMULATOR_INSIDE');
    }
  });

  it('are not made of what does not resolve', async () => {
    await expect(bundleEnclave(tree('four'), 'enclave/main-broken.ts')).toRejectWith('BUNDLE_FAILED');
    await expect(enclaveProgram(folder, 'nitro')).toRejectWith('BUNDLE_FAILED');
  });
});

describe('the enclave program', () => {
  it('for Nitro holds no simulator code, by esbuild’s own record and by its text', async () => {
    const { bundles } = await enclaveProgram(root, 'nitro');
    for (const [path, { inputs, code }] of bundles) {
      expect(
        inputs.filter((input) => /simulat/.test(input) && !input.startsWith('src/base/codes/')),
        path,
      ).toEqual([]);
      const text = new TextDecoder().decode(code);
      for (const mark of ['connectSimulatedNsm', 'dev/kms', 'kms.simulated', 'vsock/host.'])
        expect(text.includes(mark), mark).toBe(false);
    }
  });

  it('for the simulated platform does, so that the test above means something', async () => {
    const { bundles } = await enclaveProgram(root, 'simulated');
    expect(() => refuseSimulator(bundles.get('enclave.mjs')!)).toFailWith('BUNDLE_SIMULATOR_INSIDE');
  });

  it('carries no file of the machine: no absolute path, no environment', async () => {
    const { bundles } = await enclaveProgram(root, 'simulated');
    for (const { code } of bundles.values())
      expect(new TextDecoder().decode(code).includes(root)).toBe(false);
  });
});
