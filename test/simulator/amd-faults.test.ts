/** Faults of the simulated AMD machine: each changes what it says and nothing else; OpenSSL sees some of them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { AMD_FAULTS, type AmdFault, parseAmdFaults, type Signer } from '../../host/simulator/amd/index.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { parseSnpReport } from '../../src/evidence/snp/index.ts';
import { itWithOpenssl } from '../support/openssl.ts';
import {
  AMD_TIME,
  chainOf,
  differences,
  everythingOf,
  REPORT_DATA,
  simulatedAmd,
} from '../support/simulated-amd.ts';

const SIGNERS = ['vcek', 'vlek'] as const;
const ALL = Object.keys(AMD_FAULTS) as readonly AmdFault[];

const tcbs = (kinds: string, parts: string): string[] =>
  kinds.split(' ').flatMap((kind) => parts.split(' ').map((part) => `report.tcbs.${kind}.${part}`));
const says = (parts: string): string[] => parts.split(' ').map((part) => `leaf.says.tcb.${part}`);
const FOUR = 'current reported committed launch';
const LIST = 'extensions.2-5-29-31';

/** What reads differently. The signatures of a chain hold unless `signed` is named. */
const CHANGES: Readonly<Record<Exclude<AmdFault, 'unsigned'>, readonly string[]>> = {
  debug: ['report.policy.debugAllowed'],
  'migration-agent': ['report.policy.migrationAgentAllowed', 'report.reportIdMa'],
  vmpl: ['report.vmpl'],
  smt: ['report.policy.smtAllowed', 'report.platformInfo.smtEnabled'],
  'alias-check-missing': ['report.platformInfo.aliasCheckComplete'],
  'old-tcb': [
    ...tcbs(FOUR, 'bootloader snp microcode'),
    ...says('bootloader snp microcode'),
    'leaf.key',
    'report.currentVersion.build',
    'report.committedVersion.build',
  ],
  'tcb-mismatch': says('microcode'),
  'rolled-back-tcb': [...tcbs('reported', 'microcode'), ...says('microcode'), 'leaf.key'],
  'provisional-firmware': [...tcbs('current', 'microcode'), 'report.currentVersion.build'],
  'wrong-hwid': ['leaf.says.hwid'],
  'masked-chip': ['report.chipId'],
  'wrong-binding': ['report.reportData'],
  'revoked-ask': ['crl.revoked'],
  'stale-crl': ['crl.thisUpdate', 'crl.nextUpdate'],
  'tampered-crl': ['crl.extensions.2-5-29-20', 'signed.crl'],
  'crl-by-ask': ['signed.crl'],
  'same-name-root': [
    ...['ark', 'ask'].flatMap((of) => [`${of}.subject`, `${of}.issuer`, `${of}.${LIST}`]),
    'leaf.subject',
    'leaf.issuer',
    'crl.issuer',
  ],
  'swapped-roles': [
    ...['subject', 'serial', 'key', 'extensions.2-5-29-14', LIST].map((part) => `ask.${part}`),
    'leaf.issuer',
  ],
  'pss-salt': ['leaf.salt'],
  'expired-vcek': ['leaf.notBefore', 'leaf.notAfter'],
  'high-spl': [...tcbs(FOUR, 'microcode'), ...says('microcode'), 'leaf.key'],
};

