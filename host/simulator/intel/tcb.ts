/**
 * The TCB levels that the simulated vendor publishes, newest first. The platform of `pck.ts` stands on one of them;
 * what the vendor says of that level is the status that was asked for.
 */
import { SGX_SVNS, PCE_SVN, TDX_MICROCODE_SVN, TDX_MODULE_SVN, TDX_MODULE_SVN_EARLIER } from './pck.ts';

export type TcbStatus =
  | 'UpToDate'
  | 'SWHardeningNeeded'
  | 'ConfigurationNeeded'
  | 'ConfigurationAndSWHardeningNeeded'
  | 'OutOfDate'
  | 'OutOfDateConfigurationNeeded'
  | 'Revoked';

/** One line of a statement: what is required, and what whoever reaches it is. */
export interface Level {
  readonly sgx: readonly number[];
  readonly pceSvn: number;
  /** Late microcode of TDX; the module's version is a level of its own. */
  readonly tdxMicrocode: number;
  readonly date: string;
  readonly status: TcbStatus;
}

export interface ModuleLevel {
  readonly isvsvn: number;
  readonly date: string;
  readonly status: 'UpToDate' | 'OutOfDate';
}

/** Evaluation numbers with the dates of their TCB recovery event, newest first, as Intel's list has them. */
export const EVALUATIONS: readonly {
  readonly number: number;
  readonly event: string;
  readonly date: string;
}[] = [
  { number: 20, event: '2025-08-12', date: '2025-08-13' },
  { number: 19, event: '2025-05-13', date: '2025-05-14' },
  { number: 18, event: '2024-11-12', date: '2024-11-13' },
  { number: 17, event: '2024-03-12', date: '2024-03-13' },
];

export const CURRENT_EVALUATION = 20;
export const EARLIER_EVALUATION = 19;

const ADVISORIES: Readonly<Record<TcbStatus, readonly string[]>> = {
  UpToDate: [],
  SWHardeningNeeded: ['INTEL-SA-00615'],
  ConfigurationNeeded: ['INTEL-SA-00657', 'INTEL-SA-00767'],
  ConfigurationAndSWHardeningNeeded: ['INTEL-SA-00657', 'INTEL-SA-00767', 'INTEL-SA-00615'],
  OutOfDate: ['INTEL-SA-01036', 'INTEL-SA-01079', 'INTEL-SA-01099'],
  OutOfDateConfigurationNeeded: ['INTEL-SA-00657', 'INTEL-SA-00767', 'INTEL-SA-01036'],
  Revoked: ['INTEL-SA-00837'],
};

/** Before the last recovery nothing that it found was known; hardening and configuration were as now. */
const BEFORE: Readonly<Record<TcbStatus, TcbStatus>> = {
  UpToDate: 'UpToDate',
  SWHardeningNeeded: 'SWHardeningNeeded',
  ConfigurationNeeded: 'ConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'ConfigurationAndSWHardeningNeeded',
  OutOfDate: 'UpToDate',
  OutOfDateConfigurationNeeded: 'ConfigurationNeeded',
  Revoked: 'UpToDate',
};

export function advisoriesOf(status: TcbStatus): readonly string[] {
  return ADVISORIES[status];
}

export function statusBefore(status: TcbStatus): TcbStatus {
  return BEFORE[status];
}

function dateOf(evaluation: number): string {
  return EVALUATIONS.find(({ number }) => number === evaluation)?.date ?? '2018-01-04';
}

/** Levels of this evaluation number for a platform of this status. `reached` false leaves only what is above it. */
export function levels(status: TcbStatus, evaluation: number, reached: boolean): readonly Level[] {
  const left = status.startsWith('OutOfDate') || status === 'Revoked';
  const newest = dateOf(evaluation);
  const platform: Level = {
    sgx: SGX_SVNS,
    pceSvn: PCE_SVN,
    tdxMicrocode: TDX_MICROCODE_SVN,
    date: left ? dateOf(evaluation - 1) : newest,
    status,
  };
  const above: Level = {
    ...platform,
    sgx: microcode(TDX_MICROCODE_SVN + 1),
    tdxMicrocode: TDX_MICROCODE_SVN + 1,
    date: newest,
    status: 'UpToDate',
  };
  if (!reached) return [above];
  const below: Level = {
    ...platform,
    sgx: microcode(TDX_MICROCODE_SVN - 1),
    tdxMicrocode: TDX_MICROCODE_SVN - 1,
    date: dateOf(17),
    status: 'OutOfDate',
  };
  const oldest: Level = { ...below, pceSvn: 5, date: '2018-01-04' };
  return [...(status === 'UpToDate' ? [] : [above]), platform, below, oldest];
}

/** The platform's component versions, with another version of the microcode. */
function microcode(svn: number): readonly number[] {
  return [svn, svn, ...SGX_SVNS.slice(2)];
}

/** Levels of the TDX module: the earlier one was up to date before the last recovery. */
export function moduleLevels(evaluation: number): readonly ModuleLevel[] {
  const earlier = { isvsvn: TDX_MODULE_SVN_EARLIER, date: dateOf(EARLIER_EVALUATION) };
  const oldest: ModuleLevel = { isvsvn: 2, date: dateOf(17), status: 'OutOfDate' };
  if (evaluation < CURRENT_EVALUATION) return [{ ...earlier, status: 'UpToDate' }, oldest];
  return [
    { isvsvn: TDX_MODULE_SVN, date: dateOf(evaluation), status: 'UpToDate' },
    { ...earlier, status: 'OutOfDate' },
    oldest,
  ];
}
