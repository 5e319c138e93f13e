/** Every expectation that a trust policy can state of TDs and enclaves: met and not met by recorded quotes. */
import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { parseQuote, type SgxReport, type TdReport } from '../../src/evidence/intel/index.ts';
import {
  appraiseSgx,
  appraiseTdx,
  SGX_APPRAISE_CHECKS,
  TDX_APPRAISE_CHECKS,
} from '../../verifier/intel/index.ts';
import { readTrustPolicy } from '../../verifier/trust-policy.ts';
import { CheckLog, type Verdict } from '../../verifier/verdict.ts';
import { CORPUS, corpusBytes, missing } from '../support/corpus.ts';
import {
  givenOf,
  intelTrust,
  intelTrustJson,
  judge,
  recordedCase,
  type TrustChanges,
  verify,
  withFiles,
} from '../support/intel-verify.ts';

const SECOND = 1000;
const DAY = 86_400_000;

type Row = readonly [what: string, file: string, check: string, changes: TrustChanges, code: Code | null];

/** Values of recorded quotes. */
const bodyOf = (file: string): TdReport => parseQuote(givenOf(recordedCase(file)).quote).body as TdReport;
const enclaveOf = (file: string): SgxReport =>
  parseQuote(givenOf(recordedCase(file)).quote).body as SgxReport;

const PHALA = 'tdx_v4_b0c06f_phala';
const NEAR = 'tdx_v4_20a06f_near_gas';
const GCE = 'tdx_v4_00806f_gce_outofdate';
const AZURE = 'tdx_v4_00806f_azure';
const DEBUG = 'tdx_v4_50806f_DEBUG';
const PKS = 'tdx_v4_50806f_oasis_pks';
const NO_SEPT = 'tdx_v4_50806f_pks_nosept';
const GO = 'tdx_v5_90c06f_go';
const SERVICE = 'tdx_v5_90c06f_alibaba_servicetd';
const UNKNOWN = 'tdx_v5_notsupported';
const SGX = 'sgx_v3_00606a_automata';
const SGX_OLD = 'sgx_v3_00606a_oasis';
const SGX_PROCESSOR = 'sgx_v3_00a067110000_phala';

const ONE = '01'.repeat(48);
const GCE_ADVISORIES = ['INTEL-SA-00960', 'INTEL-SA-00982', 'INTEL-SA-00986'];

