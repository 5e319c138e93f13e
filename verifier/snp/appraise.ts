/** Is a verified SEV-SNP report acceptable? Each expectation is a check of its own, with its own code. */
import { equalBytes, isZero } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import type { Verified } from '../platform.ts';
import type { HardwareIds } from '../trust-policy.ts';
import { CheckLog, type PlannedCheck } from '../verdict.ts';
import { crlUrl } from './endorsement.ts';
import { describeShortfalls, JUDGED_LEVELS, minimumFor } from './explain.ts';
import { FEATURES } from './features.ts';
import { judgeFirmware } from './firmware.ts';
import { SNP_REVOCATION_CHECK } from './revocation.ts';
import { shortfalls } from './tcb.ts';
import type { SnpTrust } from './trust.ts';
import { ABI, type SnpClaims } from './verify.ts';

export const SNP_APPRAISE_CHECKS: readonly PlannedCheck[] = Object.freeze([
  { name: 'snp.debug', clause: 'AMD 56860 guest policy: DEBUG' },
  { name: 'snp.migration', clause: 'AMD 56860 guest policy: MIGRATE_MA; REPORT_ID_MA' },
  { name: 'snp.vmpl', clause: `${ABI}: VMPL` },
  { name: 'snp.measurement', clause: `${ABI}: MEASUREMENT; design 3.3` },
  { name: 'snp.id-key', clause: `${ABI}: ID_KEY_DIGEST, AUTHOR_KEY_DIGEST` },
  { name: 'snp.host-data', clause: `${ABI}: HOST_DATA` },
  { name: 'snp.guest', clause: `${ABI}: GUEST_SVN, FAMILY_ID, IMAGE_ID` },
  { name: 'snp.processor', clause: `${ABI}: CPUID` },
  { name: 'snp.tcb-minimum', clause: 'AMD 56860 TCB_VERSION: REPORTED_TCB and LAUNCH_TCB, part by part' },
  { name: 'snp.firmware', clause: 'AMD 56860 SNP_COMMIT: REPORTED <= COMMITTED = CURRENT' },
  { name: 'snp.milan-vcek', clause: 'arXiv 2605.12990: the seed of VCEKs of Milan can be extracted' },
  { name: 'snp.alias-check', clause: 'AMD-SB-3015 (CVE-2024-21944): PLATFORM_INFO.ALIAS_CHECK_COMPLETE' },
  { name: 'snp.smt', clause: 'CVE-2025-29943: PLATFORM_INFO.SMT_EN, guest policy SMT' },
  { name: 'snp.features', clause: 'AMD 56860 guest policy and PLATFORM_INFO: what the trust policy demands' },
  { name: 'snp.mitigations', clause: `${ABI}: LAUNCH_MIT_VECTOR, CURRENT_MIT_VECTOR` },
  { name: 'snp.hardware', clause: 'design 3.4: CHIP_ID of a VCEK, CSP_ID of a VLEK' },
]);

/** What an appraiser expects: the trust policy's words, and what it says of all platforms. */
export interface SnpExpectations extends SnpTrust {
  readonly hardware: 'any' | HardwareIds;
  readonly revocation: 'required' | 'any';
}

type Check = (claims: SnpClaims) => void;

/**
 * Judges verified claims against expectations and throws the first that is not met; each is recorded in `log`
 * (planned with SNP_APPRAISE_CHECKS and the check of revocation). Throws EXPECTATION_MISSING for what is not stated.
 */
