/**
 * The report of an enclave: the first 384 bytes of REPORT (Intel SDM volume 3D), without the key and the MAC that only
 * the same machine can check. A quote has one of its quoting enclave, and one of SGX another of the enclave quoted.
 */
import { struct, type StructOptions } from '../../codec/struct.ts';
import { bitsOf, reservedSgx, type SgxFlags, sgxFlags } from './flags.ts';

export const SGX_REPORT_SIZE = 384;

/**
 * Intel's quote library still calls 28 bytes from 20 on reserved, and 96 from 160, and 60 from 260; the processor has
 * since put CET and what KSS adds into them. The rest EREPORT leaves zero, and so it is in all that was recorded.
 */
const REPORT = struct('report', SGX_REPORT_SIZE, [
  ['cpuSvn', 'bytes', 0, 16],
  ['miscselect', 'bytes', 16, 4],
  ['cetAttributes', 'u8', 20, 1],
  ['reserved1', 'bytes', 21, 11, 'mustBeZero'],
  ['isvExtProdId', 'bytes', 32, 16],
  ['attributes', 'bytes', 48, 16],
  ['mrenclave', 'bytes', 64, 32],
  ['reserved2', 'bytes', 96, 32, 'mustBeZero'],
  ['mrsigner', 'bytes', 128, 32],
  ['reserved3', 'bytes', 160, 32, 'mustBeZero'],
  ['configId', 'bytes', 192, 64],
  ['isvProdId', 'u16le', 256, 2],
  ['isvSvn', 'u16le', 258, 2],
  ['configSvn', 'u16le', 260, 2],
  ['reserved4', 'bytes', 262, 42, 'mustBeZero'],
  ['isvFamilyId', 'bytes', 304, 16],
  ['reportData', 'bytes', 320, 64],
]);

export interface SgxReport {
  readonly type: 'sgx';
  readonly cpuSvn: Uint8Array;
  /** 4 bytes, as they stand in the report. */
  readonly miscselect: Uint8Array;
  readonly cetAttributes: number;
  /** 16 bytes: 8 of flags, 8 of XFRM. */
  readonly attributes: Uint8Array;
  readonly flags: SgxFlags;
  /** Flags that are set and have no name in `flags`. */
  readonly reservedAttributes: bigint;
  /** Processor state that the enclave may use. */
  readonly xfrm: bigint;
  readonly mrenclave: Uint8Array;
  readonly mrsigner: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
  /** The next four are zero without KSS. */
  readonly isvExtProdId: Uint8Array;
  readonly isvFamilyId: Uint8Array;
  readonly configId: Uint8Array;
  readonly configSvn: number;
  readonly reportData: Uint8Array;
}

/** Throws ParseError STRUCT_LENGTH or STRUCT_NOT_ZERO. */
export function readSgxReport(bytes: Uint8Array, options: StructOptions): SgxReport {
  const raw = REPORT.read(bytes, options);
  const flags = bitsOf(raw.attributes);
  return Object.freeze({
    type: 'sgx',
    cpuSvn: raw.cpuSvn,
    miscselect: raw.miscselect,
    cetAttributes: raw.cetAttributes,
    attributes: raw.attributes,
    flags: sgxFlags(flags),
    reservedAttributes: reservedSgx(flags),
    xfrm: bitsOf(raw.attributes, 8),
    mrenclave: raw.mrenclave,
    mrsigner: raw.mrsigner,
    isvProdId: raw.isvProdId,
    isvSvn: raw.isvSvn,
    isvExtProdId: raw.isvExtProdId,
    isvFamilyId: raw.isvFamilyId,
    configId: raw.configId,
    configSvn: raw.configSvn,
    reportData: raw.reportData,
  });
}
