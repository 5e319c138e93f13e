/**
 * The program image of a simulated enclave: everything that the simulated hypervisor starts, in one file.
 *
 * It is an ordinary EIF (version 4), so one strict reader serves both kinds, with one difference that it states
 * itself: Node takes the place of the kernel, and 126 MB of it do not travel in the file. The kernel section
 * holds a line that names the binary, `node sha384 <hex>`, and PCR0 and PCR1 are computed over the binary itself
 * in its place. So the registers of a program are those of the EIF rule over
 *
 *   kernel      the Node binary
 *   cmdline     the flags that Node is started with, separated by single spaces
 *   ramdisk 0   the runtime: package-lock.json, cmdline (the flags again), assay.node if there is an addon
 *   ramdisk 1   the program: enclave.mjs and what it loads, config.json (the measured configuration)
 *
 * The flags stand in a file too because boundaries are not measured: with some of them moved to the end of the
 * Node binary, which still runs, the registers would be the same and the flags gone. The reader compares the two,
 * and the enclave can compare the file with what it was started with.
 *
 * A file of this kind does not boot on real hardware, and says so in its metadata.
 */
import { compareBytes, utf8 } from '../src/base/bytes.ts';
import type { Hashing } from '../src/base/crypto.ts';
import { AssayError, fail } from '../src/base/errors.ts';
import { fromHex, toHex } from '../src/base/hex.ts';
import { type CpioEntry, parseCpio } from '../src/image/cpio.ts';
import { type EifImage, parseEif } from '../src/image/eif.ts';
import { type ImageMeasurements, measureImage } from '../src/image/pcr.ts';
import { writeCpio } from './cpio.ts';
import { writeEif } from './eif.ts';

export interface ProgramContent {
  /** Paths relative to the program folder; `enclave.mjs` must be among them. */
  readonly bundleFiles: ReadonlyMap<string, Uint8Array>;
  /** The measured configuration, becomes `config.json`. */
  readonly config: Uint8Array;
  readonly lockFile: Uint8Array;
  /** The native addon, becomes `assay.node`; null where none was built. */
  readonly addon: Uint8Array | null;
  /** `--name` or `--name=value`; never a script, never code. */
  readonly nodeFlags: readonly string[];
  /** SHA-384 of the Node binary that stands for the kernel. */
  readonly nodeSha384: Uint8Array;
}

export interface Program {
  readonly nodeSha384: Uint8Array;
  readonly nodeFlags: readonly string[];
  /** Contents of both ramdisks, in order, to be unpacked into one folder. */
  readonly files: readonly CpioEntry[];
  readonly image: EifImage;
}

export const PROGRAM_ENTRY = 'enclave.mjs';
export const PROGRAM_CONFIG = 'config.json';
export const PROGRAM_ADDON = 'assay.node';
export const PROGRAM_LOCK = 'package-lock.json';
export const PROGRAM_CMDLINE = 'cmdline';
/** Name of the Node copy in the program folder; no file of an image may take it. */
export const PROGRAM_NODE = 'node';

const KERNEL_LINE = /^node sha384 ([0-9a-f]{96})\n$/;
/** Flags that would let Node read code or settings from outside the image are not on this list. */
const FLAG =
  /^--(?:(?:secure-heap|secure-heap-min|max-old-space-size|max-semi-space-size|stack-size|v8-pool-size)=\d{1,9}|disable-proto=(?:delete|throw)|unhandled-rejections=strict|no-warnings|no-addons|disable-sigusr1|frozen-intrinsics|disallow-code-generation-from-strings)$/;

/** Writes the image: the same content gives the same bytes. Throws PROGRAM_INVALID, CPIO_PATH_UNSAFE. */
export function buildProgram(content: ProgramContent): Uint8Array {
  checkFlags(content.nodeFlags);
  const cmdline = content.nodeFlags.join(' ');
  const runtime = new Map([
    [PROGRAM_LOCK, { data: content.lockFile }],
    [PROGRAM_CMDLINE, { data: utf8(cmdline) }],
  ]);
  if (content.addon !== null) runtime.set(PROGRAM_ADDON, { data: content.addon });
  const program = new Map<string, { data: Uint8Array }>();
  for (const [path, data] of content.bundleFiles) program.set(path, { data });
  if (program.has(PROGRAM_CONFIG)) fail('PROGRAM_INVALID', `${PROGRAM_CONFIG} comes from the configuration`);
  program.set(PROGRAM_CONFIG, { data: content.config });
  const image = writeEif({
    architecture: 'x86_64',
    kernel: utf8(`node sha384 ${toHex(content.nodeSha384)}\n`),
    cmdline,
    metadata: utf8('{"ImageName":"assay program","Bootable":false,"Kernel":"Node, named by its SHA-384"}'),
    ramdisks: [writeCpio(runtime), writeCpio(program)],
  });
  readProgram(image);
  return image;
}

