/**
 * The list of memory sections in OVMF firmware (edk2 OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm): "ASEV", u32 length,
 * u32 version, u32 count, and for each section u32 address, u32 size and u32 type, all little-endian.
 *
 * Only lists that a guest can start with are read. The secure processor takes a page once (Linux
 * arch/x86/kvm/svm/sev.c refuses one that is assigned), a guest cannot start without its secrets and its CPUID page,
 * and sections that are not whole pages are measured by one tool in one way and by another in another.
 */
import { ParseError } from '../../base/errors.ts';

export const OVMF_PAGE = 4_096;

export type OvmfSectionKind = 'memory' | 'secrets' | 'cpuid' | 'svsm-calling-area' | 'kernel-hashes';

/** Guest memory that the VMM hands to the secure processor; whole pages below the firmware. */
export interface OvmfSection {
  readonly kind: OvmfSectionKind;
  /** Guest physical address. */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
}

const SIGNATURE = 0x41534556; // "ASEV"
const HEADER_SIZE = 16;
const SECTION_SIZE = 12;
const MAX_SECTIONS = 64;
/** 256 MiB: 2,000 times what OVMF asks for, and a claim of gigabytes costs no time. */
const MAX_PAGES = 65_536;

const KINDS: ReadonlyMap<number, OvmfSectionKind> = new Map([
  [0x01, 'memory'],
  [0x02, 'secrets'],
  [0x03, 'cpuid'],
  [0x04, 'svsm-calling-area'],
  [0x10, 'kernel-hashes'],
]);

/** QEMU launches what it finds, but the guest and other VMMs know of one. */
const ONE_PAGE: readonly OvmfSectionKind[] = ['secrets', 'cpuid', 'kernel-hashes'];
const REQUIRED: readonly OvmfSectionKind[] = ['secrets', 'cpuid'];

/**
 * In the order of the file. The list begins `fromEnd` bytes before the end; `firmware` is the guest address of the
 * firmware. Throws ParseError OVMF_INVALID.
 */
export function readSections(file: Uint8Array, fromEnd: number, firmware: number): readonly OvmfSection[] {
  const start = file.length - fromEnd;
  if (fromEnd < HEADER_SIZE || start < 0)
    bad(`a list of sections ${fromEnd} bytes before the end`, file.length);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(start) !== SIGNATURE) bad('the list of sections does not begin with ASEV', start);
  const version = view.getUint32(start + 8, true);
  if (version !== 1) bad(`a list of sections of version ${version}, only 1 is read`, start + 8);
  const count = view.getUint32(start + 12, true);
  if (count > MAX_SECTIONS) bad(`${count} sections, at most ${MAX_SECTIONS} are read`, start + 12);
  const size = HEADER_SIZE + SECTION_SIZE * count;
  if (view.getUint32(start + 4, true) !== size || size > fromEnd)
    bad(`${count} sections have ${size} bytes, the list has others`, start + 4);
  const sections = Array.from({ length: count }, (_, index) =>
    readSection(view, start + HEADER_SIZE + SECTION_SIZE * index, firmware),
  );
  requireKinds(sections, start);
  requireApart(sections, start);
  return Object.freeze(sections);
}

function readSection(view: DataView, at: number, firmware: number): OvmfSection {
  const [address, size, type] = [0, 4, 8].map((field) => view.getUint32(at + field, true)) as [
    number,
    number,
    number,
  ];
  // QEMU fills unknown types with zeros, other VMMs refuse them.
  const kind = KINDS.get(type) ?? bad(`section type ${type} is not known`, at + 8);
  if (size === 0 || size % OVMF_PAGE !== 0 || address % OVMF_PAGE !== 0)
    bad(`section ${kind}: ${hex(size)} bytes at ${hex(address)} are not whole pages`, at);
  if (address + size > firmware) bad(`section ${kind} at ${hex(address)} reaches into the firmware`, at);
  if (ONE_PAGE.includes(kind) && size !== OVMF_PAGE) bad(`section ${kind} must be one page`, at + 4);
  return Object.freeze({ kind, address, size });
}

function requireKinds(sections: readonly OvmfSection[], start: number): void {
  for (const kind of ONE_PAGE) {
    const count = sections.filter((section) => section.kind === kind).length;
    if (count > 1 || (count === 0 && REQUIRED.includes(kind))) bad(`${count} sections ${kind}`, start);
  }
}

function requireApart(sections: readonly OvmfSection[], start: number): void {
  let [end, pages] = [0, 0];
  for (const { kind, address, size } of sections.toSorted((a, b) => a.address - b.address)) {
    if (address < end) bad(`section ${kind} at ${hex(address)} overlaps another`, start);
    end = address + size;
    pages += size / OVMF_PAGE;
  }
  if (pages > MAX_PAGES) bad(`sections of ${pages} pages, at most ${MAX_PAGES} are measured`, start);
}

const hex = (value: number): string => `0x${value.toString(16)}`;

function bad(message: string, offset: number): never {
  throw new ParseError('OVMF_INVALID', message, offset, 'ovmf');
}
