/**
 * Writes enclave image files, version 4, in AWS's order of sections (aws-nitro-enclaves-image-format
 * src/utils/eif_builder: kernel, command line, metadata, ramdisks), contiguous, so that every reader finds the
 * same bytes. A signature is put in here, but made elsewhere.
 */
import { concat, u16be, u64be, utf8 } from '../src/base/bytes.ts';
import { fail } from '../src/base/errors.ts';
import { crc32 } from '../src/image/crc32.ts';
import {
  EIF_FIELD,
  EIF_HEADER_SIZE,
  EIF_MAX_SECTIONS,
  EIF_SECTION,
  EIF_SECTION_HEADER_SIZE,
  parseEif,
} from '../src/image/eif.ts';

export interface EifContent {
  readonly architecture: 'x86_64' | 'arm64';
  readonly kernel: Uint8Array;
  readonly cmdline: string;
  readonly ramdisks: readonly Uint8Array[];
  /** JSON; not measured. */
  readonly metadata: Uint8Array;
}

type Section = readonly [type: number, data: Uint8Array];

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
  const sections: readonly Section[] = [
    [EIF_SECTION.kernel, kernel],
    [EIF_SECTION.cmdline, utf8(cmdline)],
    [EIF_SECTION.metadata, metadata],
    ...ramdisks.map((data): Section => [EIF_SECTION.ramdisk, data]),
  ];
  const header = new Uint8Array(EIF_HEADER_SIZE);
  const view = new DataView(header.buffer);
  header.set(utf8('.eif'), EIF_FIELD.magic);
  view.setUint16(EIF_FIELD.version, 4);
  view.setUint16(EIF_FIELD.flags, content.architecture === 'arm64' ? 1 : 0);
  view.setBigUint64(EIF_FIELD.defaultMemory, BigInt(DEFAULT_MEMORY));
  view.setBigUint64(EIF_FIELD.defaultCpus, BigInt(DEFAULT_CPUS));
  return layOut(header, sections);
}

/** Sections behind one another, behind a header that names them and has their checksum. */
function layOut(header: Uint8Array, sections: readonly Section[]): Uint8Array {
  const view = new DataView(header.buffer);
  header.fill(0, EIF_FIELD.offsets, EIF_FIELD.unused);
  view.setUint16(EIF_FIELD.sections, sections.length);
  const body: Uint8Array[] = [];
  let at = EIF_HEADER_SIZE;
  sections.forEach(([type, data], index) => {
    view.setBigUint64(EIF_FIELD.offsets + 8 * index, BigInt(at));
    view.setBigUint64(EIF_FIELD.sizes + 8 * index, BigInt(data.length));
    body.push(concat(u16be(type), u16be(0), u64be(data.length)), data);
    at += EIF_SECTION_HEADER_SIZE + data.length;
  });
  view.setUint32(EIF_FIELD.crc, crc32(header.subarray(0, EIF_FIELD.crc), ...body));
  return concat(header, ...body);
}

/**
 * The image with this signature section at its end, where AWS puts it (eif_signer.rs, write_signature), instead of
 * one that it may have; all else as it stands, so no register moves but PCR8. Throws EIF_ codes.
 */
export function withSignature(file: Uint8Array, signature: Uint8Array): Uint8Array {
  parseEif(file);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const sections: Section[] = [];
  for (let i = 0; i < view.getUint16(EIF_FIELD.sections); i++) {
    const at = Number(view.getBigUint64(EIF_FIELD.offsets + 8 * i));
    const start = at + EIF_SECTION_HEADER_SIZE;
    const type = view.getUint16(at);
    const size = Number(view.getBigUint64(EIF_FIELD.sizes + 8 * i));
    if (type !== EIF_SECTION.signature) sections.push([type, file.subarray(start, start + size)]);
  }
  if (sections.length >= EIF_MAX_SECTIONS) fail('EIF_CONTENT_INVALID', 'no section left for a signature');
  return layOut(file.slice(0, EIF_HEADER_SIZE), [...sections, [EIF_SECTION.signature, signature]]);
}

/** A copy with the checksum that its bytes have now: whoever patches an image does this, it protects nothing. */
export function withChecksum(file: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(file);
  if (copy.length < EIF_HEADER_SIZE) fail('EIF_CONTENT_INVALID', 'shorter than its header');
  const crc = crc32(copy.subarray(0, EIF_FIELD.crc), copy.subarray(EIF_HEADER_SIZE));
  new DataView(copy.buffer).setUint32(EIF_FIELD.crc, crc);
  return copy;
}
