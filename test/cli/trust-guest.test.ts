/** `assay trust` for TDX, SGX and SEV-SNP: what measurements and words make of a policy, and how people read it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { assay, type CliResult } from '../support/cli.ts';
import { scratch } from '../support/images.ts';

const { folder, file } = scratch('trust-guest');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const words = (text: string): readonly string[] => text.split(' ');
const hex = (byte: string, size: number): string => byte.repeat(size);
const LEVELS = '--min-evaluation-number any --min-tcb-date 2024-03-13 --grace-days none';
/** What the author of a policy of Intel's platforms must say, whatever the measurements. */
const INTEL = words(`--any-service --any-hardware --any platform ${LEVELS}`);
const SNP = words('--any-service --any-hardware --any id_key --any host_data');
const TCB = {
  statuses: ['UpToDate'],
  advisories: 'none',
  min_evaluation_number: 'any',
  min_tcb_date: '2024-03-13',
  grace_days: 'none',
};
const TD = { MRTD: hex('AB', 48), RTMR1: hex('cd', 48), MROWNER: hex('00', 48) };
const ENCLAVE = { MRENCLAVE: hex('01', 32), MRSIGNER: hex('02', 32), ISVPRODID: 3, ISVSVN: 4 };
const GUEST = { HashAlgorithm: 'Sha384 { ... }', Measurement: hex('B0', 48) };

const measured = (values: object, name = 'measurements.json'): string =>
  file(name, JSON.stringify({ Measurements: values }));
const init = (...args: readonly string[]): Promise<CliResult> => assay(['trust', 'init', ...args]);