export function appraiseSnp(
  { claims }: Verified<SnpClaims>,
  expected: SnpExpectations,
  log: CheckLog = new CheckLog([SNP_REVOCATION_CHECK, ...SNP_APPRAISE_CHECKS]),
): void {
  requireAll(expected);
  const judge = (name: string, waived: boolean, check: Check): void =>
    waived ? log.waive(name) : log.judge(name, () => check(claims));
  /** What a trust policy asks for only when it says so. */
  const asked = (name: string, stated: boolean, check: Check): void =>
    stated ? log.judge(name, () => check(claims)) : log.notApplicable(name);
  const { measurement, vmpl, host_data, id_key, author_key, mitigations, products } = expected;

  judge('snp.debug', expected.debug === 'allow', forbidDebug);
  judge('snp.migration', expected.migration_agent === 'allow', forbidMigration);
  judge('snp.vmpl', vmpl === 'any', (of) => requireVmpl(of, vmpl));
  judge('snp.measurement', measurement === 'any', ({ report }) =>
    requireListed(report.measurement, measurement, 'SNP_MEASUREMENT_MISMATCH', 'report.measurement'),
  );
  judge('snp.id-key', id_key === 'any' && isAny(author_key), (of) => requireKeys(of, expected));
  judge('snp.host-data', host_data === 'any', ({ report }) =>
    requireListed(report.hostData, host_data, 'SNP_HOST_DATA_MISMATCH', 'report.hostData'),
  );
  const { min_guest_svn, family_id, image_id } = expected;
  const ofGuest = [min_guest_svn, family_id, image_id].some((value) => value !== undefined);
  asked('snp.guest', ofGuest, (of) => requireGuest(of, expected));
  asked('snp.processor', products !== undefined, ({ product }) => {
    if (!products?.includes(product))
      fail('SNP_PRODUCT_NOT_ACCEPTED', `${product}, allowed are ${products?.join(', ') ?? 'none'}`);
  });
  judge('snp.tcb-minimum', expected.tcb.minimum === 'any', (of) => requireMinimum(of, expected));
  log.judge('snp.firmware', () => judgeFirmware(claims, expected));
  if (expected.tcb.provisional_firmware === 'allow') log.note('snp.provisional-firmware');
  if (claims.product !== 'Milan') log.notApplicable('snp.milan-vcek');
  else judge('snp.milan-vcek', expected.milan_vcek === 'allow', forbidMilanVcek);
  judge('snp.alias-check', expected.alias_check === 'any', requireAliasCheck);
  judge('snp.smt', expected.smt === undefined || expected.smt === 'allow', forbidSmt);
  const demanded = FEATURES.filter(({ key }) => !isAny(expected[key]));
  asked('snp.features', demanded.length > 0, ({ report }) => {
    for (const { code, holds, why } of demanded) if (!holds(report)) fail(code, why);
  });
  asked('snp.mitigations', mitigations !== undefined, (of) => requireMitigations(of, mitigations));
  const { hardware } = expected;
  judge('snp.hardware', hardware === 'any', (of) => requireHardware(of, hardware));
  if (claims.revocation === null) judge('snp.revocation', expected.revocation === 'any', missingList);
  else log.judge('snp.revocation', () => {});
  log.settle();
}

/** From plain JavaScript a missing expectation must not read as a waived one. */
function requireAll(expected: SnpExpectations): void {
  const required = ['measurement', 'debug', 'vmpl', 'tcb', 'milan_vcek', 'id_key', 'host_data'] as const;
  for (const name of [...required, 'hardware', 'revocation'] as const)
    if (expected?.[name] === undefined) fail('EXPECTATION_MISSING', `snp.${name} is not stated`);
  for (const name of ['minimum', 'provisional_firmware'] as const)
    if (expected.tcb[name] === undefined) fail('EXPECTATION_MISSING', `snp.tcb.${name} is not stated`);
}

const isAny = (value: unknown): boolean => value === undefined || value === 'any';

function forbidDebug({ report }: SnpClaims): void {
  if (report.policy.debugAllowed) fail('SNP_DEBUG_ALLOWED', 'report.policy: bit 19, DEBUG, is set');
}

/** REPORT_ID_MA is all ones where no agent is bound to the guest. */
function forbidMigration({ report }: SnpClaims): void {
  if (report.policy.migrationAgentAllowed)
    fail('SNP_MIGRATION_AGENT', 'report.policy: bit 18, MIGRATE_MA, is set');
  if (!report.reportIdMa.every((byte) => byte === 0xff))
    fail('SNP_MIGRATION_AGENT', `report.reportIdMa is ${toHex(report.reportIdMa)}`);
}

function requireVmpl({ report }: SnpClaims, allowed: SnpTrust['vmpl']): void {
  if (allowed !== 'any' && !allowed.includes(report.vmpl))
    fail('SNP_VMPL_MISMATCH', `report.vmpl is ${report.vmpl}, allowed are ${allowed.join(', ')}`);
}

type Listed =
  | 'SNP_MEASUREMENT_MISMATCH'
  | 'SNP_ID_KEY_MISMATCH'
  | 'SNP_AUTHOR_KEY_MISMATCH'
  | 'SNP_HOST_DATA_MISMATCH'
  | 'SNP_FAMILY_ID_MISMATCH'
  | 'SNP_IMAGE_ID_MISMATCH';

function requireListed(
  value: Uint8Array,
  allowed: 'any' | readonly string[],
  code: Listed,
  path: string,
): void {
  if (allowed !== 'any' && !allowed.some((hex) => equalBytes(fromHex(hex), value)))
    fail(code, `${path} is ${toHex(value)}`);
}

/** The digest of an author key counts only where the ID block had one (AUTHOR_KEY_EN). */
function requireKeys({ report }: SnpClaims, { id_key, author_key = 'any' }: SnpExpectations): void {
  requireListed(report.idKeyDigest, id_key, 'SNP_ID_KEY_MISMATCH', 'report.idKeyDigest');
  if (author_key === 'any') return;
  if (!report.authorKeyEnabled) fail('SNP_AUTHOR_KEY_MISMATCH', 'the ID block had no author key');
  requireListed(report.authorKeyDigest, author_key, 'SNP_AUTHOR_KEY_MISMATCH', 'report.authorKeyDigest');
}

