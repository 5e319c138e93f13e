/**
 * From the sources to the program image of one platform: bundles, Cedar's WebAssembly, lock file, addon and the
 * measured configuration, with the flags that Node starts with.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hashing } from '../src/base/crypto.ts';
import { AssayError } from '../src/base/errors.ts';
import { type Bundle, bundleEnclave, refuseSimulator } from './bundle.ts';
import { buildProgram, PROGRAM_ENTRY } from './program.ts';

/** `simulated` is simulated Nitro. */
export type EnclavePlatform = 'nitro' | 'emulated' | 'simulated' | 'tdx-simulated' | 'snp-simulated';

export interface EnclaveProgram {
  /** Everything of the program except its configuration, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly bundles: ReadonlyMap<string, Bundle>;
}

export interface EnclaveImageOptions {
  /** The checkout: package-lock.json, node_modules and the sources are below it. */
  readonly root: string;
  readonly config: Uint8Array;
  /** The Node binary that the image names. */
  readonly node: Uint8Array;
  readonly hashing: Hashing;
}

const ENTRIES: Readonly<Record<EnclavePlatform, string>> = {
  nitro: 'enclave/main-nitro.ts',
  emulated: 'enclave/main-emulated.ts',
  simulated: 'enclave/main-simulated.ts',
  'tdx-simulated': 'enclave/main-tdx-simulated.ts',
  'snp-simulated': 'enclave/main-snp-simulated.ts',
};
const COMPILE_WORKER = 'enclave/decide/compile-worker.ts';
const CEDAR = 'node_modules/@cedar-policy/cedar-wasm/web/cedar_wasm_bg.wasm';
const ADDON = 'native/addon/build/Release/assay.node';

/**
 * Keys of a boot live in OpenSSL's secure heap: locked in memory, not in core dumps, wiped when freed. Policies
 * are data: no code is made from strings.
 */
export const NODE_FLAGS: readonly string[] = [
  '--secure-heap=1048576',
  '--secure-heap-min=16',
  '--no-warnings',
  '--max-old-space-size=512',
  // Decisions die young: a larger nursery lets them, instead of copying them.
  '--max-semi-space-size=32',
  '--disable-proto=delete',
  // Without it, a signal from outside would open Node's inspector.
  '--disable-sigusr1',
];

/**
 * An emulated machine has one processor, and a slow one: optimised code for Cedar comes later there, because its
 * compiler would take a second from the first decision.
 */
const EMULATED_FLAGS: readonly string[] = [...NODE_FLAGS, '--wasm-tiering-budget=1000000000'];

export const nodeFlagsOf = (platform: EnclavePlatform): readonly string[] =>
  platform === 'emulated' ? EMULATED_FLAGS : NODE_FLAGS;

/** Bundles the platform's entry and its worker. Throws BUNDLE_ codes. */
export async function enclaveProgram(root: string, platform: EnclavePlatform): Promise<EnclaveProgram> {
  const bundles = new Map([
    [PROGRAM_ENTRY, await bundleEnclave(root, ENTRIES[platform])],
    ['compile-worker.mjs', await bundleEnclave(root, COMPILE_WORKER)],
  ]);
  if (platform === 'nitro') for (const bundle of bundles.values()) refuseSimulator(bundle);
  const files = new Map([...bundles].map(([path, { code }]) => [path, code]));
  files.set('cedar_wasm_bg.wasm', required(join(root, CEDAR)));
  return { files, bundles };
}

/** Every file of the checkout of which the program has bytes: bundled or, as Cedar's WebAssembly, copied. */
export function programInputs({ bundles }: EnclaveProgram): readonly string[] {
  const bundled = [...bundles.values()].flatMap(({ inputs }) => inputs);
  return [...new Set([...bundled, CEDAR])].sort();
}

/** The image for a simulated machine. It uses sockets of Node; an addon is taken along if built. */
export function simulatedImage(program: EnclaveProgram, options: EnclaveImageOptions): Uint8Array {
  const { root, config, node, hashing } = options;
  const addon = join(root, ADDON);
  return buildProgram({
    bundleFiles: program.files,
    config,
    lockFile: required(join(root, 'package-lock.json')),
    addon: existsSync(addon) ? required(addon) : null,
    nodeFlags: NODE_FLAGS,
    nodeSha384: hashing.sha384(node),
  });
}

function required(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new AssayError('BUNDLE_FAILED', `cannot read ${path}`, { cause });
  }
}
