/**
 * Kernel, initial ramdisk and command line that the VMM boots directly: it puts their hashes into a measured page, and
 * the firmware compares (QEMU target/i386/sev.c, SevHashTable; edk2 OvmfPkg/Library/BlobVerifierLibSevHashes).
 */
import { concat, utf8 } from '../../base/bytes.ts';
import type { Hashing } from '../../base/crypto.ts';
import { fail } from '../../base/errors.ts';
import { guidBytes } from './guid.ts';

/** Header and three entries have 168 bytes, padded to 16. */
export const HASH_TABLE_SIZE = 176;
const PAGE = 4_096;
const HEADER_LENGTH = 168;
const ENTRY_LENGTH = 50;

const HEADER = guidBytes('9438d606-4f22-4cc9-b479-a793d411fd21');
const COMMAND_LINE = guidBytes('97d02dd8-bd20-4c94-aa78-e7714d36ab2a');
const INITRD = guidBytes('44baf731-3a2f-4bd7-9af1-41e29169781d');
const KERNEL = guidBytes('4de79437-abd2-427f-b835-d5b172d2045b');

export interface DirectBoot {
  /** The file as it is given to the VMM. */
  readonly kernel: Uint8Array;
  /** Empty when there is none: that is what is measured then. */
  readonly initrd: Uint8Array;
  /** Without the zero byte at its end; it is measured with it. */
  readonly cmdline: string;
}

/** The page with the table `place` bytes after its begin. Throws SNP_LAUNCH_INVALID for a command line with a zero byte. */
export function hashPage(hashing: Hashing, boot: DirectBoot, place: number): Uint8Array {
  const page = new Uint8Array(PAGE);
  page.set(hashTable(hashing, boot), place);
  return page;
}

function hashTable(hashing: Hashing, { kernel, initrd, cmdline }: DirectBoot): Uint8Array {
  if (cmdline.includes('\0')) fail('SNP_LAUNCH_INVALID', 'a command line ends at its first zero byte');
  const entry = (guid: Uint8Array, ...contents: readonly Uint8Array[]): Uint8Array =>
    concat(guid, u16le(ENTRY_LENGTH), hashing.sha256(...contents));
  return concat(
    HEADER,
    u16le(HEADER_LENGTH),
    entry(COMMAND_LINE, utf8(cmdline), Uint8Array.of(0)),
    entry(INITRD, initrd),
    entry(KERNEL, kernel),
  );
}

function u16le(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >>> 8);
}
