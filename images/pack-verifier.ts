/**
 * Packs `assay-verifier` from the same tree: what is compiled from `src` and `verifier`, no native code, no Node
 * API. The result lies in build/assay-verifier, ready for `npm pack`.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly engines: object;
  readonly dependencies: Readonly<Record<string, string>>;
}

const ROOT: string = resolve(import.meta.dirname, '../..');
const OUT: string = join(ROOT, 'build/assay-verifier');
/** Parts of src that a verifier does not use: the wire, policy engines and images. */
const LEFT_OUT = /\/src\/(rpc|policy|image)(\/|$)/;

function entry(path: string): object {
  return { types: `./${path}.d.ts`, default: `./${path}.js` };
}

const whole = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
const own = {
  name: 'assay-verifier',
  version: whole.version,
  description: 'Judges attestation evidence, receipts and sealed logs, offline, in Node and browsers',
  license: whole.license,
  type: 'module',
  sideEffects: false,
  engines: { node: '>=20' },
  exports: {
    '.': entry('verifier/index'),
    './nitro': entry('verifier/nitro/index'),
    './intel': entry('verifier/intel/index'),
    './snp': entry('verifier/snp/index'),
    './collateral': entry('src/collateral/index'),
    './log': entry('src/log/index'),
    './errors': entry('src/base/errors'),
    './trust-policy.schema.json': './verifier/trust-policy.schema.json',
  },
  dependencies: Object.fromEntries(
    Object.entries(whole.dependencies).filter(([name]) => name.startsWith('@noble/')),
  ),
};

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
for (const floor of ['src', 'verifier']) {
  cpSync(join(ROOT, 'dist', floor), join(OUT, floor), {
    recursive: true,
    filter: (path) => !LEFT_OUT.test(path),
  });
}
cpSync(join(ROOT, 'LICENSE'), join(OUT, 'LICENSE'));
cpSync(join(ROOT, 'verifier/README.md'), join(OUT, 'README.md'));
writeFileSync(join(OUT, 'package.json'), `${JSON.stringify(own, null, 2)}\n`);
