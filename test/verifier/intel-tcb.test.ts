/** The level of Intel's trusted computing base: cases as data, and a second implementation for the rest. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTime } from '../../src/base/clock.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import {
  type QeIdentity,
  readQeIdentity,
  readTcbInfo,
  type TcbInfo,
  type TcbStatus,
} from '../../src/collateral/index.ts';
import { explainTcb } from '../../verifier/intel/shortfall.ts';
import {
  advisesRelaunch,
  type ConvergedStatus,
  descending,
  evaluateTcb,
  moduleIdentityOf,
  type PlatformVersions,
  type TcbEvaluation,
} from '../../verifier/intel/tcb.ts';
import { vectors } from '../support/vectors.ts';

interface Level {
  readonly sgx: readonly number[];
  readonly pce: number;
  readonly tdx?: readonly number[];
  readonly status: TcbStatus;
  readonly date: string;
  readonly advisories?: readonly string[];
}

interface PartLevel {
  readonly svn: number;
  readonly status: string;
  readonly date: string;
  readonly advisories?: readonly string[];
}

interface Case {
  readonly name: string;
  readonly tee: 'sgx' | 'tdx';
  readonly platform: {
    readonly sgx: readonly number[];
    readonly pce: number;
    readonly tdx?: readonly number[];
    readonly qe: number;
  };
  readonly levels: readonly Level[];
  readonly modules?: readonly { readonly id: string; readonly levels: readonly PartLevel[] }[];
  readonly qe: readonly PartLevel[];
  readonly expect: {
    readonly status: ConvergedStatus;
    readonly date: string | null;
    readonly advisories: readonly string[];
    readonly parts: Readonly<Record<'platform' | 'module' | 'qe', string | null>>;
  };
}

const file = vectors<Case>('tcb-evaluate.json') as unknown as {
  readonly cases: readonly Case[];
  readonly converge: readonly (readonly [TcbStatus, string | null, string, TcbStatus])[];
  readonly relaunch: readonly (readonly ConvergedStatus[])[];
};

const padded = (svns: readonly number[]): readonly number[] =>
  Array.from({ length: 16 }, (_, i) => svns[i] ?? 0);
const components = (svns: readonly number[]): JsonObject[] => padded(svns).map((svn) => ({ svn }));
const ISSUED = { issueDate: '2025-01-01T00:00:00Z', nextUpdate: '2025-01-31T00:00:00Z' };
const SIGNER = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'ff'.repeat(8) };

const judged = ({ status, date, advisories }: Omit<PartLevel, 'svn'>): JsonObject => ({
  tcbDate: `${date}T00:00:00Z`,
  tcbStatus: status,
  ...(advisories === undefined ? {} : { advisoryIDs: [...advisories] }),
});
const partLevels = (levels: readonly PartLevel[]): JsonObject[] =>
  levels.map(({ svn, ...rest }) => ({ tcb: { isvsvn: svn }, ...judged(rest) }));

/** By the readers of what Intel serves, so that no field is one that they could not give. */
function infoOf({ tee, levels, modules }: Pick<Case, 'tee' | 'levels' | 'modules'>): TcbInfo {
  const tdx = tee === 'tdx';
  return readTcbInfo(
    {
      id: tee.toUpperCase(),
      version: 3,
      ...ISSUED,
      fmspc: '000000000000',
      pceId: '0000',
      tcbType: 0,
      tcbEvaluationDataNumber: 18,
      ...(tdx ? { tdxModule: SIGNER } : {}),
      ...(modules === undefined
        ? {}
        : {
            tdxModuleIdentities: modules.map((one) => ({
              id: one.id,
              ...SIGNER,
              tcbLevels: partLevels(one.levels),
            })),
          }),
      tcbLevels: levels.map(({ sgx, pce, tdx: tdxSvns, ...rest }) => ({
        tcb: {
          sgxtcbcomponents: components(sgx),
          pcesvn: pce,
          ...(tdx ? { tdxtcbcomponents: components(tdxSvns ?? []) } : {}),
        },
        ...judged(rest),
      })),
    },
    'info',
  );
}

