/** What TDX guests and SGX enclaves are judged by alike: the level of the platform, its configuration, the machine. */
import { formatTime, MAX_TIME, type Millis } from '../../src/base/clock.ts';
import { type Code, fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { Tee } from '../../src/evidence/intel/index.ts';
import type { Verified } from '../platform.ts';
import type { HardwareIds } from '../trust-policy.ts';
import type { CheckLog, PlannedCheck } from '../verdict.ts';
import type { PlatformTrust, TcbTrust } from './trust.ts';
import type { IntelClaims } from './verify.ts';

/** What a trust policy says beside the platform's own part. */
export interface CommonTrust {
  readonly hardware: 'any' | HardwareIds;
  readonly revocation: 'required' | 'any';
}

const PCS = 'Intel PCS V4';

export const commonChecks = (tee: Tee): readonly PlannedCheck[] => [
  {
    name: `${tee}.tcb-status`,
    clause: `${PCS}, tcbStatus: accepted by the trust policy, or within its grace`,
  },
  { name: `${tee}.advisories`, clause: `${PCS}, advisoryIDs: each accepted by name` },
  {
    name: `${tee}.evaluation-number`,
    clause: `${PCS}, tcbEvaluationDataNumber: against withheld collateral`,
  },
  { name: `${tee}.tcb-date`, clause: `${PCS}, tcbDate` },
  { name: `${tee}.collateral-age`, clause: 'trust policy: issue dates of TCB info and QE identity' },
  {
    name: `${tee}.platform`,
    clause: 'Intel SGX PCK Certificate and CRL Profile 1.3.5: type and configuration',
  },
  { name: `${tee}.hardware`, clause: 'design 3.4: PPID or platform instance from the signed extension' },
  { name: `${tee}.revocation`, clause: 'RFC 5280 6.3: the lists were checked with the evidence' },
];

const CODES_OF = {
  tdx: {
    outOfDate: 'TDX_TCB_OUT_OF_DATE',
    refused: 'TDX_TCB_REFUSED',
    revoked: 'TDX_TCB_REVOKED',
    unknown: 'TDX_TCB_NOT_SUPPORTED',
  },
  sgx: {
    outOfDate: 'SGX_TCB_OUT_OF_DATE',
    refused: 'SGX_TCB_REFUSED',
    revoked: 'SGX_TCB_REVOKED',
    unknown: 'SGX_TCB_NOT_SUPPORTED',
  },
} as const satisfies Record<Tee, Record<string, Code>>;

const DAY = 86_400_000;

export function appraiseCommon(
  tee: Tee,
  verified: Verified<IntelClaims>,
  expected: { readonly tcb: TcbTrust; readonly platform: 'any' | PlatformTrust },
  { hardware }: CommonTrust,
  log: CheckLog,
): void {
  const { claims, at } = verified;
  const { tcb, platform } = expected;
  log.judge(`${tee}.tcb-status`, () => checkStatus(tee, claims, tcb, at));
  if (tcb.advisories === 'any') log.waive(`${tee}.advisories`);
  else {
    const accepted = tcb.advisories === 'none' ? [] : tcb.advisories;
    log.judge(`${tee}.advisories`, () => checkAdvisories(claims, accepted));
  }
  const { min_evaluation_number: least, min_tcb_date: oldest, max_collateral_age_days: age } = tcb;
  if (least === 'any') log.waive(`${tee}.evaluation-number`);
  else log.judge(`${tee}.evaluation-number`, () => checkEvaluation(claims, least));
  if (oldest === 'any') log.waive(`${tee}.tcb-date`);
  else log.judge(`${tee}.tcb-date`, () => checkDate(claims, oldest));
  if (age === undefined) log.notApplicable(`${tee}.collateral-age`);
  else log.judge(`${tee}.collateral-age`, () => checkAge(claims, age, at));
  if (platform === 'any' || expectsNothing(platform)) log.waive(`${tee}.platform`);
  else log.judge(`${tee}.platform`, () => checkPlatform(claims, platform));
  if (hardware === 'any') log.waive(`${tee}.hardware`);
  else log.judge(`${tee}.hardware`, () => checkHardware(tee, claims, hardware));
  // Without fresh lists there is no verified evidence to appraise.
  log.judge(`${tee}.revocation`, () => {});
}

function checkStatus(
  tee: Tee,
  claims: IntelClaims,
  { statuses, grace_days: grace }: TcbTrust,
  at: Millis,
): void {
  const { status } = claims;
  const codes = CODES_OF[tee];
  if (status === 'Revoked') fail(codes.revoked, 'Intel has revoked this level of the platform');
  if (status === 'TcbNotSupported')
    return fail(codes.unknown, `no level of the TCB info fits this platform${shortfallText(claims)}`);
  if ((statuses as readonly string[]).includes(status)) return;
  const outOfDate = status.startsWith('OutOfDate');
  const { since } = claims.explanation;
  // Grace is for updates that are missing, not for the configuration that is needed besides.
  const excused = status === 'OutOfDate' || (outOfDate && statuses.includes('ConfigurationNeeded'));
  if (excused && grace !== 'none' && since !== null && at <= since + grace * DAY) return;
  const code = outOfDate ? codes.outOfDate : codes.refused;
  fail(code, `the platform is ${status}, accepted are ${statuses.join(', ')}${shortfallText(claims)}`);
}

/** When grace or the age of collateral ends, where a verdict rests on them. */
export function acceptableUntil(
  { status, explanation, tcbInfo, qeIdentity }: IntelClaims,
  tcb: TcbTrust,
): Millis {
  const { statuses, grace_days: grace, max_collateral_age_days: age } = tcb;
  const graced = !(statuses as readonly string[]).includes(status) && grace !== 'none';
  const { since } = explanation;
  const issued = Math.min(tcbInfo.issueDate, qeIdentity.issueDate);
  return Math.min(
    graced && since !== null ? since + grace * DAY : MAX_TIME,
    age === undefined ? MAX_TIME : issued + age * DAY,
  );
}

/** As a person would ask for an update: what is short, by how much. */
export function shortfallText({ explanation: { shortfalls, closes } }: IntelClaims): string {
  if (shortfalls.length === 0) return '';
  const parts = shortfalls.map(({ part, component, label, has, needs }) => {
    const which = component === null ? part : `${part}[${component}]`;
    return `${which}${label === null ? '' : ` (${label})`} is ${has}, at least ${needs}`;
  });
  const closing = closes.length === 0 ? '' : `, which would close ${closes.join(', ')}`;
  return `: ${parts.join('; ')}${closing}`;
}

function checkAdvisories({ launch, current }: IntelClaims, accepted: readonly string[]): void {
  const open = [...new Set([...launch.advisories, ...(current?.advisories ?? [])])];
  const refused = open.filter((advisory) => !accepted.includes(advisory)).sort();
  if (refused.length > 0) fail('TCB_ADVISORY_OPEN', `open and not accepted: ${refused.join(', ')}`);
}

export const evaluationNumberOf = ({ tcbInfo, qeIdentity }: IntelClaims): number =>
  Math.min(tcbInfo.tcbEvaluationDataNumber, qeIdentity.tcbEvaluationDataNumber);

function checkEvaluation(claims: IntelClaims, least: number): void {
  const number = evaluationNumberOf(claims);
  if (number < least) fail('TCB_EVALUATION_TOO_OLD', `evaluation ${number}, at least ${least} is required`);
}

/** Launched with one module and running on another, it is as old as the older. */
function checkDate({ launch, current }: IntelClaims, oldest: string): void {
  for (const { tcbDate } of current === null ? [launch] : [launch, current]) {
    // Not "older than": an engine may take 30 February for no date at all.
    const recent = tcbDate !== null && tcbDate >= Date.parse(`${oldest}T00:00:00Z`);
    const shown = tcbDate === null ? 'no date' : formatTime(tcbDate);
    if (!recent) fail('TCB_DATE_TOO_OLD', `the level is of ${shown}, at least ${oldest} is required`);
  }
}

function checkAge({ tcbInfo, qeIdentity }: IntelClaims, days: number, at: Millis): void {
  const issued = Math.min(tcbInfo.issueDate, qeIdentity.issueDate);
  if (at - issued > days * DAY)
    fail(
      'COLLATERAL_TOO_OLD',
      `issued at ${formatTime(issued)}, more than ${days} days before ${formatTime(at)}`,
    );
}

/** Every key may say `any`, and then the whole does. */
function expectsNothing({ sgx_types: types, ...flags }: PlatformTrust): boolean {
  return types === undefined && !Object.values(flags).includes('reject');
}

function checkPlatform({ pck }: IntelClaims, expected: PlatformTrust): void {
  const refuse = (what: string): never => fail('PLATFORM_CONFIGURATION', `the PCK certificate says ${what}`);
  const { sgx_types: types } = expected;
  if (types !== undefined && !types.includes(pck.sgxType))
    refuse(`${pck.sgxType}, not ${types.join(' or ')}`);
  const flags = [
    ['smt', pck.configuration?.smtEnabled, 'multithreading'],
    ['dynamic_platform', pck.configuration?.dynamicPlatform, 'packages that may be added'],
    ['cached_keys', pck.configuration?.cachedKeys, 'keys cached on the platform'],
  ] as const;
  for (const [key, value, what] of flags)
    if (expected[key] === 'reject' && value !== false)
      refuse(value === true ? what : `nothing of ${what}, so that cannot be excluded`);
}

function checkHardware(tee: Tee, { pck }: IntelClaims, ids: HardwareIds): void {
  const { ppid, platform_instance: instances } = ids;
  if (ppid === undefined && instances === undefined)
    fail(
      'EXPECTATION_MISSING',
      `trust policy: hardware.ids names neither ppid nor platform_instance for ${tee}`,
    );
  const listed = (value: Uint8Array | null, allowed: readonly string[]): boolean =>
    value !== null && allowed.some((one) => one.toLowerCase() === toHex(value));
  if (ppid !== undefined && !listed(pck.ppid, ppid))
    fail('PLATFORM_HARDWARE_MISMATCH', `PPID ${toHex(pck.ppid)} is not listed`);
  if (instances !== undefined && !listed(pck.platformInstanceId, instances)) {
    const instance = pck.platformInstanceId;
    fail(
      'PLATFORM_HARDWARE_MISMATCH',
      `platform instance ${instance === null ? 'is not stated' : `${toHex(instance)} is not listed`}`,
    );
  }
}