describe('a fault', () => {
  const cases = Object.entries(CHANGES).flatMap(([fault, paths]) =>
    SIGNERS.map((signer) => ({ fault: fault as AmdFault, signer, paths })),
  );

  it.each(cases)('$fault with a $signer changes what it says', async ({ fault, signer, paths }) => {
    const healthy = await everythingOf(await simulatedAmd(), { signer });
    const faulty = await everythingOf(await simulatedAmd([fault]), { signer });
    const expected = fault === 'wrong-hwid' && signer === 'vlek' ? [] : [...paths].sort();
    expect(differences(healthy, faulty)).toEqual(expected);
  });

  it('has the values that a verifier must tell apart', async () => {
    const read = async (fault: AmdFault, ...paths: string[]): Promise<unknown[]> => {
      const all = await everythingOf(await simulatedAmd([fault]));
      return paths.map((path) => all.get(path));
    };
    const microcode = (kind: string): string => `report.tcbs.${kind}.microcode`;
    expect(await read('rolled-back-tcb', microcode('reported'), microcode('committed'))).toEqual([
      '86',
      '88',
    ]);
    expect(await read('provisional-firmware', microcode('current'), microcode('committed'))).toEqual([
      '89',
      '88',
    ]);
    expect(await read('tcb-mismatch', microcode('reported'), 'leaf.says.tcb.microcode')).toEqual([
      '88',
      '85',
    ]);
    expect(await read('high-spl', 'leaf.says.tcb.microcode')).toEqual(['240']);
    expect(await read('pss-salt', 'leaf.salt', 'ask.salt')).toEqual(['32', '48']);
    expect(await read('masked-chip', 'report.chipId')).toEqual(['00'.repeat(64)]);
    expect(await read('revoked-ask', 'ask.serial', 'crl.revoked')).toEqual([
      '020002',
      '020001 020002 020101',
    ]);
    expect(await read('same-name-root', 'ark.subject')).toEqual([
      'Engineering, US, Santa Clara, CA, Advanced Micro Devices, ARK-Genoa',
    ]);
    expect(await read('swapped-roles', 'leaf.says.kind', 'ask.serial')).toEqual(['vcek', '020101']);
    const [ended, listEnded] = await Promise.all([
      read('expired-vcek', 'leaf.notAfter'),
      read('stale-crl', 'crl.nextUpdate'),
    ]);
    for (const [end] of [ended, listEnded]) expect(AMD_TIME - Number(end)).toBeGreaterThan(0);
    expect((await simulatedAmd(['same-name-root'])).vendor.rootName).toBe('ARK-Genoa');
    expect((await simulatedAmd()).vendor.rootName).toBe('ARK-assay-sim-Genoa');
  });

  it('unsigned: no algorithm, no key and no signature, and the rest as it was', async () => {
    const signed = (await simulatedAmd()).guest.report(REPORT_DATA);
    const unsigned = (await simulatedAmd(['unsigned'])).guest.report(REPORT_DATA);
    expect(() => parseSnpReport(unsigned)).toFailWith('SNP_UNSIGNED');
    const changed = Array.from(signed.keys()).filter((at) => at < 0x2a0 && signed[at] !== unsigned[at]);
    expect(changed).toEqual([0x34, 0x48]);
    expect([unsigned[0x34], unsigned[0x48]]).toEqual([0, 7 << 2]);
    expect(unsigned.subarray(0x2a0).every((byte) => byte === 0)).toBe(true);
  });

  it('vmpl: is another level than each that is asked for', async () => {
    const { guest } = await simulatedAmd(['vmpl']);
    const levels = ([0, 1, 2, 3] as const).map(
      (vmpl) => parseSnpReport(guest.report(REPORT_DATA, { vmpl })).vmpl,
    );
    expect(levels).toEqual([1, 2, 3, 0]);
  });

  it('can be named with others, on each product, and still be read', async () => {
    const together = ALL.filter((fault) => fault !== 'unsigned');
    for (const product of ['Milan', 'Genoa', 'Turin'] as const)
      for (const signer of SIGNERS) {
        const all = await everythingOf(await simulatedAmd(together, { product }), { signer });
        expect([all.get('signed.report'), all.get('signed.leaf'), all.get('signed.crl')]).toEqual([
          'true',
          'true',
          'false',
        ]);
      }
  });

  it('is refused by any other name', () => {
    expect(parseAmdFaults(['debug', 'debug', 'smt'])).toEqual(new Set(['debug', 'smt']));
    for (const name of ['', 'Debug', 'toString', '__proto__', 'wrong-root'])
      expect(() => parseAmdFaults([name]), name).toFailWith('SIMULATOR_FAULT_UNKNOWN');
  });
});

describe('OpenSSL', () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-amd-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const at = String(Math.floor(AMD_TIME / 1_000));
  const openssl = (...args: string[]): string => {
    const { stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8', cwd: folder });
    return `${stdout}${stderr}`;
  };

  /** What it says of the report key under ASK under ARK, and of ASK under the revocation list. */
  async function judge(faults: readonly AmdFault[], signer: Signer): Promise<readonly [string, string]> {
    const { ark, ask, leaf, crl } = chainOf(await simulatedAmd(faults), signer);
    for (const [name, der] of Object.entries({ ark, ask, leaf }))
      writeFileSync(join(folder, `${name}.pem`), formatPem('CERTIFICATE', der));
    writeFileSync(join(folder, 'crl.pem'), formatPem('X509 CRL', crl));
    const verify = ['verify', '-attime', at, '-CAfile', 'ark.pem'];
    return [
      openssl(...verify, '-untrusted', 'ask.pem', 'leaf.pem'),
      openssl(...verify, '-crl_check', '-CRLfile', 'crl.pem', 'ask.pem'),
    ];
  }

  itWithOpenssl.each(SIGNERS)(
    'verifies the chain and the revocation list of a healthy %s',
    async (signer) => {
      const verdicts = await judge([], signer);
      expect(verdicts).toEqual(['leaf.pem: OK\n', 'ask.pem: OK\n']);
      expect(openssl('crl', '-in', 'crl.pem', '-CAfile', 'ark.pem', '-noout')).toContain('verify OK');
    },
  );

  itWithOpenssl.each([
    ['expired-vcek', 'certificate has expired', 'OK'],
    ['revoked-ask', 'OK', 'certificate revoked'],
    ['stale-crl', 'OK', 'CRL has expired'],
    ['tampered-crl', 'OK', 'CRL signature failure'],
    ['crl-by-ask', 'OK', 'CRL signature failure'],
    ['same-name-root', 'OK', 'OK'],
    ['swapped-roles', 'OK', 'OK'],
    ['pss-salt', 'OK', 'OK'],
  ] as const)('sees %s', async (fault, chain, list) => {
    for (const signer of SIGNERS) {
      const verdicts = await judge([fault], signer);
      expect(verdicts[0]).toContain(chain);
      expect(verdicts[1]).toContain(list);
    }
    const text = openssl('x509', '-in', 'leaf.pem', '-noout', '-text');
    expect(text).toContain(fault === 'pss-salt' ? 'Salt Length: 0x20' : 'Salt Length: 0x30');
  });
});
