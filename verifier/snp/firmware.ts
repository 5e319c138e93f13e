/**
 * Can the host set the firmware back? What is committed cannot be undone, and the key is derived from what is
 * reported: so REPORTED <= COMMITTED <= CURRENT on every sound platform, and COMMITTED = CURRENT once an update is
 * committed (AMD 56860, SNP_COMMIT; the rules of google/go-sev-guest).
 */
import { fail } from '../../src/base/errors.ts';
import type { FirmwareVersion, SnpReport } from '../../src/evidence/snp/index.ts';
import { describeShortfalls } from './explain.ts';
import { differences, shortfalls } from './tcb.ts';
import type { SnpTrust } from './trust.ts';
import type { SnpClaims } from './verify.ts';

/** Throws SNP_TCB_INCONSISTENT, SNP_FIRMWARE_PROVISIONAL or SNP_FIRMWARE_BELOW_MINIMUM. */
export function judgeFirmware({ levels, report }: SnpClaims, { tcb, min_abi }: SnpTrust): void {
  const { reported, committed, current } = levels;
  for (const [lower, upper, what] of [
    [reported, committed, 'committed is below reported'],
    [committed, current, 'current is below committed'],
  ] as const) {
    const found = shortfalls(upper, lower);
    if (found.length > 0) fail('SNP_TCB_INCONSISTENT', `${what}: ${describeShortfalls(found)}`);
  }
  const { currentVersion, committedVersion } = report;
  if (compare(currentVersion, committedVersion) < 0)
    fail(
      'SNP_TCB_INCONSISTENT',
      `firmware ${text(currentVersion)} is below the committed ${text(committedVersion)}`,
    );
  if (tcb.provisional_firmware !== 'allow') requireCommitted(levels, report);
  if (min_abi !== undefined) requireFirmware(committedVersion, min_abi);
}

function requireCommitted({ committed, current }: SnpClaims['levels'], report: SnpReport): void {
  const ahead = differences(current, committed);
  if (ahead.length > 0)
    fail(
      'SNP_FIRMWARE_PROVISIONAL',
      ahead.map(({ part, has, needs }) => `${part} ${has} runs, ${needs} is committed`).join('; '),
    );
  const [runs, kept] = [report.currentVersion, report.committedVersion];
  if (compare(runs, kept) !== 0)
    fail('SNP_FIRMWARE_PROVISIONAL', `firmware ${text(runs)} runs, ${text(kept)} is committed`);
}

/** `least`: major.minor, or major.minor.build. */
function requireFirmware(committed: FirmwareVersion, least: string): void {
  const [major = 0, minor = 0, build = 0] = least.split('.').map(Number);
  if (!(compare(committed, { major, minor, build }) >= 0))
    fail('SNP_FIRMWARE_BELOW_MINIMUM', `firmware ${text(committed)} is committed, at least ${least}`);
}

function compare(a: FirmwareVersion, b: FirmwareVersion): number {
  return a.major - b.major || a.minor - b.minor || a.build - b.build;
}

/** As vendors write it: `1.55.40`. */
export function text({ major, minor, build }: FirmwareVersion): string {
  return `${major}.${minor}.${build}`;
}