/** Whether the file says of itself that it is a program, well-formed or not; any other EIF boots. */
export function isProgram(image: EifImage): boolean {
  const mark = utf8('node sha384 ');
  return compareBytes(image.kernel.subarray(0, mark.length), mark) === 0;
}

/** Reads a program image whole. Throws PROGRAM_INVALID or the code of the format that does not hold. */
export function readProgram(file: Uint8Array): Program {
  const image = parseEif(file);
  const line = KERNEL_LINE.exec(asciiOf(image.kernel, 'kernel'));
  if (line === null) fail('PROGRAM_INVALID', 'the kernel section does not name a Node binary');
  const flags = asciiOf(image.cmdline, 'cmdline');
  const nodeFlags = flags === '' ? [] : flags.split(' ');
  checkFlags(nodeFlags);
  if (image.ramdisks.length !== 2) fail('PROGRAM_INVALID', `${image.ramdisks.length} ramdisks, not 2`);
  const files = image.ramdisks.flatMap((ramdisk) => parseCpio(ramdisk));
  checkFiles(files);
  const repeated = files.find(({ path }) => path === PROGRAM_CMDLINE)?.data;
  if (repeated === undefined || compareBytes(repeated, image.cmdline) !== 0)
    fail('PROGRAM_INVALID', 'the command line is not the one in the runtime');
  return Object.freeze({
    image,
    nodeFlags: Object.freeze(nodeFlags),
    nodeSha384: fromHex(line[1] as string),
    files: Object.freeze(files),
  });
}

/** PCR0 to PCR2 of the program with this Node binary. Throws PROGRAM_RUNTIME_MISMATCH for another binary. */
export function measureProgram(hashing: Hashing, program: Program, node: Uint8Array): ImageMeasurements {
  if (compareBytes(hashing.sha384(node), program.nodeSha384) !== 0)
    fail('PROGRAM_RUNTIME_MISMATCH', `the image was built for node sha384 ${toHex(program.nodeSha384)}`);
  const { cmdline, ramdisks } = program.image;
  return measureImage(hashing, { kernel: node, cmdline, ramdisks });
}

/** One copy of each path over both ramdisks: what is unpacked later must not replace what was measured before. */
function checkFiles(files: readonly CpioEntry[]): void {
  const kinds = new Map<string, CpioEntry['kind']>();
  for (const { path, kind } of files) {
    const known = kinds.get(path);
    if (known !== undefined && (known === 'file' || kind === 'file'))
      fail('PROGRAM_INVALID', `${path} given twice`);
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1))
      if (kinds.get(path.slice(0, at)) !== 'directory') fail('PROGRAM_INVALID', `${path} has no folder`);
    kinds.set(path, kind);
  }
  if (kinds.has(PROGRAM_NODE)) fail('PROGRAM_INVALID', `${PROGRAM_NODE} is the name of the runtime`);
  for (const path of [PROGRAM_ENTRY, PROGRAM_CONFIG, PROGRAM_LOCK])
    if (kinds.get(path) !== 'file') fail('PROGRAM_INVALID', `no ${path}`);
}

function checkFlags(flags: readonly string[]): void {
  for (const flag of flags)
    if (!FLAG.test(flag)) fail('PROGRAM_INVALID', `Node flag ${JSON.stringify(flag)}`);
}

function asciiOf(section: Uint8Array, name: string): string {
  if (section.length > 4_096 || section.some((byte) => byte > 0x7e || (byte < 0x20 && byte !== 0x0a)))
    fail('PROGRAM_INVALID', `the ${name} section is not short ASCII text`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(section);
  } catch (error) {
    throw new AssayError('PROGRAM_INVALID', name, { cause: error });
  }
}
