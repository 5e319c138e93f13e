/** `assay simulate tdx`, `sgx` and `snp`: what they write is judged by the other half of the same program. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { AMD_FAULTS } from '../../host/simulator/amd/index.ts';
import { INTEL_FAULTS } from '../../host/simulator/intel/index.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { assay } from '../support/cli.ts';
import { TRUST_JSON } from '../support/trust.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-simulate-vendors-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);
const AT = '2026-11-20T00:00:00Z';
const now = Date.parse(AT);
writeFileSync(file('seed'), new Uint8Array(32).fill(7));

const MEASUREMENT = 'cd'.repeat(48);
const tcb = {
  statuses: ['UpToDate'],
  advisories: 'none',
  min_evaluation_number: 'any',
  min_tcb_date: 'any',
  grace_days: 'none',
};
const PLATFORMS: Readonly<Record<string, JsonObject>> = {
  tdx: {
    mrtd: [MEASUREMENT],
    rtmrs: { '2': [MEASUREMENT] },
    debug: 'reject',
    service_td: 'none',
    owner: 'any',
    tcb,
    platform: 'any',
  },
  sgx: {
    mrenclave: ['ab'.repeat(32)],
    mrsigner: 'any',
    isv_prod_id: [1],
    min_isv_svn: 1,
    debug: 'reject',
    tcb,
    platform: 'any',
  },
  snp: {
    measurement: [MEASUREMENT],
    debug: 'reject',
    vmpl: [0],
    tcb: { minimum: 'any', provisional_firmware: 'reject' },
    milan_vcek: 'reject',
    id_key: 'any',
    host_data: 'any',
  },
};
const ARGS: Readonly<Record<string, readonly string[]>> = {
  tdx: ['--mrtd', MEASUREMENT, '--rtmr', `2=${MEASUREMENT}`],
  sgx: ['--mrenclave', 'ab'.repeat(32)],
  snp: ['--measurement', MEASUREMENT],
};

interface Verdict {
  readonly verdict: string;
  readonly code: string | null;
  readonly simulated: boolean | null;
  readonly claims: JsonObject;
}

async function simulate(platform: string, name: string, ...more: string[]): Promise<JsonObject> {
  const args = ['simulate', platform, '-o', file(name), '--seed', file('seed'), '--json'];
  const { status, out, err } = await assay([...args, ...(ARGS[platform] ?? []), ...more], { now });
  expect([status, err]).toEqual([0, '']);
  return JSON.parse(out) as JsonObject;
}

async function judge(platform: string, name: string, root: unknown): Promise<Verdict> {
  const policy = {
    ...TRUST_JSON,
    platforms: { [platform]: PLATFORMS[platform] },
    freshness: { max_age_seconds: 'any', nonce: 'any' },
    simulated: root === null ? 'reject' : { roots: [root] },
  };
  writeFileSync(file('trust.json'), JSON.stringify(policy));
  const evidence = join(file(name), platform === 'snp' ? 'report.bin' : 'quote.bin');
  const args = ['verify', evidence, '--collateral', file(name), '--trust', file('trust.json'), '--json'];
  return JSON.parse((await assay(args, { now })).out) as Verdict;
}

describe.each(['tdx', 'sgx', 'snp'])('assay simulate %s', (platform) => {
  it('writes evidence and collateral that are trusted under the root that it prints, and under no other', async () => {
    const { root } = await simulate(platform, platform);
    const { verdict, code, simulated } = await judge(platform, platform, root);
    expect([verdict, code, simulated]).toEqual(['trusted', null, true]);
    expect((await judge(platform, platform, null)).code).toBe('CHAIN_ROOT_UNTRUSTED');
  });

  it('writes the same collateral from the same seed at the same time', async () => {
    await simulate(platform, 'one', '--at', AT);
    await simulate(platform, 'two', '--at', AT);
    for (const name of readdirSync(file('one')).filter((one) => one !== 'report.bin'))
      expect([
        name,
        readFileSync(join(file('two'), name)).equals(readFileSync(join(file('one'), name))),
      ]).toEqual([name, true]);
  });

  it.each([
    ['no output', [platform]],
    ['an unknown fault', [platform, '-o', file('no'), '--fault', 'all']],
    ['report data too short', [platform, '-o', file('no'), '--report-data', '00']],
    ['another time than RFC 3339', [platform, '-o', file('no'), '--at', 'now']],
    ['an option of another platform', [platform, '-o', file('no'), '--pcr', '0=00']],
  ])('writes nothing and ends with 2 on %s', async (_, args) => {
    const { status, out, err } = await assay(['simulate', ...args], { now });
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(/^assay: (USAGE|SIMULATOR_FAULT_UNKNOWN): [^\n]+\n$/);
    expect(existsSync(file('no'))).toBe(false);
  });
});

describe('assay simulate tdx', () => {
  it.each([
    ['OutOfDate', 'TDX_TCB_OUT_OF_DATE'],
    ['SWHardeningNeeded', 'TDX_TCB_REFUSED'],
    ['ConfigurationNeeded', 'TDX_TCB_REFUSED'],
    ['Revoked', 'TDX_TCB_REVOKED'],
  ])('gives a platform of status %s, which is authentic and refused as %s', async (status, code) => {
    const { root } = await simulate('tdx', status, '--tcb-status', status);
    const { verdict, code: found, claims } = await judge('tdx', status, root);
    expect([verdict, found, claims['tcb_status']]).toEqual(['rejected', code, status]);
  });

  it('writes quotes of version 5 with the body that is asked for', async () => {
    const { root } = await simulate('tdx', 'five', '--quote-version', '5', '--body-type', '3');
    const { verdict, claims } = await judge('tdx', 'five', root);
    expect([verdict, claims['version'], claims['body_type']]).toEqual(['trusted', 5, 3]);
  });

  it.each([
    [['--body-type', '3']],
    [['--quote-version', '3']],
    [['--tcb-status', 'Fine']],
    [['--mrenclave', 'ab'.repeat(32)]],
    [['--rtmr', `4=${MEASUREMENT}`]],
    [['--rtmr', `1=${MEASUREMENT}`, '--rtmr', `1=${MEASUREMENT}`]],
  ])('refuses %j', async (more) => {
    expect((await assay(['simulate', 'tdx', '-o', file('no'), ...more], { now })).status).toBe(2);
    expect(existsSync(file('no'))).toBe(false);
  });
});

describe('assay simulate snp', () => {
  it.each(['Milan', 'Genoa', 'Turin'])('plays %s with either signer', async (product) => {
    const { root } = await simulate('snp', `${product}-vlek`, '--product', product, '--signer', 'vlek');
    const { verdict, claims } = await judge('snp', `${product}-vlek`, root);
    expect([verdict, claims['product'], claims['signer']]).toEqual(['trusted', product, 'vlek']);
  });
});

it('lists every fault in its help', async () => {
  const { out } = await assay(['simulate', '--help']);
  for (const fault of [...Object.keys(INTEL_FAULTS), ...Object.keys(AMD_FAULTS)])
    expect(out).toContain(` ${fault} `);
});
