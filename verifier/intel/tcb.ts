/**
 * Which level of Intel's trusted computing base a platform is at: the algorithm of Intel's Quote Verification
 * Library (EvaluateTcb, and "Determining the status" of the PCS API, Get TDX TCB Info V4). Signatures are not its
 * question: it takes numbers that were proven, and judges no policy.
 */
import type { Millis } from '../../src/base/clock.ts';
import type { QeIdentity, TcbInfo, TcbStatus } from '../../src/collateral/index.ts';

/** Intel's names; the last one is no status of a level but of a platform that no level fits. */
export type ConvergedStatus =
  | TcbStatus
  | 'TDRelaunchAdvised'
  | 'TDRelaunchAdvisedConfigurationNeeded'
  | 'TcbNotSupported';

/** The version numbers of one platform. */
export interface PlatformVersions {
  readonly components: readonly number[];
  readonly pceSvn: number;
  /** TEE_TCB_SVN of a TD; null for an enclave. */
  readonly teeTcbSvn: Uint8Array | null;
  readonly qeIsvSvn: number;
}

/** One part's level: of the platform, the TDX module or the quoting enclave. */
export interface PartLevel {
  readonly status: TcbStatus;
  readonly tcbDate: Millis;
  readonly advisories: readonly string[];
}

export type PlatformLevel = TcbInfo['tcbLevels'][number];
export type ModuleIdentity = TcbInfo['tdxModuleIdentities'][number];

export interface TcbEvaluation {
  readonly status: ConvergedStatus;
  readonly advisories: readonly string[];
  /** The earliest of the parts; null when some part has no level. */
  readonly tcbDate: Millis | null;
  /** Null where no level fits. */
  readonly platform: PlatformLevel | null;
  readonly module: PartLevel | null;
  readonly qe: PartLevel | null;
}

/** The module's versions stand apart from the platform's since the second octet of TEE_TCB_SVN counts modules. */
export function moduleIdentityOf(teeTcbSvn: Uint8Array, info: TcbInfo): ModuleIdentity | null {
  const version = teeTcbSvn[1] as number;
  const id = `TDX_${version.toString(16).padStart(2, '0')}`.toLowerCase();
  return info.tdxModuleIdentities.find((identity) => identity.id.toLowerCase() === id) ?? null;
}

export function evaluateTcb(versions: PlatformVersions, info: TcbInfo, identity: QeIdentity): TcbEvaluation {
  const platform = descending(info.tcbLevels).find((level) => reaches(versions, level)) ?? null;
  const qe = levelOf(identity.tcbLevels, versions.qeIsvSvn);
  const { teeTcbSvn } = versions;
  const separate = teeTcbSvn !== null && (teeTcbSvn[1] as number) > 0;
  const levels = separate ? (moduleIdentityOf(teeTcbSvn, info)?.tcbLevels ?? []) : [];
  const module = separate ? levelOf(levels, teeTcbSvn[0] as number) : null;
  if (platform === null || qe === null || (separate && module === null))
    return Object.freeze({
      status: 'TcbNotSupported',
      advisories: Object.freeze([]),
      tcbDate: null,
      platform,
      module,
      qe,
    });
  const parts: readonly PartLevel[] = module === null ? [platform, qe] : [platform, module, qe];
  return Object.freeze({
    status: converge(platform.status, parts.slice(1)),
    advisories: Object.freeze([...new Set(parts.flatMap(({ advisories }) => advisories))].sort()),
    tcbDate: Math.min(...parts.map(({ tcbDate }) => tcbDate)),
    platform,
    module,
    qe,
  });
}

/**
 * Highest first, as the service lists them; Intel's library sorts, so that no order of a list decides: by the
 * components of SGX, then PCESVN, then the components of TDX.
 */
export function descending(levels: readonly PlatformLevel[]): readonly PlatformLevel[] {
  const sorted = (a: PlatformLevel, b: PlatformLevel): number => {
    for (let i = 0; i < 16; i++) {
      const difference = (b.sgx[i] as number) - (a.sgx[i] as number);
      if (difference !== 0) return difference;
    }
    if (a.pcesvn !== b.pcesvn) return b.pcesvn - a.pcesvn;
    for (let i = 0; i < 16; i++) {
      const difference = (b.tdx?.[i] ?? 0) - (a.tdx?.[i] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  };
  return levels.every((level, i) => i === 0 || sorted(levels[i - 1] as PlatformLevel, level) <= 0)
    ? levels
    : levels.toSorted(sorted);
}

/** Where the module has levels of its own, the first two components are not the platform's. */
export function firstTdxComponent(teeTcbSvn: Uint8Array): number {
  return (teeTcbSvn[1] as number) > 0 ? 2 : 0;
}

function reaches({ components, pceSvn, teeTcbSvn }: PlatformVersions, level: PlatformLevel): boolean {
  if (pceSvn < level.pcesvn) return false;
  for (let i = 0; i < 16; i++) if ((components[i] as number) < (level.sgx[i] as number)) return false;
  if (teeTcbSvn === null) return true;
  if (level.tdx === null) return false;
  for (let i = firstTdxComponent(teeTcbSvn); i < 16; i++)
    if ((teeTcbSvn[i] as number) < (level.tdx[i] as number)) return false;
  return true;
}

/** The highest level that the version number reaches. */
function levelOf<Level extends { readonly isvsvn: number }>(
  levels: readonly Level[],
  isvSvn: number,
): Level | null {
  let best: Level | null = null;
  for (const level of levels)
    if (level.isvsvn <= isvSvn && (best === null || level.isvsvn > best.isvsvn)) best = level;
  return best;
}

const OUTDATED: Readonly<Partial<Record<TcbStatus, TcbStatus>>> = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
};

/** The parts beside the platform can only make it worse. */
function converge(platform: TcbStatus, others: readonly PartLevel[]): TcbStatus {
  const statuses = others.map(({ status }) => status);
  if (platform === 'Revoked' || statuses.includes('Revoked')) return 'Revoked';
  const outdated = statuses.some(
    (status) => status === 'OutOfDate' || status === 'OutOfDateConfigurationNeeded',
  );
  return outdated ? (OUTDATED[platform] ?? platform) : platform;
}

/**
 * Launch and current together. A TD that started on an old module and runs on a current one need only start again.
 * Otherwise Intel's library reports the launch alone; here a module that runs now and is worse counts as well.
 */
export function advisesRelaunch(launch: ConvergedStatus, current: ConvergedStatus): ConvergedStatus {
  const either = (word: string): boolean => launch.includes(word) || current.includes(word);
  if (either('TcbNotSupported')) return 'TcbNotSupported';
  if (either('Revoked')) return 'Revoked';
  const configuration = either('Configuration');
  if (launch.startsWith('OutOfDate') && !current.startsWith('OutOfDate'))
    return configuration ? 'TDRelaunchAdvisedConfigurationNeeded' : 'TDRelaunchAdvised';
  if (either('OutOfDate')) return configuration ? 'OutOfDateConfigurationNeeded' : 'OutOfDate';
  if (!either('SWHardening')) return configuration ? 'ConfigurationNeeded' : 'UpToDate';
  return configuration ? 'ConfigurationAndSWHardeningNeeded' : 'SWHardeningNeeded';
}