function requireGuest({ report }: SnpClaims, expected: SnpExpectations): void {
  const { min_guest_svn: least, family_id = 'any', image_id = 'any' } = expected;
  if (least !== undefined && !(report.guestSvn >= least))
    fail(
      'SNP_GUEST_SVN_BELOW_MINIMUM',
      `report.guestSvn is ${report.guestSvn}, at least ${least}: ${least - report.guestSvn} short`,
    );
  requireListed(report.familyId, family_id, 'SNP_FAMILY_ID_MISMATCH', 'report.familyId');
  requireListed(report.imageId, image_id, 'SNP_IMAGE_ID_MISMATCH', 'report.imageId');
}

function requireMinimum({ levels, product }: SnpClaims, { tcb }: SnpExpectations): void {
  const minimum = minimumFor(tcb.minimum, product);
  if (minimum === null) return;
  if (minimum === undefined)
    return fail('EXPECTATION_MISSING', `trust policy: platforms.snp.tcb.minimum says nothing of ${product}`);
  for (const which of JUDGED_LEVELS) {
    const found = shortfalls(levels[which], minimum);
    if (found.length > 0)
      fail(
        which === 'reported' ? 'SNP_TCB_BELOW_MINIMUM' : 'SNP_LAUNCH_TCB_BELOW_MINIMUM',
        `report.${which}Tcb: ${describeShortfalls(found)}`,
      );
  }
}

/** A VLEK comes from another seed, which the provider's machines hold. */
function forbidMilanVcek({ report }: SnpClaims): void {
  if (report.signer === 'vcek')
    fail('SNP_MILAN_VCEK', 'signed by the VCEK of a Milan, which proves no hardware by itself');
}

function requireAliasCheck({ report }: SnpClaims): void {
  if (report.version < 3)
    fail('SNP_ALIAS_CHECK_MISSING', `reports of version ${report.version} cannot say it`);
  if (!report.platformInfo.aliasCheckComplete)
    fail('SNP_ALIAS_CHECK_MISSING', 'report.platformInfo: bit 5, ALIAS_CHECK_COMPLETE, is not set');
}

/** A guest whose policy allows it may be moved to where it is on. */
function forbidSmt({ report }: SnpClaims): void {
  if (report.platformInfo.smtEnabled) fail('SNP_SMT_ENABLED', 'report.platformInfo: bit 0, SMT_EN, is set');
  if (report.policy.smtAllowed) fail('SNP_SMT_ENABLED', 'report.policy: bit 16, SMT, is set');
}

function requireMitigations({ report, product }: SnpClaims, masks: SnpExpectations['mitigations']): void {
  const hex = masks?.[product];
  if (hex === undefined)
    return fail('EXPECTATION_MISSING', `trust policy: platforms.snp.mitigations says nothing of ${product}`);
  const { mitigations } = report;
  if (mitigations === null)
    return fail('SNP_MITIGATION_MISSING', `reports of version ${report.version} have no mitigation vectors`);
  const mask = BigInt(`0x${hex}`);
  for (const which of ['launch', 'current'] as const) {
    const lacking = mask & ~mitigations[which];
    if (lacking !== 0n)
      fail(
        'SNP_MITIGATION_MISSING',
        `${which} mitigations 0x${mitigations[which].toString(16)} lack 0x${lacking.toString(16)} of 0x${mask.toString(16)}`,
      );
  }
}

/** Who signed decides what is compared: a chip, or a provider. */
function requireHardware({ report, endorsement }: SnpClaims, ids: 'any' | HardwareIds): void {
  if (ids === 'any') return;
  const { chip_id, csp_id } = ids;
  if (chip_id === undefined && csp_id === undefined)
    fail('EXPECTATION_MISSING', 'trust policy: hardware.ids names neither chip_id nor csp_id for snp');
  if (report.signer === 'vlek') {
    if (endorsement.cspId === null || !csp_id?.includes(endorsement.cspId))
      fail(
        'SNP_HARDWARE_MISMATCH',
        `the VLEK is of ${JSON.stringify(endorsement.cspId)}, which csp_id does not list`,
      );
    return;
  }
  // Of Turin 8 bytes are given and 56 zeros follow them.
  const listed = chip_id?.some((hex) => equalBytes(fromHex(hex.padEnd(128, '0')), report.chipId)) ?? false;
  if (isZero(report.chipId) || !listed)
    fail('SNP_HARDWARE_MISMATCH', `report.chipId is ${toHex(report.chipId)}, which chip_id does not list`);
}

function missingList({ product, report }: SnpClaims): void {
  fail(
    'COLLATERAL_MISSING',
    `the revocation list of ARK-${product} (${crlUrl(product, report.signer)}) is not at hand`,
  );
}
