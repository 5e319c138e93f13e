/**
 * What a quote says of a TD (Intel TDX DCAP Quoting Library API, TD Quote Body). TDX 1.5 adds the version of the module
 * that runs now and the service TDs; its third form (TDX_TD_REPORT_1.5_EX of Intel's verification library) adds where a
 * migrated TD came from.
 */
import { struct, type StructOf, type StructOptions, type StructRow } from '../../codec/struct.ts';
import { bitsOf, reservedTd, type TdFlags, tdFlags } from './flags.ts';

const TD_10 = [
  ['teeTcbSvn', 'bytes', 0, 16],
  ['mrseam', 'bytes', 16, 48],
  ['mrsignerseam', 'bytes', 64, 48],
  ['seamAttributes', 'bytes', 112, 8],
  ['tdAttributes', 'bytes', 120, 8],
  ['xfam', 'bytes', 128, 8],
  ['mrtd', 'bytes', 136, 48],
  ['mrconfigid', 'bytes', 184, 48],
  ['mrowner', 'bytes', 232, 48],
  ['mrownerconfig', 'bytes', 280, 48],
  ['rtmr0', 'bytes', 328, 48],
  ['rtmr1', 'bytes', 376, 48],
  ['rtmr2', 'bytes', 424, 48],
  ['rtmr3', 'bytes', 472, 48],
  ['reportData', 'bytes', 520, 64],
] as const satisfies readonly StructRow[];

const TD_15 = [
  ...TD_10,
  ['teeTcbSvn2', 'bytes', 584, 16],
  ['mrservicetd', 'bytes', 600, 48],
] as const satisfies readonly StructRow[];

const TD_15_EX = [
  ...TD_15,
  ['vmId', 'u8', 648, 1],
  ['tdId', 'bytes', 649, 32],
  ['devInfo', 'bytes', 681, 48],
  ['initServTdHash', 'bytes', 729, 48],
  ['initServTdAttributes', 'bytes', 777, 8],
  ['initCpuSvn', 'bytes', 785, 16],
  ['initTeeTcbSvn', 'bytes', 801, 16],
  ['initTeeFmspc', 'bytes', 817, 12],
  ['curServTdHash', 'bytes', 829, 48],
  ['curServTdAttributes', 'bytes', 877, 8],
] as const satisfies readonly StructRow[];

const LAYOUTS = {
  td10: struct('report', 584, TD_10),
  td15: struct('report', 648, TD_15),
  td15ex: struct('report', 885, TD_15_EX),
} as const;

export interface TdReport {
  readonly type: 'td10' | 'td15' | 'td15ex';
  /** 16 version numbers of the TDX module and what loads it, when the TD was started. */
  readonly teeTcbSvn: Uint8Array;
  readonly mrseam: Uint8Array;
  /** Zero for a module that Intel signed. */
  readonly mrsignerseam: Uint8Array;
  readonly seamAttributes: Uint8Array;
  /** 8 bytes, as they stand in the report. */
  readonly tdAttributes: Uint8Array;
  readonly flags: TdFlags;
  /** Attributes that are set and have no name in `flags`. */
  readonly reservedAttributes: bigint;
  /** 8 bytes, as they stand in the report; `xfamBits` is their number. */
  readonly xfam: Uint8Array;
  readonly xfamBits: bigint;
  readonly mrtd: Uint8Array;
  readonly mrconfigid: Uint8Array;
  readonly mrowner: Uint8Array;
  readonly mrownerconfig: Uint8Array;
  /** RTMR0 to RTMR3, 48 bytes each. */
  readonly rtmrs: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  readonly reportData: Uint8Array;
  /** Of the module that runs now, which can be newer than what started the TD. Null in `td10`, as the next. */
  readonly teeTcbSvn2: Uint8Array | null;
  /** Of the service TDs bound to this one (migration); zero without any. */
  readonly mrservicetd: Uint8Array | null;
  /** This and all that follow are null but in `td15ex`. `vmId` is 0 to 255: which partition of the TD. */
  readonly vmId: number | null;
  readonly tdId: Uint8Array | null;
  readonly devInfo: Uint8Array | null;
  readonly initServTdHash: Uint8Array | null;
  readonly initServTdAttributes: Uint8Array | null;
  readonly initCpuSvn: Uint8Array | null;
  readonly initTeeTcbSvn: Uint8Array | null;
  /** 12 bytes. */
  readonly initTeeFmspc: Uint8Array | null;
  readonly curServTdHash: Uint8Array | null;
  readonly curServTdAttributes: Uint8Array | null;
}

type Raw = StructOf<typeof TD_10> & Partial<StructOf<typeof TD_15_EX>>;

/** Throws ParseError STRUCT_LENGTH. */
export function readTdReport(bytes: Uint8Array, type: TdReport['type'], options: StructOptions): TdReport {
  const raw: Raw = LAYOUTS[type].read(bytes, options);
  const flags = bitsOf(raw.tdAttributes);
  return Object.freeze({
    type,
    teeTcbSvn: raw.teeTcbSvn,
    mrseam: raw.mrseam,
    mrsignerseam: raw.mrsignerseam,
    seamAttributes: raw.seamAttributes,
    tdAttributes: raw.tdAttributes,
    flags: tdFlags(flags),
    reservedAttributes: reservedTd(flags),
    xfam: raw.xfam,
    xfamBits: bitsOf(raw.xfam),
    mrtd: raw.mrtd,
    mrconfigid: raw.mrconfigid,
    mrowner: raw.mrowner,
    mrownerconfig: raw.mrownerconfig,
    rtmrs: Object.freeze([raw.rtmr0, raw.rtmr1, raw.rtmr2, raw.rtmr3] as const),
    reportData: raw.reportData,
    teeTcbSvn2: raw.teeTcbSvn2 ?? null,
    mrservicetd: raw.mrservicetd ?? null,
    vmId: raw.vmId ?? null,
    tdId: raw.tdId ?? null,
    devInfo: raw.devInfo ?? null,
    initServTdHash: raw.initServTdHash ?? null,
    initServTdAttributes: raw.initServTdAttributes ?? null,
    initCpuSvn: raw.initCpuSvn ?? null,
    initTeeTcbSvn: raw.initTeeTcbSvn ?? null,
    initTeeFmspc: raw.initTeeFmspc ?? null,
    curServTdHash: raw.curServTdHash ?? null,
    curServTdAttributes: raw.curServTdAttributes ?? null,
  });
}
