/** Is a TD acceptable: what runs in it, how it may be watched, who may move it. */
import { isZero } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { bitsOf, type TdReport } from '../../src/evidence/intel/index.ts';
import type { Verified } from '../platform.ts';
import type { CheckLog, PlannedCheck } from '../verdict.ts';
import { appraiseCommon, commonChecks, type CommonTrust } from './appraise.ts';
import type { TdxTrust } from './trust.ts';
import type { IntelClaims } from './verify.ts';

const ABI = 'Intel TDX Module ABI';

export const TDX_APPRAISE_CHECKS: readonly PlannedCheck[] = Object.freeze([
  { name: 'tdx.debug', clause: `${ABI}, TD_ATTRIBUTES.DEBUG` },
  {
    name: 'tdx.attributes',
    clause: `${ABI}, TD_ATTRIBUTES: reserved bits, MIGRATABLE, PKS, KL, PERFMON; VM_ID, DEV_INFO`,
  },
  { name: 'tdx.sept-ve-disable', clause: `${ABI}, TD_ATTRIBUTES.SEPT_VE_DISABLE` },
  { name: 'tdx.xfam', clause: `${ABI}, XFAM` },
  { name: 'tdx.service-td', clause: `${ABI}, MRSERVICETD: who may move or change the TD` },
  { name: 'tdx.mrtd', clause: `${ABI}, MRTD; design 3.3` },
  { name: 'tdx.rtmrs', clause: `${ABI}, RTMR0 to RTMR3; design 3.3` },
  { name: 'tdx.owner', clause: `${ABI}, MRCONFIGID, MROWNER, MROWNERCONFIG` },
  { name: 'tdx.module', clause: `${ABI}, MRSEAM and TEE_TCB_SVN` },
  ...commonChecks('tdx'),
]);

/** Bits that every TD has, and those that the architecture lets one have (as go-tdx-guest's validation has them). */
const XFAM_FIXED_1 = 0x3n;
const XFAM_ALLOWED = 0x0006_dbe7n;

/** Records every expectation in `log` (planned with TDX_APPRAISE_CHECKS) and throws the first that is not met. */
export function appraiseTdx(
  verified: Verified<IntelClaims>,
  expected: TdxTrust & CommonTrust,
  log: CheckLog,
): void {
  for (const name of [
    'mrtd',
    'rtmrs',
    'debug',
    'service_td',
    'owner',
    'tcb',
    'platform',
    'hardware',
  ] as const)
    if (expected?.[name] === undefined) fail('EXPECTATION_MISSING', `tdx.${name} is not stated`);
  const report = verified.claims.quote.body as TdReport;
  const { mrtd, rtmrs, owner, service_td: service, xfam = 'architecture' } = expected;
  if (expected.debug === 'allow') log.waive('tdx.debug');
  else log.judge('tdx.debug', () => checkDebug(report));
  log.judge('tdx.attributes', () => {
    checkAttributes(report, expected.attributes ?? []);
    checkPartition(report);
  });
  if (expected.sept_ve_disable === 'any') log.waive('tdx.sept-ve-disable');
  else log.judge('tdx.sept-ve-disable', () => checkSeptVe(report));
  if (xfam === 'any') log.waive('tdx.xfam');
  else
    log.judge('tdx.xfam', () =>
      checkXfam(report, xfam === 'architecture' ? XFAM_ALLOWED : bitsOf(fromHex(xfam))),
    );
  if (service === 'any') log.waive('tdx.service-td');
  else log.judge('tdx.service-td', () => checkService(report, service === 'none' ? [] : service));
  if (mrtd === 'any') log.waive('tdx.mrtd');
  else log.judge('tdx.mrtd', () => requireListed('mrtd', report.mrtd, mrtd));
  if (rtmrs === 'any') log.waive('tdx.rtmrs');
  else
    log.judge('tdx.rtmrs', () => {
      for (const [index, allowed] of Object.entries(rtmrs))
        requireListed(`rtmr${index}`, registerOf(report, index), allowed);
    });
  if (owner === 'any') log.waive('tdx.owner');
  else
    log.judge('tdx.owner', () => {
      for (const name of ['mrconfigid', 'mrowner', 'mrownerconfig'] as const)
        if (owner[name] !== undefined) requireListed(name, report[name], owner[name]);
    });
  if (expected.mrseam === undefined && expected.min_module_isvsvn === undefined)
    log.notApplicable('tdx.module');
  else log.judge('tdx.module', () => checkModule(report, expected));
  appraiseCommon('tdx', verified, expected, expected, log);
  log.settle();
}

