/**
 * What a VMM reads in OVMF firmware before it starts a guest under SEV-SNP (edk2 OvmfPkg/ResetVector,
 * Ia16/ResetVectorVtf0.asm): a table of GUIDs that ends 32 bytes before the file does and is read from its end, and in
 * it where the list of memory sections is, where vCPUs begin and where kernel hashes go.
 *
 * Readers disagree about firmware that is not well formed: of two entries with one GUID, QEMU takes the last in the
 * file and sev-snp-measure the first. So this reader takes only what all of them read alike.
 */
import { equalBytes } from '../../base/bytes.ts';
import { ParseError } from '../../base/errors.ts';
import { guidBytes, GUID_SIZE } from './guid.ts';
import { HASH_TABLE_SIZE } from './kernel-hashes.ts';
import { OVMF_PAGE, type OvmfSection, readSections } from './ovmf-sections.ts';

/** The largest that is read; what is built today has 16 MiB or less. */
export const OVMF_MAX_SIZE: number = 64 * 1024 ** 2;
const FOUR_GIB = 2 ** 32;

const TAIL = 32;
/** u16 length of the whole entry, then its GUID; the data stands before both. */
const ENTRY_END = 2 + GUID_SIZE;
const MAX_ENTRIES = 64;

const FOOTER = guidBytes('96b582de-1fb2-45f7-baea-a366c55a082d');
const METADATA = guidBytes('dc886566-984a-4798-a75e-5585a7bf67cc');
const HASH_TABLE = guidBytes('7255371f-3a3b-4b04-927b-1da6efa8d454');
const RESET_BLOCK = guidBytes('00f771de-1a7e-4fcb-890e-68c77e2fb44e');

export interface OvmfImage {
  /** The file itself: whole pages. */
  readonly bytes: Uint8Array;
  /** Guest physical address of its first byte; it ends at 4 GiB. */
  readonly address: number;
  /** In the order of the file, which is the order of measuring. */
  readonly sections: readonly OvmfSection[];
  /** Where every vCPU but the first begins; null without a reset block. */
  readonly resetAddress: number | null;
  /** Guest address of the table of kernel hashes; null when the firmware does not check a kernel. */
  readonly hashTable: number | null;
}

interface Entry {
  readonly guid: Uint8Array;
  readonly data: Uint8Array;
  readonly offset: number;
}

/** Reads firmware whole. Its parts are views of `file`. Throws ParseError OVMF_INVALID. */
export function parseOvmf(file: Uint8Array): OvmfImage {
  const { length } = file;
  if (length === 0 || length > OVMF_MAX_SIZE || length % OVMF_PAGE !== 0)
    bad(`${length} bytes are not whole pages, 64 MiB at most`, length);
  const entries = readTable(file);
  const address = FOUR_GIB - length;
  const metadata = find(entries, METADATA, 4, 'the place of the sections');
  if (metadata === null) return bad('no list of sections: it cannot start under SEV-SNP', length - TAIL);
  const sections = readSections(file, viewOf(metadata.data).getUint32(0, true), address);
  return Object.freeze({
    bytes: file,
    address,
    sections,
    resetAddress: readReset(entries),
    hashTable: readHashTable(entries, sections),
  });
}

/** From the end to the front, as the table is meant to be read; its entries fill it exactly. */
function readTable(file: Uint8Array): readonly Entry[] {
  const view = viewOf(file);
  const end = file.length - TAIL - ENTRY_END;
  if (!equalBytes(file.subarray(end + 2, end + ENTRY_END), FOOTER))
    bad('no table of GUIDs at its end', end + 2);
  const size = view.getUint16(end, true) - ENTRY_END;
  if (size < 0 || size > end) bad(`a table of ${size} bytes`, end);
  const start = end - size;
  const entries: Entry[] = [];
  for (let at = end; at > start; ) {
    const offset = at - ENTRY_END;
    const whole = offset < start ? 0 : view.getUint16(offset, true);
    if (whole < ENTRY_END || whole > at - start) bad('an entry of the table that does not fit', offset);
    const guid = file.subarray(offset + 2, at);
    if (entries.some((entry) => equalBytes(entry.guid, guid))) bad('an entry is given twice', offset);
    if (entries.length === MAX_ENTRIES) bad(`more than ${MAX_ENTRIES} entries`, offset);
    entries.push({ guid, data: file.subarray(at - whole, offset), offset: at - whole });
    at -= whole;
  }
  return entries;
}

/** Null when there is none; it is as long as it must be. */
function find(entries: readonly Entry[], guid: Uint8Array, size: number, name: string): Entry | null {
  const entry = entries.find((one) => equalBytes(one.guid, guid));
  if (entry === undefined) return null;
  if (entry.data.length !== size) bad(`${name} has ${entry.data.length} bytes, not ${size}`, entry.offset);
  return entry;
}

/**
 * u32 address and u32 size, both zero in firmware that was built without. A VMM takes from the address its place in
 * the page only (QEMU sev_snp_build_kernel_loader_hashes): in another page it would not be found there.
 */
function readHashTable(entries: readonly Entry[], sections: readonly OvmfSection[]): number | null {
  const entry = find(entries, HASH_TABLE, 8, 'the place of the hash table');
  const page = sections.find(({ kind }) => kind === 'kernel-hashes');
  if (entry === null || page === undefined) return null;
  const view = viewOf(entry.data);
  const [address, size] = [view.getUint32(0, true), view.getUint32(4, true)];
  if (address === 0 && size === 0) return null;
  if (size < HASH_TABLE_SIZE) bad(`a hash table of ${size} bytes, not ${HASH_TABLE_SIZE}`, entry.offset + 4);
  if (address < page.address || address + HASH_TABLE_SIZE > page.address + page.size)
    bad('the hash table is not in the page of kernel hashes', entry.offset);
  return address;
}

function readReset(entries: readonly Entry[]): number | null {
  const entry = find(entries, RESET_BLOCK, 4, 'the reset block');
  if (entry === null) return null;
  // QEMU does not start vCPUs at zero (target/i386/sev.c, sev_es_parse_reset_block).
  return viewOf(entry.data).getUint32(0, true) || bad('vCPUs would begin at zero', entry.offset);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bad(message: string, offset: number): never {
  throw new ParseError('OVMF_INVALID', message, offset, 'ovmf');
}
