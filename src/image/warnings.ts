/**
 * What an image allows although every reader takes it. Section boundaries are not measured (pcr.ts): whoever hands
 * out an image can move bytes over one and leave PCR0 to PCR2 as they were. That is harmless only where the moved
 * bytes cannot be used: a ramdisk that begins with the magic number of a compression is no ramdisk any more when
 * bytes were taken from its front or put there, a command line of printable text has no ramdisk's bytes in it, and a
 * bzImage says how long it is, so that the command line's first words are not at its end, where nobody reads them.
 *
 * Not seen from here: words at the end of a kernel of another form. Whoever boots one must compare the command line.
 */
import { fail } from '../base/errors.ts';
import type { MeasuredSections } from './pcr.ts';

export interface ImageWarning {
  readonly code: 'EIF_ONE_RAMDISK' | 'EIF_BOUNDARY_AMBIGUOUS';
  readonly message: string;
}

export type Compression = 'gzip' | 'zstd' | 'xz' | 'lz4' | 'bzip2' | 'lzma';

/** As the kernel tells them apart (lib/decompress.c), with more of each magic than the two bytes it looks at. */
const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  // The legacy frame: the kernel reads no other.
  ['lz4', [0x02, 0x21, 0x4c, 0x18]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['lzma', [0x5d, 0x00, 0x00]],
];

/** By the first bytes; null for anything else. */
export function compressionOf(bytes: Uint8Array): Compression | null {
  const found = MAGIC.find(([, magic]) => magic.every((byte, index) => bytes[index] === byte));
  return found === undefined ? null : found[0];
}

/** Fields of the real-mode header (kernel Documentation/arch/x86/boot.rst), little-endian. */
const SETUP = { sectors: 0x1f1, paragraphs: 0x1f4, boot: 0x1fe, magic: 0x202, end: 0x206 } as const;

/** How long a bzImage is by its own header; null for a kernel of another form. */
function bzImageSize(kernel: Uint8Array): number | null {
  if (kernel.length < SETUP.end) return null;
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  if (view.getUint16(SETUP.boot) !== 0x55aa || view.getUint32(SETUP.magic) !== 0x48647253) return null;
  // "For backwards compatibility, if the setup_sects field contains 0, the real value is 4."
  const sectors = view.getUint8(SETUP.sectors) || 4;
  return (sectors + 1) * 512 + view.getUint32(SETUP.paragraphs, true) * 16;
}

/** In the order: number of ramdisks, kernel, command line, ramdisks. */
export function imageWarnings({ kernel, cmdline, ramdisks }: MeasuredSections): readonly ImageWarning[] {
  const warnings: ImageWarning[] = [];
  if (ramdisks.length === 1)
    warnings.push({
      code: 'EIF_ONE_RAMDISK',
      message: 'one ramdisk: PCR1 is PCR0, and PCR2 is a constant that proves nothing',
    });
  const ambiguous = (message: string): void =>
    void warnings.push({ code: 'EIF_BOUNDARY_AMBIGUOUS', message });
  const size = bzImageSize(kernel);
  if (size !== null && size !== kernel.length)
    ambiguous(`the kernel has ${kernel.length} bytes, and by its own header ${size}`);
  if (cmdline.some((byte) => byte < 0x20 || byte > 0x7e))
    ambiguous('the command line has bytes that are not printable ASCII, as those of a ramdisk would be');
  ramdisks.forEach((ramdisk, index) => {
    if (compressionOf(ramdisk) === null)
      ambiguous(`ramdisk ${index} does not begin with the magic number of a compression`);
  });
  return Object.freeze(warnings);
}

/** Refuses an image of which the registers do not fix the layout. Throws the code of the first warning. */
export function requireCanonical(image: MeasuredSections): void {
  for (const { code, message } of imageWarnings(image)) fail(code, message);
}