function tdxRows(): readonly Row[] {
  const [phala, near, service] = [bodyOf(PHALA), bodyOf(NEAR), bodyOf(SERVICE)];
  const tdx = (file: string, check: string, value: JsonObject, code: Code | null): Row => [
    JSON.stringify(value).slice(0, 60),
    file,
    `tdx.${check}`,
    { tdx: value },
    code,
  ];
  const rtmrs = phala.rtmrs.map(toHex) as [string, string, string, string];
  return [
    tdx(PHALA, 'mrtd', { mrtd: [toHex(phala.mrtd)] }, null),
    tdx(PHALA, 'mrtd', { mrtd: [ONE, toHex(phala.mrtd).toUpperCase()] }, null),
    tdx(PHALA, 'mrtd', { mrtd: [ONE] }, 'TDX_MEASUREMENT_MISMATCH'),
    ...rtmrs.flatMap((value, i) => [
      tdx(PHALA, 'rtmrs', { rtmrs: { [i]: [value] } }, null),
      tdx(PHALA, 'rtmrs', { rtmrs: { [i]: [ONE] } }, 'TDX_MEASUREMENT_MISMATCH'),
    ]),
    tdx(PHALA, 'rtmrs', { rtmrs: { '0': [ONE, rtmrs[0]], '1': [rtmrs[1]] } }, null),
    tdx(PHALA, 'rtmrs', { rtmrs: { '0': [rtmrs[0]], '1': [rtmrs[0]] } }, 'TDX_MEASUREMENT_MISMATCH'),
    tdx(PHALA, 'debug', { debug: 'reject' }, null),
    tdx(DEBUG, 'debug', { debug: 'reject' }, 'TDX_DEBUG_MODE'),
    tdx(GO, 'service-td', { service_td: 'none' }, null),
    tdx(PHALA, 'service-td', { service_td: 'none' }, null),
    tdx(SERVICE, 'service-td', { service_td: 'none' }, 'TDX_SERVICE_TD_BOUND'),
    tdx(SERVICE, 'service-td', { service_td: [toHex(service.mrservicetd as Uint8Array)] }, null),
    tdx(SERVICE, 'service-td', { service_td: [ONE] }, 'TDX_SERVICE_TD_BOUND'),
    tdx(NEAR, 'owner', { owner: { mrconfigid: [toHex(near.mrconfigid)] } }, null),
    tdx(NEAR, 'owner', { owner: { mrconfigid: ['00'.repeat(48)] } }, 'TDX_MEASUREMENT_MISMATCH'),
    tdx(NEAR, 'owner', { owner: { mrowner: ['00'.repeat(48)] } }, null),
    tdx(NEAR, 'owner', { owner: { mrowner: [ONE] } }, 'TDX_MEASUREMENT_MISMATCH'),
    tdx(NEAR, 'owner', { owner: { mrownerconfig: ['00'.repeat(48)] } }, null),
    tdx(
      NEAR,
      'owner',
      { owner: { mrownerconfig: [ONE], mrconfigid: [toHex(near.mrconfigid)] } },
      'TDX_MEASUREMENT_MISMATCH',
    ),
    tdx(PHALA, 'sept-ve-disable', { sept_ve_disable: 'required' }, null),
    tdx(NO_SEPT, 'sept-ve-disable', { sept_ve_disable: 'required' }, 'TDX_SEPT_VE_ENABLED'),
    tdx(AZURE, 'sept-ve-disable', { sept_ve_disable: 'required' }, 'TDX_SEPT_VE_ENABLED'),
    tdx(PKS, 'attributes', { attributes: ['PKS'] }, null),
    tdx(PKS, 'attributes', { attributes: ['MIGRATABLE', 'KL', 'PERFMON'] }, 'TDX_ATTRIBUTES_REFUSED'),
    tdx(PHALA, 'xfam', { xfam: 'e702060000000000' }, null),
    tdx(PHALA, 'xfam', { xfam: 'E702060000000000' }, null),
    tdx(PHALA, 'xfam', { xfam: 'e700060000000000' }, 'TDX_XFAM_REFUSED'),
    // As a verdict shows it.
    tdx(PHALA, 'xfam', { xfam: toHex(phala.xfam) }, null),
    tdx(PHALA, 'module', { mrseam: [toHex(phala.mrseam)] }, null),
    tdx(PHALA, 'module', { mrseam: [ONE] }, 'TDX_MEASUREMENT_MISMATCH'),
    tdx(PHALA, 'module', { min_module_isvsvn: { '1': 6 } }, null),
    tdx(PHALA, 'module', { min_module_isvsvn: { '1': 7 } }, 'TDX_MODULE_TOO_OLD'),
    tdx(PHALA, 'module', { min_module_isvsvn: { '3': 0 } }, 'TDX_MODULE_TOO_OLD'),
    tdx(GO, 'module', { min_module_isvsvn: { '1': 0, '3': 0 } }, null),
  ];
}