describe('trust init from measurements', () => {
  it('makes the strict policy of a TD', async () => {
    const made = await init(measured(TD), '--platform', 'tdx', ...INTEL);
    expect([made.status, made.err]).toEqual([0, '']);
    expect(made.json()).toEqual({
      version: 1,
      service: 'any',
      hardware: { ids: 'any' },
      platforms: {
        tdx: {
          mrtd: [hex('ab', 48)],
          rtmrs: { '1': [hex('cd', 48)] },
          debug: 'reject',
          service_td: 'none',
          owner: { mrowner: [hex('00', 48)] },
          tcb: TCB,
          platform: 'any',
        },
      },
      freshness: { max_age_seconds: 300, nonce: 'quote' },
      revocation: 'required',
      simulated: 'reject',
      witnesses: 'none',
    });
  });

  it('takes what is said beside it', async () => {
    const said = [
      '--tcb-status UpToDate --tcb-status SWHardeningNeeded --advisory INTEL-SA-00615',
      '--min-evaluation-number 18 --min-tcb-date any --grace-days 30 --smt reject --cached-keys any',
      `--service-td ${hex('11', 48)} --td-attribute PKS --any owner --any xfam --any sept_ve_disable`,
      '--any revocation --any-hardware --any-service --max-age any --challenge quote',
      `--simulated-root sim.x=${hex('22', 32)}`,
    ].join(' ');
    expect((await init(measured(TD), ...words(said))).json()).toMatchObject({
      platforms: {
        tdx: {
          service_td: [hex('11', 48)],
          owner: 'any',
          tcb: {
            statuses: ['UpToDate', 'SWHardeningNeeded'],
            advisories: ['INTEL-SA-00615'],
            min_evaluation_number: 18,
            min_tcb_date: 'any',
            grace_days: 30,
          },
          platform: { smt: 'reject', cached_keys: 'any' },
          attributes: ['PKS'],
          xfam: 'any',
          sept_ve_disable: 'any',
        },
      },
      freshness: { max_age_seconds: 'any', nonce: 'quote' },
      revocation: 'any',
      simulated: { roots: [{ platform: 'tdx', name: 'sim.x' }] },
    });
  });

  it('makes that of an enclave', async () => {
    expect((await init(measured(ENCLAVE), ...INTEL, '--advisory', 'any')).json()['platforms']).toEqual({
      sgx: {
        mrenclave: [hex('01', 32)],
        mrsigner: [hex('02', 32)],
        isv_prod_id: [3],
        min_isv_svn: 4,
        debug: 'reject',
        tcb: { ...TCB, advisories: 'any' },
        platform: 'any',
      },
    });
  });

  it('makes that of a guest of SEV-SNP, from what image measure prints', async () => {
    const printed = { Measurements: GUEST, Launch: { Platform: 'snp', Vcpus: 4 } };
    const path = file('launch.json', JSON.stringify(printed));
    const least = words('--min-tcb Milan:bootloader=4,tee=0,snp=24,microcode=219 --vmpl 1 --vmpl 0');
    expect((await init(path, ...SNP, ...least, '--platform', 'snp')).json()['platforms']).toEqual({
      snp: {
        measurement: [hex('b0', 48)],
        debug: 'reject',
        vmpl: [1, 0],
        tcb: {
          minimum: { Milan: { bootloader: 4, tee: 0, snp: 24, microcode: 219 } },
          provisional_firmware: 'reject',
        },
        milan_vcek: 'reject',
        id_key: 'any',
        host_data: 'any',
      },
    });
    const keys = words(`--id-key ${hex('07', 48)} --host-data ${hex('08', 32)} --milan-vcek allow`);
    const open = words('--any tcb.minimum --any vmpl --any alias_check --any-service --any-hardware');
    expect((await init(path, ...keys, ...open)).json()['platforms']).toMatchObject({
      snp: {
        vmpl: 'any',
        tcb: { minimum: 'any' },
        milan_vcek: 'allow',
        id_key: [hex('07', 48)],
        host_data: [hex('08', 32)],
        alias_check: 'any',
      },
    });
  });

  it('says all that is not stated, at once', async () => {
    const enclave = await init(measured({ MRENCLAVE: hex('01', 32) }), '--any-service');
    expect([enclave.status, enclave.err]).toEqual([
      2,
      'assay: EXPECTATION_MISSING: not stated: ' +
        'platforms.sgx.mrsigner (measurements or --any mrsigner); ' +
        'platforms.sgx.isv_prod_id (measurements or --any isv_prod_id); ' +
        'platforms.sgx.min_isv_svn (measurements or --any min_isv_svn); ' +
        'platforms.sgx.tcb.min_evaluation_number (--min-evaluation-number N or any); ' +
        'platforms.sgx.tcb.min_tcb_date (--min-tcb-date DATE or any); ' +
        'platforms.sgx.tcb.grace_days (--grace-days N or none); ' +
        'platforms.sgx.platform (--smt, --dynamic-platform or --cached-keys or --any platform); ' +
        'hardware.ids (--pin-hardware or --any-hardware); ' +
        'State it, or waive it aloud with "any", "allow" or "none" where the schema permits that\n',
    ]);
    expect((await init(measured({ MRTD: hex('01', 48) }), ...INTEL)).err).toContain('platforms.tdx.rtmrs (');
    const guest = await init(measured(GUEST), '--any-service');
    for (const key of ['tcb.minimum', 'id_key', 'host_data'])
      expect(guest.err).toContain(`platforms.snp.${key} (`);
    expect((await init(measured(TD), ...INTEL.slice(1))).err).toContain('the origin is not known');
  });

  it('refuses what would be taken and mean nothing', async () => {
    const [tdx, snp] = [measured(TD), measured(GUEST, 'snp.json')];
    const nitro = measured({ PCR0: hex('ab', 48) }, 'nitro.json');
    const two = measured({ MRTD: hex('01', 48), Measurement: hex('01', 48) }, 'two.json');
    const mixed = measured({ MRTD: hex('01', 48), PCR0: hex('01', 48) }, 'mixed.json');
    const number = measured({ MRTD: 1 }, 'number.json');
    const text = measured({ MRENCLAVE: hex('01', 32), ISVSVN: '1' }, 'text.json');
    const short = measured({ ...TD, MRTD: 'ab' }, 'short.json');
    const intel = INTEL.join(' ');
    const pinned = intel.replace('--any-hardware', '--pin-hardware');
    const cases: readonly (readonly [code: string, line: string])[] = [
      ['USAGE', `${tdx} ${intel} --vmpl 0`],
      ['USAGE', `${snp} ${SNP.join(' ')} --advisory any`],
      ['USAGE', `${nitro} --any-service --any mrtd`],
      ['USAGE', `${nitro} --any-service --pin-hardware`],
      ['USAGE', `${tdx} ${intel} --any debug`],
      ['USAGE', `${tdx} ${intel} --any measurement`],
      ['USAGE', `${tdx} ${intel} --pin-hardware`],
      ['USAGE', `${tdx} ${pinned}`],
      ['USAGE', `${tdx} ${intel} --grace-days any`],
      ['USAGE', `${tdx} ${intel} --max-age soon`],
      ['USAGE', `${tdx} ${intel} --collateral ${folder}`],
      ['USAGE', `${tdx} ${intel} --trust-on-first-use`],
      ['USAGE', `${snp} ${SNP.join(' ')} --vmpl 4`],
      ['USAGE', `${snp} ${SNP.join(' ')} --min-tcb Milan`],
      ['USAGE', `${snp} ${SNP.join(' ')} --from ${snp}`],
      ['USAGE', '--any-service'],
      ['PLATFORM_UNKNOWN', `${tdx} ${intel} --platform snp`],
      ['JSON_SHAPE', `${two} ${intel}`],
      ['JSON_SHAPE', `${mixed} ${intel}`],
      ['JSON_SHAPE', `${number} ${intel}`],
      ['JSON_SHAPE', `${text} ${intel}`],
      ['TRUST_POLICY_INVALID', `${short} ${intel}`],
      ['TRUST_POLICY_INVALID', `${tdx} ${intel} --tcb-status Revoked`],
      ['TRUST_POLICY_INVALID', `${tdx} ${intel} --min-tcb-date 2024-13-01`],
      ['TRUST_POLICY_INVALID', `${tdx} ${intel} --challenge sometimes`],
      ['TRUST_KEY_UNKNOWN', `${snp} ${SNP.join(' ')} --min-tcb Venice:bootloader=1,tee=0,snp=1,microcode=1`],
      ['EXPECTATION_MISSING', `${snp} ${SNP.join(' ')} --min-tcb Turin:bootloader=1,tee=0,snp=1,microcode=1`],
    ];
    for (const [code, line] of cases) {
      const { status, err } = await init(...words(line));
      expect([line, status, err.split(':')[1]]).toEqual([line, 2, ` ${code}`]);
    }
  });
});

