/** What levels of all of Intel's statements have: a status, the date that it speaks of, and advisories. */
import type { Millis } from '../../base/clock.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { invalid, listOf, MAX_U16, memberOf, objectOf, timeOf, uintOf, wordOf } from './fields.ts';

const TCB_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const;
const ENCLAVE_STATUSES = ['UpToDate', 'OutOfDate', 'Revoked'] as const;

/** Of a platform. */
export type TcbStatus = (typeof TCB_STATUSES)[number];
/** Of an enclave or a TDX module. A platform's other statuses have no meaning there, and are refused. */
export type EnclaveStatus = (typeof ENCLAVE_STATUSES)[number];

export interface TcbJudgement<Status extends TcbStatus> {
  /** Of the recovery that the level includes. */
  readonly tcbDate: Millis;
  readonly status: Status;
  /** As `INTEL-SA-01036`; empty when there are none. */
  readonly advisories: readonly string[];
}

/** A level of an enclave or a TDX module: it holds from this security version on. */
export interface EnclaveLevel extends TcbJudgement<EnclaveStatus> {
  readonly isvsvn: number;
}

const MAX_LEVELS = 256;
const MAX_ADVISORIES = 256;
const MAX_ADVISORY = 64;

export const platformJudgement = (level: JsonObject, path: string): TcbJudgement<TcbStatus> =>
  judgementOf(level, path, TCB_STATUSES);

export const levelsOf = <T>(
  object: JsonObject,
  path: string,
  read: (level: JsonObject, path: string) => T,
): readonly T[] => listOf(object, 'tcbLevels', path, MAX_LEVELS, read);

export function enclaveLevel(level: JsonObject, path: string): EnclaveLevel {
  const isvsvn = uintOf(objectOf(memberOf(level, 'tcb'), `${path}.tcb`), 'isvsvn', `${path}.tcb`, MAX_U16);
  return Object.freeze({ isvsvn, ...judgementOf(level, path, ENCLAVE_STATUSES) });
}

function judgementOf<Status extends TcbStatus>(
  level: JsonObject,
  path: string,
  statuses: readonly Status[],
): TcbJudgement<Status> {
  return {
    tcbDate: timeOf(level, 'tcbDate', path),
    status: wordOf(level, 'tcbStatus', path, statuses),
    advisories: advisoriesOf(memberOf(level, 'advisoryIDs'), `${path}.advisoryIDs`),
  };
}

function advisoriesOf(value: JsonValue | undefined, path: string): readonly string[] {
  if (value === undefined) return NONE;
  if (!Array.isArray(value) || value.length > MAX_ADVISORIES)
    return invalid(path, `is not a list of at most ${MAX_ADVISORIES}`);
  return Object.freeze(
    value.map((id: JsonValue, i) => (isAdvisory(id) ? id : invalid(`${path}[${i}]`, 'is not a name'))),
  );
}

const NONE: readonly string[] = Object.freeze([]);

const isAdvisory = (value: JsonValue): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_ADVISORY;