function commonRows(): readonly Row[] {
  const tcb = (file: string, check: string, value: JsonObject, code: Code | null): Row => [
    JSON.stringify(value).slice(0, 60),
    file,
    `${file.slice(0, 3)}.${check}`,
    { tcb: value },
    code,
  ];
  const platform = (file: string, value: JsonObject, code: Code | null): Row => [
    JSON.stringify(value),
    file,
    `${file.slice(0, 3)}.platform`,
    { tdx: { platform: value }, sgx: { platform: value } },
    code,
  ];
  const ids = (file: string, value: JsonObject, code: Code | null): Row => [
    JSON.stringify(value).slice(0, 60),
    file,
    `${file.slice(0, 3)}.hardware`,
    { ids: value },
    code,
  ];
  const pck = recordedCase(PHALA).fields['pck'] as { ppid: string; platform_instance: string };
  const processor = recordedCase(SGX_PROCESSOR).fields['pck'] as { ppid: string };
  const NONE = '00'.repeat(16);
  return [
    tcb(PHALA, 'tcb-status', { statuses: ['UpToDate'] }, null),
    tcb(PHALA, 'tcb-status', { statuses: ['OutOfDate'] }, 'TDX_TCB_REFUSED'),
    tcb(GCE, 'tcb-status', { statuses: ['UpToDate', 'OutOfDate'] }, null),
    tcb(GCE, 'tcb-status', { statuses: ['UpToDate', 'OutOfDateConfigurationNeeded'] }, 'TDX_TCB_OUT_OF_DATE'),
    tcb(UNKNOWN, 'tcb-status', {}, 'TDX_TCB_NOT_SUPPORTED'),
    tcb(SGX, 'tcb-status', { statuses: ['SWHardeningNeeded'] }, null),
    tcb(SGX, 'tcb-status', { statuses: ['UpToDate'] }, 'SGX_TCB_REFUSED'),
    tcb(SGX_OLD, 'tcb-status', { statuses: ['OutOfDate'] }, null),
    tcb(SGX_OLD, 'tcb-status', { statuses: ['UpToDate'] }, 'SGX_TCB_OUT_OF_DATE'),
    tcb(SGX_PROCESSOR, 'tcb-status', { statuses: ['ConfigurationAndSWHardeningNeeded'] }, null),
    tcb(
      SGX_PROCESSOR,
      'tcb-status',
      { statuses: ['ConfigurationNeeded', 'SWHardeningNeeded'] },
      'SGX_TCB_REFUSED',
    ),
    tcb(PHALA, 'advisories', { advisories: 'none' }, null),
    tcb(GCE, 'advisories', { advisories: 'none' }, 'TCB_ADVISORY_OPEN'),
    tcb(GCE, 'advisories', { advisories: GCE_ADVISORIES }, null),
    ...GCE_ADVISORIES.map((one) =>
      tcb(
        GCE,
        'advisories',
        { advisories: GCE_ADVISORIES.filter((other) => other !== one) },
        'TCB_ADVISORY_OPEN',
      ),
    ),
    tcb(SGX, 'advisories', { advisories: ['INTEL-SA-00615', 'INTEL-SA-00001'] }, null),
    tcb(SGX, 'advisories', { advisories: ['INTEL-SA-00616'] }, 'TCB_ADVISORY_OPEN'),
    tcb(PHALA, 'evaluation-number', { min_evaluation_number: 17 }, null),
    tcb(PHALA, 'evaluation-number', { min_evaluation_number: 18 }, 'TCB_EVALUATION_TOO_OLD'),
    tcb(SGX, 'evaluation-number', { min_evaluation_number: 1 }, null),
    tcb(SGX, 'evaluation-number', { min_evaluation_number: 65_535 }, 'TCB_EVALUATION_TOO_OLD'),
    tcb(PHALA, 'tcb-date', { min_tcb_date: '2024-03-13' }, null),
    tcb(PHALA, 'tcb-date', { min_tcb_date: '2024-03-14' }, 'TCB_DATE_TOO_OLD'),
    tcb(GCE, 'tcb-date', { min_tcb_date: '2023-08-09' }, null),
    tcb(GCE, 'tcb-date', { min_tcb_date: '2023-08-10' }, 'TCB_DATE_TOO_OLD'),
    tcb(UNKNOWN, 'tcb-date', { min_tcb_date: '2000-01-01' }, 'TCB_DATE_TOO_OLD'),
    // No day of any month: it is refused, or counts as a later one.
    tcb(GCE, 'tcb-date', { min_tcb_date: '2024-02-31' }, 'TCB_DATE_TOO_OLD'),
    tcb(PHALA, 'collateral-age', { max_collateral_age_days: 2 }, null),
    tcb(PHALA, 'collateral-age', { max_collateral_age_days: 1 }, 'COLLATERAL_TOO_OLD'),
    platform(GCE, { cached_keys: 'reject' }, null),
    platform(PHALA, { cached_keys: 'reject' }, 'PLATFORM_CONFIGURATION'),
    platform(PHALA, { smt: 'reject' }, 'PLATFORM_CONFIGURATION'),
    platform(PHALA, { dynamic_platform: 'reject' }, 'PLATFORM_CONFIGURATION'),
    // A certificate of the Processor CA does not say.
    ...['smt', 'dynamic_platform', 'cached_keys'].map((key) =>
      platform(SGX_PROCESSOR, { [key]: 'reject' }, 'PLATFORM_CONFIGURATION'),
    ),
    platform(SGX_PROCESSOR, { sgx_types: ['standard'] }, null),
    platform(SGX_PROCESSOR, { sgx_types: ['scalable', 'scalable-with-integrity'] }, 'PLATFORM_CONFIGURATION'),
    platform(PHALA, { sgx_types: ['standard', 'scalable'] }, null),
    platform(PHALA, { sgx_types: ['standard'] }, 'PLATFORM_CONFIGURATION'),
    ids(PHALA, { ppid: [NONE, pck.ppid] }, null),
    ids(PHALA, { ppid: [pck.ppid.toUpperCase()] }, null),
    ids(PHALA, { ppid: [NONE] }, 'PLATFORM_HARDWARE_MISMATCH'),
    ids(PHALA, { platform_instance: [pck.platform_instance] }, null),
    ids(PHALA, { platform_instance: [pck.ppid] }, 'PLATFORM_HARDWARE_MISMATCH'),
    ids(PHALA, { ppid: [pck.ppid], platform_instance: [pck.platform_instance] }, null),
    ids(PHALA, { ppid: [NONE], platform_instance: [pck.platform_instance] }, 'PLATFORM_HARDWARE_MISMATCH'),
    ids(PHALA, { ppid: [pck.ppid], platform_instance: [NONE] }, 'PLATFORM_HARDWARE_MISMATCH'),
    ids(PHALA, { chip_id: ['00'.repeat(64)] }, 'EXPECTATION_MISSING'),
    ids(PHALA, { chip_id: ['00'.repeat(64)], ppid: [pck.ppid] }, null),
    ids(SGX_PROCESSOR, { ppid: [processor.ppid] }, null),
    ids(SGX_PROCESSOR, { platform_instance: [NONE] }, 'PLATFORM_HARDWARE_MISMATCH'),
    ids(SGX_PROCESSOR, { csp_id: ['x'] }, 'EXPECTATION_MISSING'),
  ];
}