function registerOf({ rtmrs }: TdReport, index: string): Uint8Array {
  return (
    rtmrs[Number(index)] ?? fail('TRUST_POLICY_INVALID', `platforms.tdx.rtmrs: a TD has no RTMR${index}`)
  );
}

function requireListed(name: string, value: Uint8Array, allowed: readonly string[]): void {
  const found = toHex(value);
  if (!allowed.some((one) => one.toLowerCase() === found))
    fail('TDX_MEASUREMENT_MISMATCH', `${name} is ${found}, which is not listed`);
}

function checkDebug({ flags }: TdReport): void {
  if (flags.debug) fail('TDX_DEBUG_MODE', 'TDATTRIBUTES has the DEBUG bit');
}

function checkAttributes(report: TdReport, allowed: readonly string[]): void {
  if (report.reservedAttributes !== 0n)
    fail(
      'TDX_ATTRIBUTES_REFUSED',
      `TDATTRIBUTES has reserved bits: 0x${report.reservedAttributes.toString(16)}`,
    );
  const { migratable, pks, keyLocker, perfmon } = report.flags;
  const named = [
    ['MIGRATABLE', migratable],
    ['PKS', pks],
    ['KL', keyLocker],
    ['PERFMON', perfmon],
  ] as const;
  const refused = named.filter(([name, set]) => set && !allowed.includes(name)).map(([name]) => name);
  if (refused.length > 0)
    fail(
      'TDX_ATTRIBUTES_REFUSED',
      `TDATTRIBUTES has ${refused.join(', ')}, which the trust policy does not list`,
    );
}

/** A guest below a guest has the report of its host's TD; devices are measured there, and nothing is known of them. */
function checkPartition({ vmId, devInfo }: TdReport): void {
  if (vmId !== null && vmId !== 0)
    fail('TDX_ATTRIBUTES_REFUSED', `the report is of partition ${vmId} of the TD, not of the TD`);
  if (devInfo !== null && !isZero(devInfo))
    fail('TDX_ATTRIBUTES_REFUSED', `devices are bound to the TD: ${toHex(devInfo)}`);
}

function checkSeptVe({ flags }: TdReport): void {
  if (!flags.septVeDisable)
    fail('TDX_SEPT_VE_ENABLED', 'TDATTRIBUTES lacks SEPT_VE_DISABLE: the host can inject #VE');
}

function checkXfam({ xfamBits }: TdReport, allowed: bigint): void {
  if ((xfamBits & XFAM_FIXED_1) !== XFAM_FIXED_1 || (xfamBits & ~allowed) !== 0n)
    fail('TDX_XFAM_REFUSED', `XFAM is 0x${xfamBits.toString(16)}, allowed are 0x${allowed.toString(16)}`);
}

/** Of a partitioned TD also who was bound when it was made, and who is now. */
function checkService(report: TdReport, allowed: readonly string[]): void {
  // The host chooses the form of the quote, and the oldest does not say who is bound.
  if (report.mrservicetd === null && report.flags.migratable)
    fail(
      'TDX_SERVICE_TD_BOUND',
      'the TD is MIGRATABLE, and this form of quote does not say by which service TD',
    );
  for (const value of [report.mrservicetd, report.initServTdHash, report.curServTdHash]) {
    if (value === null || isZero(value)) continue;
    const found = toHex(value);
    if (!allowed.some((one) => one.toLowerCase() === found))
      fail('TDX_SERVICE_TD_BOUND', `service TD ${found} is bound and not listed`);
  }
}

function checkModule(report: TdReport, { mrseam, min_module_isvsvn: least }: TdxTrust): void {
  if (mrseam !== undefined) requireListed('mrseam', report.mrseam, mrseam);
  if (least === undefined) return;
  for (const svn of [report.teeTcbSvn, report.teeTcbSvn2]) {
    if (svn === null) continue;
    const [has, generation] = svn as unknown as [number, number];
    const needs = least[String(generation)];
    if (needs === undefined)
      fail(
        'TDX_MODULE_TOO_OLD',
        `the module is of generation ${generation}, which the trust policy does not list`,
      );
    else if (has < needs)
      fail(
        'TDX_MODULE_TOO_OLD',
        `the module of generation ${generation} has version ${has}, at least ${needs}`,
      );
  }
}
