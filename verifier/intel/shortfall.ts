/**
 * Why a platform is not up to date, in numbers: which version falls short of the best level by how much, which
 * advisories that level would close, and since when it has existed.
 */
import type { Millis } from '../../src/base/clock.ts';
import type { QeIdentity, TcbInfo, TcbStatus } from '../../src/collateral/index.ts';
import {
  descending,
  firstTdxComponent,
  moduleIdentityOf,
  type PartLevel,
  type PlatformLevel,
  type PlatformVersions,
  type TcbEvaluation,
} from './tcb.ts';

export interface TcbShortfall {
  readonly part: 'sgx' | 'tdx' | 'pce' | 'module' | 'qe';
  /** Which of the 16 components, where the part has them. */
  readonly component: number | null;
  /** What Intel calls it: which update raises it. */
  readonly label: string | null;
  readonly has: number;
  readonly needs: number;
}

export interface TcbExplanation {
  readonly shortfalls: readonly TcbShortfall[];
  /** Advisories that apply now and would not at the best levels. */
  readonly closes: readonly string[];
  /** When the first of the levels that are missed came into force; null when none is missed. */
  readonly since: Millis | null;
}

/** From the best to the worst that a level can say of itself. */
const RANK: readonly TcbStatus[] = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
];

interface Missed {
  readonly shortfalls: readonly TcbShortfall[];
  /** Null when nothing newer than its own level is missed, or it has none. */
  readonly since: Millis | null;
}

export function explainTcb(
  versions: PlatformVersions,
  evaluation: TcbEvaluation,
  info: TcbInfo,
  identity: QeIdentity,
): TcbExplanation {
  const missed = [
    missedPlatform(versions, evaluation, info),
    missedLevel('module', versions.teeTcbSvn?.[0] ?? 0, evaluation.module, moduleLevels(versions, info)),
    missedLevel('qe', versions.qeIsvSvn, evaluation.qe, identity.tcbLevels),
  ].filter((one): one is Missed => one !== null && one.shortfalls.length > 0);
  const { platform, module, qe } = evaluation;
  const dates = missed.map(({ since }) => since).filter((since) => since !== null);
  const best = new Set([
    ...(bestOf<PlatformLevel>(descending(info.tcbLevels))?.advisories ?? []),
    ...(bestOf<ModuleLevel>(moduleLevels(versions, info))?.advisories ?? []),
    ...(bestOf<ModuleLevel>(identity.tcbLevels)?.advisories ?? []),
  ]);
  const now = new Set([platform, module, qe].flatMap((part) => part?.advisories ?? []));
  return Object.freeze({
    shortfalls: Object.freeze(missed.flatMap(({ shortfalls }) => shortfalls)),
    closes: Object.freeze(
      missed.length === 0 ? [] : [...now].filter((advisory) => !best.has(advisory)).sort(),
    ),
    since: dates.length === 0 ? null : Math.min(...dates),
  });
}

/** The best level; of several the lowest, because it is the nearest. */
function bestOf<Level extends { readonly status: TcbStatus }>(levels: readonly Level[]): Level | null {
  let best: Level | null = null;
  for (const level of levels)
    if (best === null || RANK.indexOf(level.status) <= RANK.indexOf(best.status)) best = level;
  return best;
}

function missedPlatform(
  versions: PlatformVersions,
  { platform }: TcbEvaluation,
  info: TcbInfo,
): Missed | null {
  const best = bestOf(descending(info.tcbLevels));
  if (best === null || (platform !== null && RANK.indexOf(platform.status) <= RANK.indexOf(best.status)))
    return null;
  const missed = info.tcbLevels.filter((level) => shortOf(versions, level, info).length > 0);
  return { shortfalls: shortOf(versions, best, info), since: firstAfter(platform, missed) };
}

/** When the first of the levels that are missed came into force: a newer one does not make the older less missed. */
function firstAfter(own: PartLevel | null, missed: readonly PartLevel[]): Millis | null {
  if (own === null) return null;
  const later = missed.map(({ tcbDate }) => tcbDate).filter((date) => date > own.tcbDate);
  return later.length === 0 ? null : Math.min(...later);
}

function shortOf(versions: PlatformVersions, best: PlatformLevel, info: TcbInfo): readonly TcbShortfall[] {
  const { components, pceSvn, teeTcbSvn } = versions;
  const found: TcbShortfall[] = [];
  const compare = (part: 'sgx' | 'tdx', component: number, has: number, needs: number): void => {
    const labels = part === 'sgx' ? info.sgxLabels : info.tdxLabels;
    if (has < needs) found.push({ part, component, label: labels[component] ?? null, has, needs });
  };
  best.sgx.forEach((needs, i) => compare('sgx', i, components[i] as number, needs));
  if (pceSvn < best.pcesvn)
    found.push({ part: 'pce', component: null, label: null, has: pceSvn, needs: best.pcesvn });
  if (teeTcbSvn !== null)
    for (let i = firstTdxComponent(teeTcbSvn); i < 16; i++)
      compare('tdx', i, teeTcbSvn[i] as number, best.tdx?.[i] ?? 0);
  return found;
}

function moduleLevels({ teeTcbSvn }: PlatformVersions, info: TcbInfo): readonly ModuleLevel[] {
  if (teeTcbSvn === null || (teeTcbSvn[1] as number) === 0) return [];
  return moduleIdentityOf(teeTcbSvn, info)?.tcbLevels ?? [];
}

type ModuleLevel = QeIdentity['tcbLevels'][number];

function missedLevel(
  part: 'module' | 'qe',
  has: number,
  own: PartLevel | null,
  levels: readonly ModuleLevel[],
): Missed | null {
  const best = bestOf(levels.toSorted((a, b) => b.isvsvn - a.isvsvn));
  if (best === null || has >= best.isvsvn) return null;
  return {
    shortfalls: [{ part, component: null, label: null, has, needs: best.isvsvn }],
    since: firstAfter(
      own,
      levels.filter(({ isvsvn }) => isvsvn > has),
    ),
  };
}
