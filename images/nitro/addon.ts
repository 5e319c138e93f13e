/**
 * The addon of the image: built for it by the compiler that the lock names, in an environment without flags of the
 * machine. What `make native` left in the checkout may be older, or of another compiler, and is not taken.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { cachedBuild } from '../cache.ts';
import { type DebianLock, packagesFor, requireToolchain } from '../debian/index.ts';
import { mustRun } from '../process.ts';

const SOURCES = 'native/addon';
const NODE_GYP = 'node_modules/node-gyp/bin/node-gyp.js';
/** What is compiled in beside our sources; both come with versions that the npm lock file names. */
const HEADERS = ['node_modules/node-addon-api/napi.h', 'node_modules/node-addon-api/napi-inl.h'];
/** Raised when the steps below change what comes out. */
const RECIPE = '1';

export interface AddonOptions {
  readonly root: string;
  readonly lock: DebianLock;
  /** The package with the Node that will load it: its headers are compiled against. */
  readonly nodePackage: string;
  readonly onProgress: (text: string) => void;
}

/** Throws TOOLCHAIN_DIFFERS, BUILD_FAILED. */
export async function buildAddon({ root, lock, nodePackage, onProgress }: AddonOptions): Promise<Uint8Array> {
  await requireToolchain(lock);
  const names = readdirSync(join(root, SOURCES)).filter((name) => /\.(?:cc|h|gyp)$/.test(name));
  const paths = [...names.map((name) => `${SOURCES}/${name}`), ...HEADERS];
  const node = join(root, 'node_modules', nodePackage);
  const inputs = {
    ...Object.fromEntries(paths.map((path) => [path, new Uint8Array(readFileSync(join(root, path)))])),
    node: readFileSync(join(node, 'package.json'), 'utf8'),
    toolchain: packagesFor(lock, 'toolchain')
      .map(({ name, version }) => `${name} ${version}`)
      .join('\n'),
    recipe: RECIPE,
  };
  const folder = await cachedBuild('addon', inputs, async (into) => {
    onProgress('building the addon');
    const work = join(into, 'work');
    const sources = join(work, SOURCES);
    mkdirSync(sources, { recursive: true });
    for (const name of names) copyFileSync(join(root, SOURCES, name), join(sources, name));
    symlinkSync(join(root, 'node_modules'), join(work, 'node_modules'));
    const args = ['rebuild', '--silent', '--directory', sources, `--nodedir=${node}`];
    const env = { CC: 'gcc-12', CXX: 'g++-12', HOME: work };
    await mustRun(process.execPath, [join(root, NODE_GYP), ...args], { cwd: work, env });
    copyFileSync(join(sources, 'build/Release/assay.node'), join(into, 'assay.node'));
    await mustRun('rm', ['-rf', work], { cwd: into });
  });
  return new Uint8Array(readFileSync(join(folder, 'assay.node')));
}
