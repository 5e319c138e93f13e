import { describe, expect, it } from 'vitest';
import { type IntelFault, INTEL_FAULTS, parseIntelFaults } from '../../host/simulator/intel/index.ts';
import { intelFacts, simulatedIntel } from '../support/simulated-intel.ts';

const both = (...names: readonly string[]): string[] =>
  names.flatMap((name) => [`sgx ${name}`, `tdx ${name}`]);
const level = both('tcb_info.tcbLevels', 'status');
const statements = ['qe_identity', 'tcb_evaluation_numbers', 'tcb_info'];
const period = (name: string): string[] => [`${name}.issueDate`, `${name}.nextUpdate`];

/** What each fault changes of everything that can be read. */
const CHANGES: Readonly<Record<IntelFault, readonly string[]>> = {
  'out-of-date': level,
  'tcb-revoked': level,
  'unsupported-tcb': level,
  revoked: ['pck_crl.revoked'],
  'revoked-ca': ['root_ca_crl.revoked'],
  'future-pck': ['pck.validFrom', 'pck.validTo'],
  'relaunch-advised': ['shape', 'td.initTeeTcbSvn', 'td.teeTcbSvn'],
  debug: ['enclave.attributes', 'td.tdAttributes'],
  'body-type-4': ['shape'],
  'service-td': ['shape', 'td.curServtdHash', 'td.initServtdHash', 'td.mrservicetd'],
  migratable: ['td.tdAttributes'],
  'no-sept-ve-disable': ['td.tdAttributes'],
  'wrong-module-signer': ['td.mrsignerseam'],
  'foreign-qe': ['enclave.qe.mrsigner', 'td.qe.mrsigner'],
  'wrong-binding': ['enclave.reportData', 'td.reportData'],
  'rolled-back-tcb': [
    ...both('tcb_info.tcbEvaluationDataNumber', 'tcb_info.tcbLevels'),
    'tdx tcb_info.tdxModuleIdentities',
  ],
  'stale-collateral': [
    ...['pck_crl', 'root_ca_crl'].flatMap((name) => [`${name}.nextUpdate`, `${name}.thisUpdate`]),
    ...both(...statements.flatMap(period)),
  ],
  'tampered-crl': ['pck_crl.revoked', 'pck_crl.signer'],
  'tampered-tcb-info': both('tcb_info.signer', 'tcb_info.tcbEvaluationDataNumber'),
  'swapped-roles': ['chain', 'pck_crl.issuer', 'pck_crl.signer', ...both('tcb_info.signer')],
  'same-name-root': [
    'chain',
    'rootName',
    'root.subject',
    ...['pckCa', 'root', 'root_ca_crl', 'signer'].map((name) => `${name}.issuer`),
  ],
};

const of = async (...faults: string[]): Promise<Record<string, string>> =>
  intelFacts(await simulatedIntel(faults));

