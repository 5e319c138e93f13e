/** What newer collateral makes of a platform, and what it lacks: recorded pairs, counted by hand. */
import { describe, expect, it } from 'vitest';
import { type CollateralFile, readCollateral } from '../../src/collateral/index.ts';
import { ProofCache } from '../../verifier/proof-cache.ts';
import { collateralFiles } from '../support/collateral.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import {
  fileOf,
  givenOf,
  intelTrust,
  judge,
  recordedCase,
  verify,
  withFiles,
} from '../support/intel-verify.ts';
import { madeIntel, resigned, type Statement } from '../support/made-intel.ts';
import { INTEL_TIME } from '../support/simulated-intel.ts';

if (CORPUS === null) missing('tdx', 10);

const folder = (...names: readonly string[]): readonly CollateralFile[] =>
  names.flatMap((name) => collateralFiles('tdx', `collateral/${name}`));

/** Of these there are sets of three days: evaluation 17, then 18 twice. */
const FMSPC_90C06F = ['automata-90c06f-2025-06', 'phala-90c06f-2026-02', 'ars-90c06f-2026-03'] as const;
/** And of these of two, both of evaluation 17. */
const FMSPC_00806F = ['dcaprs-00806f-2025-02', 'automata-00806f-2025-10'] as const;

describe.runIf(CORPUS !== null)('recorded pairs', () => {
  it('foresees that evaluation 18 puts out of date what 17 called up to date', async () => {
    const given = {
      ...givenOf(recordedCase('tdx_v5_90c06f_alibaba_servicetd')),
      files: folder(...FMSPC_90C06F),
    };
    const strict = { tcb: { statuses: ['UpToDate'], advisories: 'none' } };
    const { verdict } = await judge(given, { trust: intelTrust(strict) });
    // Components 2, 2, …: the one level of evaluation 17. Of 18 the second; the first asks for 3, 3.
    const then = {
      tcb_evaluation_data_number: 18,
      tcb_status: 'OutOfDate',
      advisories: ['INTEL-SA-01036', 'INTEL-SA-01079', 'INTEL-SA-01099', 'INTEL-SA-01103', 'INTEL-SA-01111'],
    };
    expect(verdict.verdict).toBe('trusted');
    expect(verdict.claims).toMatchObject({
      tcb_status: 'UpToDate',
      tcb_evaluation_data_number: 17,
      shortfall: [],
      closes: [],
    });
    expect(verdict.claims['forecast']).toMatchObject([then, then]);
    const issued = (verdict.claims['forecast'] as { issued: string }[]).map((one) => one.issued);
    expect(issued).toEqual(['2026-02-18T10:58:51Z', '2026-03-16T22:06:09Z']);
    // And so it came: the same quote in the days of those.
    const later = { ...given, at: Date.parse('2026-02-19T12:00:00Z') };
    const outage = await judge(later, { trust: intelTrust(strict) });
    expect(outage.verdict).toMatchObject({ verdict: 'rejected', code: 'TDX_TCB_OUT_OF_DATE' });
    expect(outage.verdict.claims).toMatchObject({
      tcb_status: 'OutOfDate',
      advisories: then.advisories,
      tcb_evaluation_data_number: 18,
      out_of_date_since: '2024-11-13T00:00:00Z',
      shortfall: [
        { part: 'sgx', component: 0, label: 'BIOS: Early Microcode Update', has: 2, needs: 3, short_by: 1 },
        {
          part: 'sgx',
          component: 1,
          label: 'OS/VMM: SGX Late Microcode Update',
          has: 2,
          needs: 3,
          short_by: 1,
        },
        { part: 'sgx', component: 4, has: 3, needs: 4, short_by: 1 },
        {
          part: 'tdx',
          component: 2,
          label: 'OS/VMM: TDX Late Microcode Update',
          has: 2,
          needs: 3,
          short_by: 1,
        },
        { part: 'module', component: null, label: null, has: 5, needs: 6, short_by: 1 },
      ],
      closes: then.advisories,
    });
  });

  it('foresees that others stay up to date', async () => {
    const go = { ...givenOf(recordedCase('tdx_v5_90c06f_go')), files: folder(...FMSPC_90C06F) };
    expect((await judge(go)).verdict.claims['forecast']).toEqual([
      {
        tcb_evaluation_data_number: 18,
        issued: '2026-03-16T22:06:09Z',
        tcb_status: 'UpToDate',
        advisories: [],
      },
    ]);
    const dstack = { ...givenOf(recordedCase('tdx_v4_90c06f_dstack')), files: folder(...FMSPC_90C06F) };
    expect((await judge(dstack)).verdict.claims['forecast']).toEqual([]);
  });

  it('foresees nothing new of the same evaluation', async () => {
    const files = folder(...FMSPC_00806F);
    const advisories = ['INTEL-SA-00960', 'INTEL-SA-00982', 'INTEL-SA-00986'];
    for (const [file, status, open] of [
      ['tdx_v4_00806f_gce_outofdate', 'OutOfDate', advisories],
      ['tdx_v4_00806f_azure', 'OutOfDate', advisories],
      ['tdx_v4_00806f_gcp_cos113', 'UpToDate', []],
    ] as const) {
      const given = { ...givenOf(recordedCase(file)), files };
      expect((await judge(given)).verdict.claims['forecast']).toEqual([
        {
          tcb_evaluation_data_number: 17,
          issued: '2025-10-19T17:48:50Z',
          tcb_status: status,
          advisories: open,
        },
      ]);
      const later = { ...given, at: Date.parse('2025-10-20T00:00:00Z') };
      expect((await judge(later)).verdict.claims['forecast']).toEqual([]);
    }
  });

  it('counts what the platforms of Google and Azure lack', async () => {
    const early = {
      part: 'sgx',
      component: 0,
      label: 'BIOS: Early Microcode Update',
      has: 6,
      needs: 7,
      short_by: 1,
    };
    const late = {
      part: 'sgx',
      component: 1,
      label: 'OS/VMM: SGX Late Microcode Update',
      has: 6,
      needs: 7,
      short_by: 1,
    };
    const closes = ['INTEL-SA-00960', 'INTEL-SA-00982', 'INTEL-SA-00986'];
    const gce = (await judge(givenOf(recordedCase('tdx_v4_00806f_gce_outofdate')))).verdict.claims;
    // TEE_TCB_SVN is 04 01 07: the module's 4 is enough, and so is the microcode's 7.
    expect(gce).toMatchObject({
      shortfall: [early, late],
      closes,
      out_of_date_since: '2024-03-13T00:00:00Z',
    });
    const azure = (await judge(givenOf(recordedCase('tdx_v4_00806f_azure')))).verdict.claims;
    // TEE_TCB_SVN is 02 01 06.
    expect(azure).toMatchObject({
      shortfall: [
        early,
        late,
        {
          part: 'tdx',
          component: 2,
          label: 'OS/VMM: TDX Late Microcode Update',
          has: 6,
          needs: 7,
          short_by: 1,
        },
        { part: 'module', component: null, label: null, has: 2, needs: 4, short_by: 2 },
      ],
      closes,
      out_of_date_since: '2024-03-13T00:00:00Z',
    });
    // Of a configuration that is missing, and nothing that is out of date.
    const processor = (await judge(givenOf(recordedCase('sgx_v3_00a067110000_phala')))).verdict.claims;
    expect(processor).toMatchObject({
      shortfall: [{ part: 'sgx', component: 6, has: 0, needs: 12, short_by: 12 }],
      closes: ['INTEL-SA-00289'],
      out_of_date_since: null,
    });
  });

  it('believes nothing newer that is not signed', async () => {
    const given = givenOf(recordedCase('tdx_v5_90c06f_alibaba_servicetd'));
    const newer = new TextDecoder().decode(fileOf(folder('phala-90c06f-2026-02'), 'tcb_info.json'));
    const forged = new TextEncoder().encode(
      newer.replace('"tcbEvaluationDataNumber":18', '"tcbEvaluationDataNumber":19'),
    );
    expect(new TextDecoder().decode(forged)).not.toBe(newer);
    for (const cache of [undefined, new ProofCache()]) {
      const files = withFiles(given.files, { 'forged.json': forged });
      const { verdict } = await judge({ ...given, files }, cache === undefined ? {} : { cache });
      expect([verdict.verdict, verdict.claims['forecast']]).toEqual(['authentic', []]);
    }
    // What is forged and counts today is another matter.
    const alone = withFiles(given.files, { 'tcb_info.json': forged });
    expect(
      (await judge({ ...given, files: alone, at: Date.parse('2026-02-19T12:00:00Z') })).verdict.verdict,
    ).not.toBe('authentic');
  });
});

