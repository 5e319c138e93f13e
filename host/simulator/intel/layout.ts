/**
 * The fixed parts of a quote as tables of `[field, offset, length]`, to be compared line by line with Intel's: the
 * SGX report body (Intel SGX ECDSA Quote Library API, appendix A.4), the quote header and the TD report bodies (Intel
 * TDX DCAP Quoting Library API, appendix A.3; type 4 as Intel's Quote Verification Library reads it). Integers are
 * little-endian. What no row covers is reserved and zero.
 *
 * The simulator has its own tables: a verifier that read by the same ones could agree with it in an error.
 */

export type Row = readonly [field: string, offset: number, length: number];

export interface Layout<Field extends string = string> {
  readonly size: number;
  readonly rows: readonly (readonly [field: Field, offset: number, length: number])[];
}

function layout<const Rows extends readonly Row[]>(size: number, rows: Rows): Layout<Rows[number][0]> {
  return Object.freeze({ size, rows });
}

export const HEADER: Layout<
  'version' | 'attestationKeyType' | 'teeType' | 'qeSvn' | 'pceSvn' | 'qeVendorId' | 'userData'
> = layout(48, [
  ['version', 0, 2],
  ['attestationKeyType', 2, 2],
  ['teeType', 4, 4],
  // Both zero from version 4 on.
  ['qeSvn', 8, 2],
  ['pceSvn', 10, 2],
  ['qeVendorId', 12, 16],
  ['userData', 28, 20],
]);

export type EnclaveField =
  | 'cpuSvn'
  | 'miscSelect'
  | 'attributes'
  | 'mrenclave'
  | 'mrsigner'
  | 'isvProdId'
  | 'isvSvn'
  | 'reportData';

export const ENCLAVE_REPORT: Layout<EnclaveField> = layout(384, [
  ['cpuSvn', 0, 16],
  ['miscSelect', 16, 4],
  ['attributes', 48, 16],
  ['mrenclave', 64, 32],
  ['mrsigner', 128, 32],
  ['isvProdId', 256, 2],
  ['isvSvn', 258, 2],
  ['reportData', 320, 64],
]);

const TD_10 = [
  ['teeTcbSvn', 0, 16],
  ['mrseam', 16, 48],
  ['mrsignerseam', 64, 48],
  ['seamAttributes', 112, 8],
  ['tdAttributes', 120, 8],
  ['xfam', 128, 8],
  ['mrtd', 136, 48],
  ['mrconfigid', 184, 48],
  ['mrowner', 232, 48],
  ['mrownerconfig', 280, 48],
  ['rtmr0', 328, 48],
  ['rtmr1', 376, 48],
  ['rtmr2', 424, 48],
  ['rtmr3', 472, 48],
  ['reportData', 520, 64],
] as const;

const TD_15 = [...TD_10, ['teeTcbSvn2', 584, 16], ['mrservicetd', 600, 48]] as const;

const TD_15_EXTENDED = [
  ...TD_15,
  ['vmId', 648, 1],
  ['tdId', 649, 32],
  ['devInfo', 681, 48],
  ['initServtdHash', 729, 48],
  ['initServtdAttributes', 777, 8],
  ['initCpuSvn', 785, 16],
  ['initTeeTcbSvn', 801, 16],
  ['initFmspc', 817, 12],
  ['curServtdHash', 829, 48],
  ['curServtdAttributes', 877, 8],
] as const;

export type TdField =
  | 'teeTcbSvn'
  | 'mrseam'
  | 'mrsignerseam'
  | 'seamAttributes'
  | 'tdAttributes'
  | 'xfam'
  | 'mrtd'
  | 'mrconfigid'
  | 'mrowner'
  | 'mrownerconfig'
  | 'rtmr0'
  | 'rtmr1'
  | 'rtmr2'
  | 'rtmr3'
  | 'reportData'
  | 'teeTcbSvn2'
  | 'mrservicetd'
  | 'vmId'
  | 'tdId'
  | 'devInfo'
  | 'initServtdHash'
  | 'initServtdAttributes'
  | 'initCpuSvn'
  | 'initTeeTcbSvn'
  | 'initFmspc'
  | 'curServtdHash'
  | 'curServtdAttributes';

/** By the body type of quote version 5; version 4 has the first one and no type. */
export const TD_REPORTS: Readonly<Record<2 | 3 | 4, Layout<TdField>>> = Object.freeze({
  2: layout(584, TD_10),
  3: layout(648, TD_15),
  4: layout(885, TD_15_EXTENDED),
});

/** Fields without a value are zero; values without a row of this layout are left out. Throws RangeError on a length. */
export function writeLayout<Field extends string>(
  { size, rows }: Layout<Field>,
  values: Readonly<Partial<Record<NoInfer<Field>, Uint8Array>>>,
): Uint8Array {
  const out = new Uint8Array(size);
  for (const [field, offset, length] of rows) {
    const value = values[field];
    if (value === undefined) continue;
    if (value.length !== length) throw new RangeError(`${field} has ${value.length} bytes, not ${length}`);
    out.set(value, offset);
  }
  return out;
}

export function u16le(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >>> 8);
}

export function u32le(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, true);
  return out;
}