const identityOf = (levels: readonly PartLevel[]): QeIdentity =>
  readQeIdentity(
    {
      id: 'TD_QE',
      version: 2,
      ...ISSUED,
      tcbEvaluationDataNumber: 18,
      miscselect: '00000000',
      miscselectMask: 'ffffffff',
      attributes: '00'.repeat(16),
      attributesMask: '00'.repeat(16),
      mrsigner: '00'.repeat(32),
      isvprodid: 2,
      tcbLevels: partLevels(levels),
    },
    'identity',
  );

const versionsOf = ({ sgx, pce, tdx, qe }: Case['platform']): PlatformVersions => ({
  components: padded(sgx),
  pceSvn: pce,
  teeTcbSvn: tdx === undefined ? null : Uint8Array.from(padded(tdx)),
  qeIsvSvn: qe,
});

const shown = ({ status, tcbDate, advisories, platform, module, qe }: TcbEvaluation): Case['expect'] => ({
  status,
  date: tcbDate === null ? null : formatTime(tcbDate).slice(0, 10),
  advisories,
  parts: {
    platform: platform?.status ?? null,
    module: module?.status ?? null,
    qe: qe?.status ?? null,
  },
});

const evaluated = (one: Case): TcbEvaluation =>
  evaluateTcb(versionsOf(one.platform), infoOf(one), identityOf(one.qe));

describe('levels', () => {
  it.each(file.cases.map((one) => [one.name, one] as const))('%s', (_, one) => {
    expect(shown(evaluated(one))).toEqual(one.expect);
  });

  it('are those of the SGX components of version 2 too', () => {
    const tcb = Object.fromEntries(
      padded([3, 3]).map((svn, i) => [`sgxtcbcomp${String(i + 1).padStart(2, '0')}svn`, svn]),
    );
    const level = { tcb: { ...tcb, pcesvn: 13 }, ...judged({ status: 'OutOfDate', date: '2024-03-13' }) };
    const common = {
      ...ISSUED,
      fmspc: '000000000000',
      pceId: '0000',
      tcbType: 0,
      tcbEvaluationDataNumber: 7,
    };
    const info = readTcbInfo({ version: 2, ...common, tcbLevels: [level] }, 'info');
    const identity = identityOf([{ svn: 1, status: 'UpToDate', date: '2024-03-13' }]);
    const versions = { sgx: [3, 3], pce: 13, qe: 1 };
    expect(evaluateTcb(versionsOf(versions), info, identity).status).toBe('OutOfDate');
    const short = { ...versions, sgx: [3, 2] };
    expect(evaluateTcb(versionsOf(short), info, identity).status).toBe('TcbNotSupported');
    // TCB info of SGX says nothing of a TD.
    const td = { ...versions, tdx: [5, 0, 3] };
    expect(evaluateTcb(versionsOf(td), info, identity).status).toBe('TcbNotSupported');
  });
});

describe('convergence', () => {
  it.each(file.converge)('platform %s, module %s, QE %s: %s', (platform, module, qe, status) => {
    const levels = [{ sgx: [1], pce: 1, status: platform, date: '2024-03-13' }];
    const modules =
      module === null ? [] : [{ id: 'TDX_01', levels: [{ svn: 1, status: module, date: '2024-03-13' }] }];
    const found = evaluated({
      name: '',
      tee: 'tdx',
      platform: { sgx: [1], pce: 1, tdx: [1, modules.length], qe: 1 },
      levels,
      ...(modules.length === 0 ? {} : { modules }),
      qe: [{ svn: 1, status: qe, date: '2024-03-13' }],
    } as unknown as Case);
    expect([found.platform?.status, found.module?.status ?? null, found.qe?.status]).toEqual([
      platform,
      module,
      qe,
    ]);
    expect(found.status).toBe(status);
  });

  it('has all of them', () => {
    expect(file.converge.length).toBe(7 * 4 * 3);
    expect(file.relaunch.length).toBe(8 * 8);
    expect(new Set(file.relaunch.map(([launch, current]) => `${launch} ${current}`)).size).toBe(64);
  });
});

