/**
 * The enclave image file: kernel, command line, and two ramdisks. The first has init and what it must hold the
 * machine to, the second the root file system of the evaluator. Both are compressed, so that each begins with a
 * magic number: bytes that were moved over a section's boundary, which no register would show, make no ramdisk.
 */
import { constants, zstdCompressSync } from 'node:zlib';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { type CpioFile, writeCpio } from '../cpio.ts';
import { writeEif } from '../eif.ts';
import type { Files } from './runtime.ts';

/** zstd's levels: 12 in seconds for development, 19 in a minute or two for what is deployed. */
export type Compression = 12 | 19;

export interface MachineSettings {
  /** Which clock the kernel must keep time with: kvm-clock on Nitro. */
  readonly clockSource: string;
  /** The parent's context id: 3 on Nitro. */
  readonly parentCid: number;
  readonly memoryMib: number;
}

export interface ImageParts {
  readonly kernel: Uint8Array;
  readonly kernelVersion: string;
  readonly init: Uint8Array;
  readonly runtime: Files;
  /** The evaluator's own files, by path below `enclave/`. */
  readonly program: ReadonlyMap<string, Uint8Array>;
  readonly nodeFlags: readonly string[];
  readonly machine: MachineSettings;
  /** Name and version of the image, for people. */
  readonly name: string;
  readonly version: string;
  readonly compress: (archive: Uint8Array) => Promise<Uint8Array>;
}

/**
 * AWS's own, less what trusts the processor's generator before the module's is read, silent but for errors, and with
 * the clock named, because what a kernel chooses by measuring may differ from one start to the next.
 */
const CMDLINE =
  'reboot=k panic=30 pci=off acpi=off nomodules console=ttyS0 i8042.noaux i8042.nomux i8042.nopnp i8042.dumbkbd random.trust_cpu=off random.trust_bootloader=off quiet';
export const kernelCmdline = ({ clockSource }: MachineSettings): string =>
  `${CMDLINE} clocksource=${clockSource}`;

/** Not root, and nobody else's number. */
const UID = 1_000;
const ENTRY = '/enclave/enclave.mjs';

/** zstd with a checksum, as the kernel reads it (lib/decompress_unzstd.c). */
export function compressRamdisk(archive: Uint8Array, level: Compression): Uint8Array {
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag } = constants;
  const params = { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: 1, [ZSTD_c_contentSizeFlag]: 1 };
  const data = new Uint8Array(zstdCompressSync(archive, { params, pledgedSrcSize: archive.length } as never));
  // The kernel looks for the next archive at a multiple of four.
  return concat(data, new Uint8Array((4 - (data.length % 4)) % 4));
}

/** init.conf: the order of the lines is fixed (init/settings.c). */
export function initSettings(
  machine: MachineSettings,
  cmdline: string,
  nodeFlags: readonly string[],
): string {
  const words = ['/enclave/node', ...nodeFlags, ENTRY];
  if (words.some((word) => /[\s\0]/.test(word))) fail('EIF_CONTENT_INVALID', 'an argument with a space');
  return [
    `cmdline ${cmdline}`,
    `clock-source ${machine.clockSource}`,
    `parent-cid ${machine.parentCid}`,
    `memory-mib ${machine.memoryMib}`,
    `uid ${UID}`,
    ...words.map((word) => `argument ${word}`),
    '',
  ].join('\n');
}

export async function assembleImage(parts: ImageParts): Promise<Uint8Array> {
  const cmdline = kernelCmdline(parts.machine);
  const settings = initSettings(parts.machine, cmdline, parts.nodeFlags);
  const boot = new Map<string, CpioFile>([
    ['init', { data: parts.init, executable: true }],
    ['init.conf', { data: utf8(settings) }],
  ]);
  const root = new Map<string, CpioFile>(parts.runtime);
  for (const [path, data] of parts.program) root.set(`enclave/${path}`, { data });
  for (const path of boot.keys()) if (root.has(path)) fail('EIF_CONTENT_INVALID', `${path} in both ramdisks`);
  const ramdisks: Uint8Array[] = [];
  for (const archive of [writeCpio(boot), writeCpio(root, 'all')])
    ramdisks.push(await parts.compress(archive));
  return writeEif({
    architecture: 'x86_64',
    kernel: parts.kernel,
    cmdline,
    ramdisks,
    metadata: utf8(JSON.stringify(metadata(parts))),
  });
}

/** nitro-cli's fields. BuildTime is not the time: metadata is not measured, but the file's own digest counts it. */
function metadata({ name, version, kernelVersion }: ImageParts): object {
  return {
    ImageName: name,
    ImageVersion: version,
    BuildMetadata: {
      BuildTime: '1970-01-01T00:00:01Z',
      BuildTool: 'assay',
      BuildToolVersion: version,
      OperatingSystem: 'Linux',
      KernelVersion: kernelVersion,
    },
    DockerInfo: {},
    CustomMetadata: {},
  };
}
