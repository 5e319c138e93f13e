/**
 * Enclave Image File, version 4 (aws/aws-nitro-enclaves-image-format README.md and src/defs/mod.rs).
 *
 * Readers of this format disagree: some walk the sections one after the other, the hypervisor follows the
 * offsets of the header, and an image with a gap then boots other bytes than a tool describes. So this reader
 * takes only images of which both give the same: contiguous sections, header and section sizes equal, exact end.
 */
import { ParseError, type Code } from '../base/errors.ts';
import { crc32 } from './crc32.ts';

export const EIF_HEADER_SIZE = 548;
export const EIF_SECTION_HEADER_SIZE = 12;
export const EIF_MAX_SECTIONS = 32;
/** Section types as in the file. */
export const EIF_SECTION = { kernel: 1, cmdline: 2, ramdisk: 3, signature: 4, metadata: 5 } as const;

/** Offsets of the header's fields; all numbers are big-endian. */
export const EIF_FIELD = {
  magic: 0,
  version: 4,
  flags: 6,
  defaultMemory: 8,
  defaultCpus: 16,
  reserved: 24,
  sections: 26,
  offsets: 28,
  sizes: 284,
  unused: 540,
  crc: 544,
} as const;

const MAGIC = 0x2e656966; // ".eif"
const VERSION = 4;
const FLAG_ARM64 = 1;
const MAX_SIGNATURE = 32_768;

export interface EifImage {
  readonly architecture: 'x86_64' | 'arm64';
  readonly kernel: Uint8Array;
  /** No terminator; measured as it stands. */
  readonly cmdline: Uint8Array;
  /** In file order, at least one. */
  readonly ramdisks: readonly Uint8Array[];
  /** JSON, not measured: trust nothing in it. */
  readonly metadata: Uint8Array;
  /** CBOR, see signature.ts; null when the image is not signed. */
  readonly signature: Uint8Array | null;
}

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Reads an image whole. Sections are views of `file`. Throws ParseError with an EIF_ code. */
export function parseEif(file: Uint8Array): EifImage {
  if (file.length < EIF_HEADER_SIZE) bad('EIF_HEADER_INVALID', 'shorter than its header', file.length);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(EIF_FIELD.magic) !== MAGIC) bad('EIF_HEADER_INVALID', 'does not begin with .eif', 0);
  const version = view.getUint16(EIF_FIELD.version);
  if (version !== VERSION) bad('EIF_HEADER_INVALID', `version ${version}, only 4 is read`, EIF_FIELD.version);
  const flags = view.getUint16(EIF_FIELD.flags);
  if ((flags & ~FLAG_ARM64) !== 0) bad('EIF_HEADER_INVALID', 'unknown flags', EIF_FIELD.flags);
  const crc = crc32(file.subarray(0, EIF_FIELD.crc), file.subarray(EIF_HEADER_SIZE));
  if (crc !== view.getUint32(EIF_FIELD.crc))
    bad('EIF_CRC_MISMATCH', 'checksum does not match', EIF_FIELD.crc);
  const sections = readSections(file, view);
  return Object.freeze({
    architecture: (flags & FLAG_ARM64) === 0 ? 'x86_64' : 'arm64',
    ...sortSections(sections),
  });
}

function readSections(file: Uint8Array, view: DataView): Section[] {
  const count = view.getUint16(EIF_FIELD.sections);
  if (count < 2 || count > EIF_MAX_SECTIONS)
    bad('EIF_HEADER_INVALID', `${count} sections`, EIF_FIELD.sections);
  const sections: Section[] = [];
  let at = EIF_HEADER_SIZE;
  for (let i = 0; i < EIF_MAX_SECTIONS; i++) {
    const offsetField = EIF_FIELD.offsets + 8 * i;
    const sizeField = EIF_FIELD.sizes + 8 * i;
    const offset = view.getBigUint64(offsetField);
    const size = view.getBigUint64(sizeField);
    if (i >= count) {
      if (offset !== 0n || size !== 0n)
        bad('EIF_HEADER_INVALID', `section ${i} is not counted`, offset !== 0n ? offsetField : sizeField);
      continue;
    }
    if (offset !== BigInt(at))
      bad('EIF_LAYOUT_INVALID', `section ${i} is said to begin at ${offset}, not ${at}`, offsetField);
    const start = at + EIF_SECTION_HEADER_SIZE;
    if (start > file.length) bad('EIF_LAYOUT_INVALID', `section ${i} begins after the end`, at);
    if (view.getBigUint64(at + 4) !== size)
      bad('EIF_LAYOUT_INVALID', `section ${i} has another size in the header`, at + 4);
    if (size > BigInt(file.length - start)) bad('EIF_LAYOUT_INVALID', `section ${i} is cut off`, at + 4);
    if (view.getUint16(at + 2) !== 0) bad('EIF_SECTIONS_INVALID', `section ${i} has flags`, at + 2);
    const end = start + Number(size);
    sections.push({ type: view.getUint16(at), offset: at, data: file.subarray(start, end) });
    at = end;
  }
  if (at !== file.length) bad('EIF_LAYOUT_INVALID', `${file.length - at} bytes after the last section`, at);
  return sections;
}

function sortSections(sections: readonly Section[]): Omit<EifImage, 'architecture'> {
  const one = new Map<number, Uint8Array>();
  const ramdisks: Uint8Array[] = [];
  for (const { type, offset, data } of sections) {
    if (type === EIF_SECTION.ramdisk) {
      if (!one.has(EIF_SECTION.kernel)) bad('EIF_SECTIONS_INVALID', 'a ramdisk before the kernel', offset);
      ramdisks.push(data);
    } else if (type < EIF_SECTION.kernel || type > EIF_SECTION.metadata)
      bad('EIF_SECTIONS_INVALID', `unknown section type ${type}`, offset);
    else if (one.has(type)) bad('EIF_SECTIONS_INVALID', `section type ${type} given twice`, offset);
    else if (type === EIF_SECTION.signature && data.length > MAX_SIGNATURE)
      bad('EIF_SECTIONS_INVALID', `signature section of ${data.length} bytes`, offset);
    else one.set(type, data);
  }
  const need = (name: 'kernel' | 'cmdline' | 'metadata'): Uint8Array =>
    one.get(EIF_SECTION[name]) ?? bad('EIF_SECTIONS_INVALID', `no ${name} section`, EIF_HEADER_SIZE);
  if (ramdisks.length === 0) bad('EIF_SECTIONS_INVALID', 'no ramdisk section', EIF_HEADER_SIZE);
  return {
    kernel: need('kernel'),
    cmdline: need('cmdline'),
    metadata: need('metadata'),
    ramdisks: Object.freeze(ramdisks),
    signature: one.get(EIF_SECTION.signature) ?? null,
  };
}

function bad(code: Code, message: string, offset: number): never {
  throw new ParseError(code, message, offset, 'eif');
}