describe('relaunch', () => {
  it.each(file.relaunch)('launched %s, now %s: %s of Intel, here %s', (launch, current, intel, ours) => {
    const found = advisesRelaunch(launch as ConvergedStatus, current as ConvergedStatus);
    expect(found).toBe(ours);
    // Never better than what Intel's library says, and the same where both parts are of one status.
    expect(worth(found)).toBeGreaterThanOrEqual(worth(intel as ConvergedStatus));
    if (launch === current) expect(found).toBe(intel);
  });
});

const ORDER: readonly ConvergedStatus[] = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'TDRelaunchAdvised',
  'TDRelaunchAdvisedConfigurationNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
  'TcbNotSupported',
];
const worth = (status: ConvergedStatus): number => ORDER.indexOf(status);

const svn = fc.integer({ min: 0, max: 3 });
const svns = fc.array(svn, { maxLength: 4 });
const date = fc.constantFrom('2018-01-04', '2022-08-10', '2023-08-09', '2024-03-13', '2024-11-13');
const advisories = fc.uniqueArray(fc.constantFrom('INTEL-SA-00001', 'INTEL-SA-00002', 'INTEL-SA-00003'), {
  maxLength: 2,
});
const status = fc.constantFrom<TcbStatus>(...(ORDER.filter((one) => !/TD|Not/.test(one)) as TcbStatus[]));
const partLevel = fc.record({
  svn: fc.integer({ min: 0, max: 3 }),
  status: fc.constantFrom('UpToDate', 'OutOfDate', 'Revoked'),
  date,
  advisories,
});
const parts = fc.uniqueArray(partLevel, { minLength: 1, maxLength: 4, selector: (one) => one.svn });
const anyCase = fc.record({
  tee: fc.constantFrom<'sgx' | 'tdx'>('sgx', 'tdx'),
  platform: fc.record({ sgx: svns, pce: svn, tdx: svns, qe: svn }),
  levels: fc.uniqueArray(fc.record({ sgx: svns, pce: svn, tdx: svns, status, date, advisories }), {
    minLength: 1,
    maxLength: 6,
    selector: (one) => JSON.stringify([padded(one.sgx), one.pce, padded(one.tdx)]),
  }),
  modules: fc.uniqueArray(fc.record({ id: fc.constantFrom('TDX_01', 'tdx_02', 'TDX_03'), levels: parts }), {
    minLength: 1,
    maxLength: 3,
    selector: (one) => one.id,
  }),
  qe: parts,
});
type Any = typeof anyCase extends fc.Arbitrary<infer T> ? T : never;

const versionsIn = (one: Level): string => JSON.stringify([padded(one.sgx), one.pce]);

const normal = ({ platform, modules, ...one }: Any): Case => {
  if (one.tee === 'tdx') return { ...one, name: '', platform, modules } as unknown as Case;
  const { tdx: _, ...rest } = platform;
  // Intel's library takes no two levels of the same versions.
  const levels = one.levels.filter(
    (level, i) => one.levels.findIndex((other) => versionsIn(other) === versionsIn(level)) === i,
  );
  return { ...one, name: '', platform: rest, levels } as unknown as Case;
};