function sgxRows(): readonly Row[] {
  const report = enclaveOf(SGX);
  const sgx = (check: string, value: JsonObject, code: Code | null): Row => [
    JSON.stringify(value).slice(0, 60),
    SGX,
    `sgx.${check}`,
    { sgx: value },
    code,
  ];
  const other = '01'.repeat(32);
  const { isvProdId: product, isvSvn } = report;
  return [
    sgx('mrenclave', { mrenclave: [other, toHex(report.mrenclave)] }, null),
    sgx('mrenclave', { mrenclave: [other] }, 'SGX_MEASUREMENT_MISMATCH'),
    sgx('mrenclave', { mrenclave: [toHex(report.mrsigner)] }, 'SGX_MEASUREMENT_MISMATCH'),
    sgx('mrsigner', { mrsigner: [toHex(report.mrsigner).toUpperCase()] }, null),
    sgx('mrsigner', { mrsigner: [toHex(report.mrenclave)] }, 'SGX_MEASUREMENT_MISMATCH'),
    sgx('product', { isv_prod_id: [product, 7] }, null),
    sgx('product', { isv_prod_id: [product + 1] }, 'SGX_PRODUCT_MISMATCH'),
    sgx('product', { min_isv_svn: isvSvn }, null),
    sgx('product', { min_isv_svn: isvSvn + 1 }, 'SGX_PRODUCT_MISMATCH'),
    sgx('product', { isv_prod_id: [product], min_isv_svn: isvSvn + 1 }, 'SGX_PRODUCT_MISMATCH'),
    sgx('debug', { debug: 'reject' }, null),
  ];
}

