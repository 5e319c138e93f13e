/** OVMF firmware to measure: no code, but the tables that a VMM reads, in the places where edk2 puts them. */
import { guidBytes } from '../../src/image/snp/guid.ts';

/** Numbers are as vector files have them: hexadecimal text. */
export interface OvmfParts {
  readonly pages: number;
  /** Decides the bytes that are no table. */
  readonly seed: number;
  /** Type, address and size. */
  readonly sections: readonly (readonly [string, string, string])[];
  readonly reset: string | null;
  /** Address and size. */
  readonly hashTable: readonly [string, string] | null;
}

/** What edk2 builds from OvmfPkg/AmdSev, in 3 pages. */
export const AMD_SEV: OvmfParts = {
  pages: 3,
  seed: 1,
  sections: [
    ['0x1', '0x800000', '0x9000'],
    ['0x1', '0x80a000', '0x3000'],
    ['0x2', '0x80d000', '0x1000'],
    ['0x3', '0x80e000', '0x1000'],
    ['0x4', '0x80f000', '0x1000'],
    ['0x10', '0x810000', '0x1000'],
    ['0x1', '0x811000', '0xf000'],
  ],
  reset: '0x80b004',
  hashTable: ['0x810c00', '0x400'],
};

const PAGE = 4_096;
/** Where the list of sections begins, before the end. */
export const SECTIONS_FROM_END = 0x600;

export const FOOTER = '96b582de-1fb2-45f7-baea-a366c55a082d';
const GUIDS = {
  reset: '00f771de-1a7e-4fcb-890e-68c77e2fb44e',
  // Of plain SEV: there in every build, and read by nothing here.
  secret: '4c2eb361-7d9b-4cc3-8081-127c90d3d294',
  hashTable: '7255371f-3a3b-4b04-927b-1da6efa8d454',
  sections: 'dc886566-984a-4798-a75e-5585a7bf67cc',
};

const u32s = (...values: readonly (string | number)[]): number[] => {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, index) => view.setUint32(4 * index, Number(value), true));
  return [...new Uint8Array(view.buffer)];
};

function entry(guid: string, data: readonly number[]): number[] {
  const length = data.length + 18;
  return [...data, length & 0xff, length >> 8, ...guidBytes(guid)];
}

/** Byte i is (31·i + 17·seed + ⌊i/256⌋) mod 256 where no table is. */
export function makeOvmf({ pages, seed, sections, reset, hashTable }: OvmfParts): Uint8Array {
  const file = Uint8Array.from({ length: pages * PAGE }, (_, i) => (31 * i + 17 * seed + (i >> 8)) & 0xff);
  const list = [0x41, 0x53, 0x45, 0x56, ...u32s(16 + 12 * sections.length, 1, sections.length)];
  file.set(
    [...list, ...sections.flatMap(([type, address, size]) => u32s(address, size, type))],
    file.length - SECTIONS_FROM_END,
  );
  const entries = [
    ...entry(GUIDS.sections, u32s(SECTIONS_FROM_END)),
    ...(hashTable === null ? [] : entry(GUIDS.hashTable, u32s(...hashTable))),
    ...entry(GUIDS.secret, u32s(0x810000, 0xc00)),
    ...(reset === null ? [] : entry(GUIDS.reset, u32s(reset))),
  ];
  const length = entries.length + 18;
  const table = [...entries, length & 0xff, length >> 8, ...guidBytes(FOOTER)];
  file.set(table, file.length - 32 - table.length);
  return file;
}