/** Intel's algorithm once more, in the words of its documentation: a list of steps over texts that sort. */
function secondOpinion({ tee, platform, levels, modules = [], qe }: Case): Case['expect'] {
  const text = (one: Level): string =>
    [...padded(one.sgx), one.pce, ...padded(tee === 'tdx' ? (one.tdx ?? []) : [])]
      .map((value) => String(value).padStart(5, '0'))
      .join('.');
  const all = (has: readonly number[], needs: readonly number[], from: number): boolean =>
    padded(needs)
      .slice(from)
      .every((need, i) => need <= (padded(has)[i + from] as number));
  const version = platform.tdx === undefined ? 0 : (padded(platform.tdx)[1] as number);
  const ordered = [...levels].sort((a, b) => (text(a) > text(b) ? -1 : 1));
  const level = ordered.find(
    (one) =>
      all(platform.sgx, one.sgx, 0) &&
      platform.pce >= one.pce &&
      (tee === 'sgx' || all(platform.tdx ?? [], one.tdx ?? [], version > 0 ? 2 : 0)),
  );
  const highest = (own: readonly PartLevel[], has: number): PartLevel | undefined =>
    [...own].sort((a, b) => b.svn - a.svn).find((one) => one.svn <= has);
  const name = `TDX_0${version}`;
  const own = modules.find(({ id }) => id.toUpperCase() === name)?.levels ?? [];
  const module = version > 0 ? highest(own, padded(platform.tdx ?? [])[0] as number) : undefined;
  const enclave = highest(qe, platform.qe);
  const statuses = {
    platform: level?.status ?? null,
    module: module?.status ?? null,
    qe: enclave?.status ?? null,
  };
  const used = [level, version > 0 ? module : 'none', enclave].filter((one) => one !== 'none');
  if (used.includes(undefined))
    return { status: 'TcbNotSupported', date: null, advisories: [], parts: statuses };
  const present = used as readonly (Level | PartLevel)[];
  const others = present.slice(1).map((one) => one.status);
  let result = (level as Level).status;
  if (others.includes('OutOfDate') && ['UpToDate', 'SWHardeningNeeded'].includes(result))
    result = 'OutOfDate';
  if (others.includes('OutOfDate') && result.startsWith('Configuration'))
    result = 'OutOfDateConfigurationNeeded';
  if (others.includes('Revoked')) result = 'Revoked';
  return {
    status: result,
    date: present.map((one) => one.date).sort()[0] as string,
    advisories: [...new Set(present.flatMap((one) => one.advisories ?? []))].sort(),
    parts: statuses,
  };
}

describe('a second implementation', () => {
  it('finds the same', () => {
    let [found, none] = [0, 0];
    fc.assert(
      fc.property(anyCase.map(normal), (one) => {
        const evaluation = shown(evaluated(one));
        expect(evaluation).toEqual(secondOpinion(one));
        if (evaluation.status === 'TcbNotSupported') none++;
        else found++;
      }),
      { numRuns: 3000 },
    );
    // Both kinds come about, so that neither is vacuous.
    expect(Math.min(found, none)).toBeGreaterThan(100);
  });

  it('finds the same of levels in any order', () => {
    fc.assert(
      fc.property(
        anyCase
          .map(normal)
          .chain((one) =>
            fc.tuple(
              fc.constant(one),
              fc.shuffledSubarray([...one.levels], { minLength: one.levels.length }),
              fc.shuffledSubarray([...one.qe], { minLength: one.qe.length }),
            ),
          ),
        ([one, levels, qe]) => {
          expect(shown(evaluated({ ...one, levels, qe }))).toEqual(shown(evaluated(one)));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('explains what falls short, and nothing else', () => {
    fc.assert(
      fc.property(anyCase.map(normal), (one) => {
        const [versions, info, identity] = [versionsOf(one.platform), infoOf(one), identityOf(one.qe)];
        const evaluation = evaluateTcb(versions, info, identity);
        const { shortfalls, closes, since } = explainTcb(versions, evaluation, info, identity);
        for (const { part, component, has, needs } of shortfalls) {
          expect(has).toBeLessThan(needs);
          if (part === 'sgx') expect(has).toBe(versions.components[component as number]);
          if (part === 'tdx') expect(has).toBe(versions.teeTcbSvn?.[component as number]);
        }
        const { platform, module, qe } = evaluation;
        const open = [platform, module, qe].flatMap((part) => part?.advisories ?? []);
        expect(closes.filter((advisory) => !open.includes(advisory))).toEqual([]);
        if (shortfalls.length === 0) expect([closes, since]).toEqual([[], null]);
        // Nothing is short of a platform that is up to date, and no date lies before its own.
        if (evaluation.status === 'UpToDate') expect(shortfalls).toEqual([]);
        if (since !== null && evaluation.tcbDate !== null) expect(since).toBeGreaterThan(evaluation.tcbDate);
      }),
      { numRuns: 1000 },
    );
  });

  it('sorts no list that is sorted', () => {
    const one = file.cases.find(({ levels }) => levels.length > 1) as Case;
    const { tcbLevels } = infoOf(one);
    expect(descending(tcbLevels)).toBe(tcbLevels);
    expect(descending(tcbLevels.toReversed())).toEqual(tcbLevels);
    expect(moduleIdentityOf(Uint8Array.of(1, 255), infoOf(one))).toBe(null);
  });
});