describe('a policy as people read it', () => {
  const made = async (name: string, ...args: readonly string[]): Promise<string> => {
    const path = join(folder, name);
    expect((await init(...args, '-o', path, '--force')).err).toBe('');
    return path;
  };
  const show = async (path: string): Promise<readonly string[]> =>
    (await assay(['trust', 'show', path])).out.split('\n');

  it('says of a TD what it accepts and what it waives', async () => {
    const said = words('--td-attribute PKS --grace-days 30');
    expect(await show(await made('tdx.json', measured(TD), ...INTEL, ...said))).toEqual([
      'service        any',
      'TDX            debug mode reject, service TD none',
      `MRTD           ${hex('ab', 48)}`,
      `RTMR1          ${hex('cd', 48)}`,
      `MROWNER        ${hex('00', 48)}`,
      'TCB            UpToDate; advisories none',
      'TCB at least   evaluation any, date 2024-03-13, 30 days of grace',
      'platform       any',
      'attributes     PKS',
      'freshness      at most 300 s old, challenge in quote',
      'simulated      rejected',
      'waives         service, hardware.ids, platforms.tdx.tcb.min_evaluation_number, platforms.tdx.platform, witnesses',
      '',
    ]);
  });

  it('says it of an enclave', async () => {
    const open = words('--any mrsigner --any min_isv_svn --advisory any');
    const path = await made('sgx.json', measured({ ...ENCLAVE, MRSIGNER: undefined }), ...INTEL, ...open);
    expect((await show(path)).slice(1, 7)).toEqual([
      'SGX            debug mode reject, product 3, version at least any',
      `MRENCLAVE      ${hex('01', 32)}`,
      'MRSIGNER       any',
      'TCB            UpToDate; advisories any',
      'TCB at least   evaluation any, date 2024-03-13, no grace',
      'platform       any',
    ]);
    expect((await assay(['trust', 'check', path])).out.split('\n')[1]).toBe(
      'waives service, hardware.ids, platforms.sgx.mrsigner, platforms.sgx.min_isv_svn, platforms.sgx.tcb.advisories, platforms.sgx.tcb.min_evaluation_number, platforms.sgx.platform, witnesses',
    );
  });

  it('says it of a guest of SEV-SNP', async () => {
    const least = words('--min-tcb Genoa:bootloader=10,tee=0,snp=23,microcode=84 --milan-vcek allow');
    const path = await made('snp.json', measured(GUEST), ...SNP, ...least, '--any', 'alias_check');
    expect((await show(path)).slice(1, 9)).toEqual([
      'SEV-SNP        debug mode reject, VMPL 0',
      `measurement    ${hex('b0', 48)}`,
      'TCB Genoa      at least bootloader 10, tee 0, snp 23, microcode 84',
      'firmware       provisional reject',
      'Milan VCEK     allow',
      'ID key         any',
      'host data      any',
      'alias_check    any',
    ]);
    expect((await assay(['trust', 'check', path, '--json'])).json()['waived']).toEqual([
      'service',
      'hardware.ids',
      'platforms.snp.milan_vcek',
      'platforms.snp.id_key',
      'platforms.snp.host_data',
      'platforms.snp.alias_check',
      'witnesses',
    ]);
  });

  it('takes configuration bits that may all be anything for a waiver', async () => {
    const any = INTEL.join(' ').replace('--any platform', '--smt any --cached-keys any');
    const path = await made('hollow.json', measured(TD), ...words(any));
    expect((await assay(['trust', 'check', path])).out).toContain('platforms.tdx.platform');
  });

  it('says how two differ, and which of them waives more', async () => {
    const first = await made('a.json', measured(TD), ...INTEL);
    const said = '--smt reject --tcb-status UpToDate --tcb-status SWHardeningNeeded --advisory any';
    const other = words(`${INTEL.join(' ').replace('--any platform ', '')} ${said}`);
    const second = await made('b.json', measured({ ...TD, MRTD: hex('ee', 48) }), ...other);
    const shown = await assay(['trust', 'diff', first, second]);
    expect([shown.status, shown.out.split('\n')]).toEqual([
      0,
      [
        `- platforms.tdx.mrtd  ${hex('ab', 48)}`,
        `+ platforms.tdx.mrtd  ${hex('ee', 48)}`,
        '+ platforms.tdx.tcb.statuses  SWHardeningNeeded',
        '- platforms.tdx.tcb.advisories  none',
        '+ platforms.tdx.tcb.advisories  any',
        '- platforms.tdx.platform  any',
        '+ platforms.tdx.platform.smt  reject',
        'the second waives more: platforms.tdx.tcb.advisories',
        'the second waives less: platforms.tdx.platform',
        '',
      ],
    ]);
    const json = (await assay(['trust', 'diff', first, second, '--json'])).json();
    const mrtd = { path: 'platforms.tdx.mrtd', before: hex('ab', 48), after: hex('ee', 48) };
    expect([json['same'], json['differences']]).toEqual([false, expect.arrayContaining([mrtd])]);
  });

  it('says that two are the same, in whatever order their lists are', async () => {
    const statuses = [
      '--tcb-status UpToDate --tcb-status OutOfDate',
      '--tcb-status OutOfDate --tcb-status UpToDate',
    ];
    const [first, second] = await Promise.all(
      statuses.map((said, i) => made(`order${i}.json`, measured(TD), ...INTEL, ...words(said))),
    );
    const diff = (...args: readonly string[]): Promise<CliResult> => assay(['trust', 'diff', ...args]);
    expect((await diff(first as string, second as string)).out).toBe('both accept the same\n');
    expect((await diff(first as string, second as string, '--json')).json()).toEqual({
      same: true,
      differences: [],
    });
    expect((await diff(first as string)).status).toBe(2);
    expect((await diff(first as string, join(folder, 'absent'))).err).toContain('FILE_UNREADABLE');
  });
});
