/**
 * Writes enclave image files, version 4, in AWS's order of sections (aws-nitro-enclaves-image-format
 * src/utils/eif_builder: kernel, command line, metadata, ramdisks), contiguous, so that every reader finds the
 * same bytes. Signing is not done here.
 */
import { concat, u16be, u64be, utf8 } from '../src/base/bytes.ts';
import { fail } from '../src/base/errors.ts';
import { crc32 } from '../src/image/crc32.ts';
import { EIF_FIELD, EIF_HEADER_SIZE, EIF_MAX_SECTIONS, EIF_SECTION } from '../src/image/eif.ts';

export interface EifContent {
  readonly architecture: 'x86_64' | 'arm64';
  readonly kernel: Uint8Array;
  readonly cmdline: string;
  readonly ramdisks: readonly Uint8Array[];
  /** JSON; not measured. */
  readonly metadata: Uint8Array;
}

// What nitro-cli writes; the hypervisor uses neither.
const DEFAULT_MEMORY = 1024 ** 3;
const DEFAULT_CPUS = 2;
/** Room is left for a signature section. */
const MAX_RAMDISKS = EIF_MAX_SECTIONS - 4;

/** Throws EIF_CONTENT_INVALID. */
export function writeEif(content: EifContent): Uint8Array {
  const { kernel, cmdline, metadata, ramdisks } = content;
  if (cmdline.includes('\0')) fail('EIF_CONTENT_INVALID', 'the command line has a NUL');
  if (ramdisks.length === 0 || ramdisks.length > MAX_RAMDISKS)
    fail('EIF_CONTENT_INVALID', `${ramdisks.length} ramdisks`);
  const sections: [number, Uint8Array][] = [
    [EIF_SECTION.kernel, kernel],
    [EIF_SECTION.cmdline, utf8(cmdline)],
    [EIF_SECTION.metadata, metadata],
    ...ramdisks.map((data): [number, Uint8Array] => [EIF_SECTION.ramdisk, data]),
  ];
  const body: Uint8Array[] = [];
  const header = new Uint8Array(EIF_HEADER_SIZE);
  const view = new DataView(header.buffer);
  header.set(utf8('.eif'), EIF_FIELD.magic);
  view.setUint16(EIF_FIELD.version, 4);
  view.setUint16(EIF_FIELD.flags, content.architecture === 'arm64' ? 1 : 0);
  view.setBigUint64(EIF_FIELD.defaultMemory, BigInt(DEFAULT_MEMORY));
  view.setBigUint64(EIF_FIELD.defaultCpus, BigInt(DEFAULT_CPUS));
  view.setUint16(EIF_FIELD.sections, sections.length);
  let at = EIF_HEADER_SIZE;
  sections.forEach(([type, data], index) => {
    view.setBigUint64(EIF_FIELD.offsets + 8 * index, BigInt(at));
    view.setBigUint64(EIF_FIELD.sizes + 8 * index, BigInt(data.length));
    const section = concat(u16be(type), u16be(0), u64be(data.length), data);
    body.push(section);
    at += section.length;
  });
  view.setUint32(EIF_FIELD.crc, crc32(header.subarray(0, EIF_FIELD.crc), ...body));
  return concat(header, ...body);
}

/** A copy with the checksum that its bytes have now: whoever patches an image does this, it protects nothing. */
export function withChecksum(file: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(file);
  if (copy.length < EIF_HEADER_SIZE) fail('EIF_CONTENT_INVALID', 'shorter than its header');
  const crc = crc32(copy.subarray(0, EIF_FIELD.crc), copy.subarray(EIF_HEADER_SIZE));
  new DataView(copy.buffer).setUint32(EIF_FIELD.crc, crc);
  return copy;
}