describe('a simulated vendor', () => {
  it('foretells by the newest, and of each by the identity of its evaluation', async () => {
    const made = await madeIntel();
    const files = made.files('tdx');
    const { key } = made.pki.tcbSigner;
    const at = (days: number): string =>
      new Date(INTEL_TIME + days * 86_400_000).toISOString().replace(/\.\d+Z/, 'Z');
    const of = (
      name: string,
      number: number,
      days: number,
      change: (inner: Statement) => void = () => {},
    ): Uint8Array =>
      resigned(fileOf(files, name), key, (inner) => {
        inner['tcbEvaluationDataNumber'] = number;
        inner['issueDate'] = at(days);
        inner['nextUpdate'] = at(days + 30);
        change(inner);
      });
    const status = (word: string) => (inner: Statement) => {
      for (const level of inner['tcbLevels'] as Statement[]) level['tcbStatus'] = word;
    };
    const more = {
      'tcb-21.json': of('tcb_info.json', 21, 40),
      'tcb-22.json': of('tcb_info.json', 22, 41, status('ConfigurationNeeded')),
      // Earlier than what counts today, whatever its date.
      'tcb-19.json': of('tcb_info.json', 19, 50, status('Revoked')),
      'tcb-old.json': of('tcb_info.json', 20, -20, status('Revoked')),
      'qe-21.json': of('qe_identity.json', 21, 40),
      'qe-22.json': of('qe_identity.json', 22, 41, (inner) => {
        const [level] = inner['tcbLevels'] as [Statement];
        (inner['tcbLevels'] as Statement[]).unshift({
          ...level,
          tcb: { isvsvn: 200 },
          tcbStatus: 'UpToDate',
        });
        level['tcbStatus'] = 'OutOfDate';
      }),
    };
    const given = { quote: made.td(), files: withFiles(files, more), at: INTEL_TIME };
    const told = async (one: typeof given): Promise<readonly (readonly [number, string])[]> =>
      (await verify(one, { roots: made.pins })).claims.forecasts.map((each) => [
        each.evaluationNumber,
        each.status,
      ]);
    const expected = [
      [21, 'UpToDate'],
      [22, 'OutOfDateConfigurationNeeded'],
    ];
    expect(await told(given)).toEqual(expected);
    expect(await told({ ...given, files: given.files.toReversed() })).toEqual(expected);
    // Without an identity of evaluation 22 it is that of 21 that tells, and the number is the lower.
    expect(await told({ ...given, files: withFiles(files, { ...more, 'qe-22.json': null }) })).toEqual([
      [21, 'UpToDate'],
      [21, 'ConfigurationNeeded'],
    ]);
    // At most eight, the newest.
    const many = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`tcb-${i}.json`, of('tcb_info.json', 30 + i, 60)]),
    );
    const numbers = (await verify({ ...given, files: withFiles(files, many) }, { roots: made.pins })).claims
      .forecasts;
    expect(numbers.length).toBe(8);
    const collateral = readCollateral(withFiles(files, many));
    expect(collateral.items.filter(({ kind }) => kind === 'tcb-info').length).toBe(13);
  });
});