describe('faults of the simulated vendor', () => {
  it.each(Object.entries(CHANGES))('%s changes what it says and nothing else', async (fault, expected) => {
    const [healthy, faulty] = [await of(), await of(fault)];
    expect(Object.keys(faulty).sort()).toEqual(Object.keys(healthy).sort());
    const changed = Object.keys(healthy).filter((name) => healthy[name] !== faulty[name]);
    expect(changed.sort()).toEqual([...expected].sort());
  });

  it('are all described', () => {
    expect(Object.keys(INTEL_FAULTS).sort()).toEqual(Object.keys(CHANGES).sort());
    for (const text of Object.values(INTEL_FAULTS)) expect(text).toMatch(/^\S[^\n]{20,120}\S$/);
  });

  it('put the right thing in its place', async () => {
    expect(await of()).toMatchObject({
      shape: '4/2',
      'td.tdAttributes': '0000001000000000',
      'td.teeTcbSvn': `0b0104${'00'.repeat(13)}`,
      'tdx status': 'UpToDate',
      'sgx status': 'UpToDate',
      'tdx tcb_info.signer': 'signer',
      'pck_crl.signer': 'pckCa',
      'root_ca_crl.signer': 'root',
    });
    expect(await of('out-of-date')).toMatchObject({ 'tdx status': 'OutOfDate', 'sgx status': 'OutOfDate' });
    expect(await of('tcb-revoked')).toMatchObject({ 'tdx status': 'Revoked', 'sgx status': 'Revoked' });
    expect(await of('unsupported-tcb')).toMatchObject({ 'tdx status': 'none', 'sgx status': 'none' });
    expect(await of('debug')).toMatchObject({
      'td.tdAttributes': '0100001000000000',
      'enclave.attributes': '0700000000000000e700000000000000',
    });
    expect(await of('migratable')).toMatchObject({ 'td.tdAttributes': '0000003000000000' });
    expect(await of('no-sept-ve-disable')).toMatchObject({ 'td.tdAttributes': '0000000000000000' });
    expect(await of('relaunch-advised')).toMatchObject({
      shape: '5/3',
      'td.teeTcbSvn': `060104${'00'.repeat(13)}`,
      'td.teeTcbSvn2': `0b0104${'00'.repeat(13)}`,
    });
    expect(await of('service-td')).toMatchObject({ shape: '5/3' });
    expect(await of('body-type-4', 'service-td')).toMatchObject({ shape: '5/4' });
    expect(await of('swapped-roles')).toMatchObject({
      'tdx tcb_info.signer': 'pck',
      'tdx qe_identity.signer': 'signer',
      'pck_crl.signer': 'signer',
    });
    expect(await of('tampered-crl')).toMatchObject({ 'pck_crl.signer': 'nobody' });
    expect(await of('tampered-tcb-info')).toMatchObject({ 'sgx tcb_info.signer': 'nobody' });
    expect(await of('same-name-root')).toMatchObject({
      rootName: 'Intel SGX Root CA',
      'root.subject': 'CN=Intel SGX Root CA\nO=Intel Corporation\nL=Santa Clara\nST=CA\nC=US',
    });
    expect(await of('rolled-back-tcb')).toMatchObject({
      'tdx tcb_info.tcbEvaluationDataNumber': '19',
      'tdx qe_identity.tcbEvaluationDataNumber': '20',
      'tdx status': 'UpToDate',
    });
  });

  it('list the revoked by their serial numbers', async () => {
    const { 'pck.serialNumber': pck, 'pckCa.serialNumber': ca } = await of();
    const listed = async (name: string, serial: string | undefined, ...faults: string[]): Promise<boolean> =>
      (await of(...faults))[name]!.split(' ').includes(serial!);
    expect(await listed('pck_crl.revoked', pck)).toBe(false);
    expect(await listed('pck_crl.revoked', pck, 'revoked')).toBe(true);
    expect(await listed('root_ca_crl.revoked', ca, 'revoked-ca')).toBe(true);
  });

  it('combine: what is rolled back or tampered with hides what the honest one says', async () => {
    for (const fault of ['out-of-date', 'tcb-revoked', 'relaunch-advised'])
      expect((await of(fault, 'rolled-back-tcb'))['tdx status']).toBe('UpToDate');
    expect((await of('out-of-date', 'tampered-tcb-info'))['tdx status']).toBe('UpToDate');
    const { 'pck.serialNumber': pck } = await of();
    expect((await of('revoked', 'tampered-crl'))['pck_crl.revoked']).not.toContain(pck);
    const all = await of(...Object.keys(INTEL_FAULTS));
    expect(all).toMatchObject({ shape: '5/4', rootName: 'Intel SGX Root CA', 'tdx status': 'UpToDate' });
  });

  it('leave the status to the option when they do not say one', async () => {
    const statuses = [
      'UpToDate',
      'SWHardeningNeeded',
      'ConfigurationNeeded',
      'ConfigurationAndSWHardeningNeeded',
      'OutOfDate',
      'OutOfDateConfigurationNeeded',
      'Revoked',
    ] as const;
    for (const tcbStatus of statuses) {
      const seen = intelFacts(await simulatedIntel([], { tcbStatus }));
      expect([seen['tdx status'], seen['sgx status']]).toEqual([tcbStatus, tcbStatus]);
    }
    const said = intelFacts(await simulatedIntel(['out-of-date'], { tcbStatus: 'Revoked' }));
    expect(said['tdx status']).toBe('OutOfDate');
  });

  it('are refused by any other name', () => {
    for (const name of ['', 'Debug', 'expired', '__proto__', 'toString'])
      expect(() => parseIntelFaults(['debug', name]), name).toFailWith('SIMULATOR_FAULT_UNKNOWN');
  });
});