const checkOf = ({ checks }: Verdict, name: string) => {
  const found = checks.find((one) => one.name === name);
  return found && [found.status, found.code];
};

if (CORPUS === null) missing('tdx', 150);
const rows = CORPUS === null ? [] : [...tdxRows(), ...sgxRows(), ...commonRows()];

describe.runIf(CORPUS !== null)('recorded quotes', () => {
  it.each(rows.map((row) => [row[1], row[2], row[0], row[4] ?? 'met', row] as const))(
    '%s: %s %s: %s',
    async (_, __, ___, ____, row) => {
      const [, file, check, changes, code] = row;
      const given = givenOf(recordedCase(file));
      const { verdict, failure } = await judge(given, { trust: intelTrust(changes) });
      expect(checkOf(verdict, check)).toEqual(code === null ? ['pass', null] : ['fail', code]);
      expect(failure?.message ?? '').not.toMatch(/undefined|NaN|\[object/);
      // Whatever else is asked for by no word is not asked for.
      const known = recordedCase(file).fields['tcb_status'] !== 'TcbNotSupported';
      const others = verdict.checks.filter(({ name, status }) => name !== check && status === 'fail');
      if (known) {
        expect(others).toEqual([]);
        expect([verdict.verdict, verdict.code]).toEqual([code === null ? 'trusted' : 'rejected', code]);
        expect(verdict.unverified).toEqual([]);
      } else expect(verdict.verdict).toBe('rejected');
    },
  );

  it('waives what the policy says in words', async () => {
    const waivedBy = async (file: string): Promise<readonly string[]> => {
      const { verdict } = await judge(givenOf(recordedCase(file)), { trust: intelTrust() });
      expect([verdict.verdict, verdict.unverified]).toEqual(['trusted', []]);
      return [...verdict.waived].sort();
    };
    const common = ['advisories', 'evaluation-number', 'hardware', 'platform', 'tcb-date'];
    const td = ['debug', 'mrtd', 'owner', 'rtmrs', 'sept-ve-disable', 'service-td', 'xfam'];
    const enclave = ['debug', 'mrenclave', 'mrsigner', 'product'];
    const named = (tee: string, own: readonly string[]): readonly string[] =>
      ['service', 'witnesses', ...[...common, ...own].map((name) => `${tee}.${name}`)].sort();
    expect(await waivedBy(PHALA)).toEqual(named('tdx', td));
    expect(await waivedBy(SGX)).toEqual(named('sgx', enclave));
  });

  it('takes what is left out for the strict answer', async () => {
    const without = async (file: string, name: string): Promise<Verdict> => {
      const json = intelTrustJson();
      const platforms = json['platforms'] as JsonObject;
      const { [name]: _, ...tdx } = platforms['tdx'] as JsonObject;
      const trust = readTrustPolicy({ ...json, platforms: { ...platforms, tdx } });
      return (await judge(givenOf(recordedCase(file)), { trust })).verdict;
    };
    expect(checkOf(await without(NO_SEPT, 'sept_ve_disable'), 'tdx.sept-ve-disable')).toEqual([
      'fail',
      'TDX_SEPT_VE_ENABLED',
    ]);
    expect(checkOf(await without(PHALA, 'sept_ve_disable'), 'tdx.sept-ve-disable')).toEqual(['pass', null]);
    expect(checkOf(await without(PKS, 'attributes'), 'tdx.attributes')).toEqual([
      'fail',
      'TDX_ATTRIBUTES_REFUSED',
    ]);
    expect(checkOf(await without(PHALA, 'attributes'), 'tdx.attributes')).toEqual(['pass', null]);
    expect(checkOf(await without(PHALA, 'xfam'), 'tdx.xfam')).toEqual(['pass', null]);
  });

  it('counts the lower of two evaluation numbers', async () => {
    const given = givenOf(recordedCase(SGX_PROCESSOR));
    const early = corpusBytes('tdx', 'tcbeval/qe_identity_eval19_early.json');
    const mixed = { ...given, files: withFiles(given.files, { 'qe_identity.json': early }) };
    for (const [least, code] of [
      [17, null],
      [18, 'TCB_EVALUATION_TOO_OLD'],
    ] as const) {
      const { verdict } = await judge(mixed, {
        trust: intelTrust({ tcb: { min_evaluation_number: least } }),
      });
      expect(verdict.claims['eval_numbers']).toEqual({ tcbInfo: 17, qeIdentity: 19 });
      expect(verdict.claims['tcb_evaluation_data_number']).toBe(17);
      expect(verdict.code).toBe(code);
    }
  });

  it.each([
    // Since 2024-03-13, when the level that it misses came into force.
    [GCE, '2024-03-13', 340, 'TDX_TCB_OUT_OF_DATE'],
    [AZURE, '2024-03-13', 340, 'TDX_TCB_OUT_OF_DATE'],
    // Three levels have come since it was current, and the first of them counts.
    [SGX_OLD, '2023-02-15', 913, 'SGX_TCB_OUT_OF_DATE'],
  ] as const)('grants %s grace to the second', async (file, since, days, code) => {
    const given = givenOf(recordedCase(file));
    const end = Date.parse(`${since}T00:00:00Z`) + days * DAY;
    const at = async (now: number, grace: number): Promise<Code | null> => {
      const trust = intelTrust({ tcb: { statuses: ['UpToDate'], grace_days: grace } });
      return (await judge({ ...given, at: now }, { trust })).verdict.code;
    };
    expect(await at(end, days)).toBe(null);
    expect(await at(end + 1, days)).toBe(code);
    expect(await at(end + SECOND, days + 1)).toBe(null);
    expect(await at(end, days - 1)).toBe(code);
    const { claims } = (await judge(given)).verdict;
    expect(claims['out_of_date_since']).toMatch(new RegExp(`^${since}T00:00:00`));
  });

  it('grants no grace for what is no missing update', async () => {
    const trust = intelTrust({ tcb: { statuses: ['UpToDate'], grace_days: 3650 } });
    expect((await judge(givenOf(recordedCase(SGX)), { trust })).verdict.code).toBe('SGX_TCB_REFUSED');
    expect((await judge(givenOf(recordedCase(SGX_PROCESSOR)), { trust })).verdict.code).toBe(
      'SGX_TCB_REFUSED',
    );
    expect((await judge(givenOf(recordedCase(UNKNOWN)), { trust })).verdict.code).toBe(
      'TDX_TCB_NOT_SUPPORTED',
    );
  });

  it('counts the age of collateral to the millisecond', async () => {
    const given = givenOf(recordedCase(PHALA));
    const trust = intelTrust({ tcb: { max_collateral_age_days: 3 } });
    // The older of the two statements.
    const issued = Date.parse('2025-06-19T10:16:03Z');
    expect((await judge({ ...given, at: issued + 3 * DAY }, { trust })).verdict.code).toBe(null);
    expect((await judge({ ...given, at: issued + 3 * DAY + 1 }, { trust })).verdict.code).toBe(
      'COLLATERAL_TOO_OLD',
    );
  });

  it('says what is short, by how much, and what an update closes', async () => {
    const trust = intelTrust({ tcb: { statuses: ['UpToDate'] } });
    const { failure } = await judge(givenOf(recordedCase(GCE)), { trust });
    expect(failure?.message).toBe(
      'the platform is OutOfDate, accepted are UpToDate: sgx[0] (BIOS: Early Microcode Update) is 6, at least 7; ' +
        'sgx[1] (OS/VMM: SGX Late Microcode Update) is 6, at least 7, ' +
        'which would close INTEL-SA-00960, INTEL-SA-00982, INTEL-SA-00986',
    );
  });

  it('needs an expectation for the platform', async () => {
    const json = intelTrustJson();
    const { tdx, sgx } = json['platforms'] as JsonObject;
    for (const [file, platforms] of [
      [PHALA, { sgx }],
      [SGX, { tdx }],
    ] as const) {
      const trust = readTrustPolicy({ ...json, platforms } as JsonObject);
      const { verdict } = await judge(givenOf(recordedCase(file)), { trust });
      expect(verdict).toMatchObject({ verdict: 'rejected', code: 'PLATFORM_NOT_ACCEPTED' });
    }
  });

  it('needs the lists even of who asks for no revocation', async () => {
    const given = givenOf(recordedCase(PHALA));
    const trust = readTrustPolicy({ ...intelTrustJson(), revocation: 'any' });
    expect((await judge(given, { trust })).verdict.verdict).toBe('trusted');
    const bare = { ...given, files: withFiles(given.files, { 'pck_crl.der': null }) };
    expect((await judge(bare, { trust })).verdict).toMatchObject({
      verdict: 'undetermined',
      code: 'COLLATERAL_MISSING',
    });
  });

  it('takes a forgotten expectation for an error, from plain JavaScript too', async () => {
    const td = await verify(givenOf(recordedCase(PHALA)));
    const enclave = await verify(givenOf(recordedCase(SGX)));
    const platforms = intelTrust().platforms as Required<ReturnType<typeof intelTrust>['platforms']>;
    const common = { hardware: 'any', revocation: 'required' } as const;
    const tdx = { ...platforms.tdx, ...common };
    const sgx = { ...platforms.sgx, ...common };
    const logs = () => [new CheckLog(TDX_APPRAISE_CHECKS), new CheckLog(SGX_APPRAISE_CHECKS)] as const;
    appraiseTdx(td, tdx, logs()[0]);
    appraiseSgx(enclave, sgx, logs()[1]);
    for (const name of ['mrtd', 'rtmrs', 'debug', 'service_td', 'owner', 'tcb', 'platform', 'hardware'])
      expect(() => appraiseTdx(td, { ...tdx, [name]: undefined } as never, logs()[0])).toFailWith(
        'EXPECTATION_MISSING',
      );
    for (const name of [
      'mrenclave',
      'mrsigner',
      'isv_prod_id',
      'min_isv_svn',
      'debug',
      'tcb',
      'platform',
      'hardware',
    ])
      expect(() => appraiseSgx(enclave, { ...sgx, [name]: undefined } as never, logs()[1])).toFailWith(
        'EXPECTATION_MISSING',
      );
    expect(() => appraiseTdx(td, undefined as never, logs()[0])).toFailWith('EXPECTATION_MISSING');
    expect(() => appraiseSgx(enclave, undefined as never, logs()[1])).toFailWith('EXPECTATION_MISSING');
    // Only the word of the waiver is one.
    const debug = await verify(givenOf(recordedCase(DEBUG)));
    expect(() => appraiseTdx(debug, { ...tdx, debug: 'yes' } as never, logs()[0])).toFailWith(
      'TDX_DEBUG_MODE',
    );
    const lax = await verify(givenOf(recordedCase(AZURE)));
    expect(() => appraiseTdx(lax, { ...tdx, sept_ve_disable: 'no' } as never, logs()[0])).toFailWith(
      'TDX_SEPT_VE_ENABLED',
    );
  });
});
