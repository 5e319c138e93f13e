/** What a trust policy says of TDX guests and SGX enclaves, under `platforms.tdx` and `platforms.sgx`. */
import { dictionary, hex, integer, list, literal, object, orWord, type Shape, text } from '../shape.ts';

/** Levels of Intel's trusted computing base that a user may accept; `UpToDate` alone is the strict answer. */
export const TCB_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'TDRelaunchAdvised',
  'TDRelaunchAdvisedConfigurationNeeded',
] as const;

export interface TcbTrust {
  /** Statuses that are acceptable. Revoked and unknown levels never are. */
  readonly statuses: readonly (typeof TCB_STATUSES)[number][];
  /** Advisories that may be open: `INTEL-SA-00615`. `none`: not one. */
  readonly advisories: 'any' | 'none' | readonly string[];
  /** The least TCB evaluation data number of the collateral. */
  readonly min_evaluation_number: 'any' | number;
  /** The oldest acceptable TCB date, `2024-03-13`. */
  readonly min_tcb_date: 'any' | string;
  /** Days for which a platform may stay out of date after the level that it misses came into force. */
  readonly grace_days: 'none' | number;
  /** Collateral issued longer ago is not used, though its vendor still vouches for it. */
  readonly max_collateral_age_days?: number;
}

export interface PlatformTrust {
  /** Symmetric multithreading, packages added later, keys cached on the platform: as the PCK certificate says. */
  readonly smt?: 'reject' | 'any';
  readonly dynamic_platform?: 'reject' | 'any';
  readonly cached_keys?: 'reject' | 'any';
  readonly sgx_types?: readonly ('standard' | 'scalable' | 'scalable-with-integrity')[];
}

export interface TdxTrust {
  /** 96 hex digits each, as the other measurements. */
  readonly mrtd: 'any' | readonly string[];
  /** By number, 0 to 3. */
  readonly rtmrs: 'any' | Readonly<Record<string, readonly string[]>>;
  readonly debug: 'reject' | 'allow';
  /** A service TD can move a TD to another machine: `none`, or the MRSERVICETD values that may be bound. */
  readonly service_td: 'none' | 'any' | readonly string[];
  /** MRCONFIGID, MROWNER and MROWNERCONFIG: what the one who starts the TD says of it. */
  readonly owner:
    | 'any'
    | {
        readonly mrconfigid?: readonly string[];
        readonly mrowner?: readonly string[];
        readonly mrownerconfig?: readonly string[];
      };
  readonly tcb: TcbTrust;
  readonly platform: 'any' | PlatformTrust;
  /** Required when left out. */
  readonly sept_ve_disable?: 'required' | 'any';
  /** Attributes that may be set beside SEPT_VE_DISABLE; none when left out. */
  readonly attributes?: readonly ('MIGRATABLE' | 'PKS' | 'KL' | 'PERFMON')[];
  /** Extended features that may be on, 8 bytes as the report has them; those that the architecture allows when left out. */
  readonly xfam?: 'any' | string;
  readonly mrseam?: readonly string[];
  /** The least version of the TDX module (TEE_TCB_SVN[0]) of each module generation (TEE_TCB_SVN[1]). */
  readonly min_module_isvsvn?: Readonly<Record<string, number>>;
}

export interface SgxTrust {
  /** 64 hex digits each. */
  readonly mrenclave: 'any' | readonly string[];
  readonly mrsigner: 'any' | readonly string[];
  readonly isv_prod_id: 'any' | readonly number[];
  readonly min_isv_svn: 'any' | number;
  readonly debug: 'reject' | 'allow';
  readonly tcb: TcbTrust;
  readonly platform: 'any' | PlatformTrust;
}

const MAX_VALUES = 1_024;
const measurement: Shape<readonly string[]> = list(hex(48), MAX_VALUES);
const digest: Shape<readonly string[]> = list(hex(32), MAX_VALUES);

const tcb: Shape<TcbTrust> = object(
  {
    statuses: list(literal(...TCB_STATUSES), TCB_STATUSES.length),
    advisories: orWord('any', orWord('none', list(text('^INTEL-SA-[0-9]{5}$', 14), 256))),
    min_evaluation_number: orWord('any', integer(1, 65_535)),
    min_tcb_date: orWord('any', text('^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$', 10)),
    grace_days: orWord('none', integer(1, 3_650)),
  },
  { max_collateral_age_days: integer(1, 3_650) },
);

const platform: Shape<'any' | PlatformTrust> = orWord(
  'any',
  object(
    {},
    {
      smt: literal('reject', 'any'),
      dynamic_platform: literal('reject', 'any'),
      cached_keys: literal('reject', 'any'),
      sgx_types: list(literal('standard', 'scalable', 'scalable-with-integrity'), 3),
    },
    1,
  ),
);

export const TDX_TRUST: Shape<TdxTrust> = object(
  {
    mrtd: orWord('any', measurement),
    rtmrs: orWord('any', dictionary('^[0-3]$', measurement)),
    debug: literal('reject', 'allow'),
    service_td: orWord('none', orWord('any', measurement)),
    owner: orWord(
      'any',
      object({}, { mrconfigid: measurement, mrowner: measurement, mrownerconfig: measurement }, 1),
    ),
    tcb,
    platform,
  },
  {
    sept_ve_disable: literal('required', 'any'),
    attributes: list(literal('MIGRATABLE', 'PKS', 'KL', 'PERFMON'), 4),
    xfam: orWord('any', hex(8)),
    mrseam: measurement,
    min_module_isvsvn: dictionary('^([0-9]|[1-9][0-9]{1,2})$', integer(0, 255)),
  },
);

export const SGX_TRUST: Shape<SgxTrust> = object(
  {
    mrenclave: orWord('any', digest),
    mrsigner: orWord('any', digest),
    isv_prod_id: orWord('any', list(integer(0, 65_535), MAX_VALUES)),
    min_isv_svn: orWord('any', integer(0, 65_535)),
    debug: literal('reject', 'allow'),
    tcb,
    platform,
  },
  {},
);
