/** `assay trust`: a policy is made from what was measured and said, is complete, and assumes nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { policyFromEvidence } from '../../host/cli/trust-first-use.ts';
import { assay, type CliResult } from '../support/cli.ts';
import { defaultPcrs, PKI_TIME } from '../support/nitro-pki.ts';
import { CHALLENGE, makeService } from '../support/nitro-service.ts';
import { trustJson } from '../support/trust.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-trust-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('trust', () => {
  const measured = {
    Measurements: {
      HashAlgorithm: 'Sha384 { ... }',
      PCR0: 'AB'.repeat(48),
      PCR1: 'cd'.repeat(48),
      PCR2: 'ef'.repeat(48),
    },
  };
  const config = JSON.stringify({
    origin: 'sim.x',
    policy: { threshold: 1, keys: ['aa'.repeat(32)] },
    simulatedRoots: [{ name: 'sim.nitro-enclaves', spkiSha256: 'bb'.repeat(32) }],
  });
  const init = (...args: string[]): Promise<CliResult> =>
    assay(['trust', 'init', file('measurements.json', JSON.stringify(measured)), ...args]);

  it('makes a complete policy from measurements and a configuration', async () => {
    const result = await init('--config', file('c.json', config));
    expect([result.status, result.err]).toEqual([0, '']);
    expect(result.json()).toMatchObject({
      service: { origin: 'sim.x', policy_authorities: ['aa'.repeat(32)] },
      platforms: { nitro: { pcrs: { '0': ['ab'.repeat(48)] }, debug: 'reject' } },
      simulated: { roots: [{ name: 'sim.nitro-enclaves' }] },
    });
    const policy = file('made.json', result.out);
    expect((await assay(['trust', 'check', policy])).out).toMatch(/^complete/);
    expect((await assay(['trust', 'show', policy])).out).toContain('sim.x');
    expect((await assay(['trust', 'check', policy, '--json'])).json()['waived']).toEqual([
      'hardware.ids',
      'witnesses',
    ]);
  });

  it('takes the output of nitro-cli, and what is said outright', async () => {
    const source = file(
      'describe.json',
      JSON.stringify([{ EnclaveID: 'i-1-enc1', Flags: 'NONE', ...measured }]),
    );
    const args = [
      '--origin',
      'example.org',
      '--config-digest',
      'any',
      '--authority',
      'aa'.repeat(32),
      '--simulated-root',
      `a=b=${'cc'.repeat(32)}`,
    ];
    const result = await assay(['trust', 'init', source, ...args]);
    expect(result.json()).toMatchObject({
      service: { config_digest: 'any' },
      simulated: { roots: [{ name: 'a=b' }] },
    });
    expect((await assay(['trust', 'init', source, '--any-service'])).json()['service']).toBe('any');
  });

  it('assumes nothing', async () => {
    expect((await init()).err).toContain('EXPECTATION_MISSING');
    expect((await init('--origin', 'x')).err).toContain('EXPECTATION_MISSING');
    expect((await init('--trust-on-first-use')).err).toContain('USAGE');
    expect((await assay(['trust', 'init', 'assay://localhost:1'])).err).toContain('--trust-on-first-use');
    expect((await init('--config', file('other.json', config), '--origin', 'y')).status).toBe(0);
    const built = { ...measured, Assay: { ConfigDigest: 'dd'.repeat(32) } };
    expect(
      (
        await assay([
          'trust',
          'init',
          file('built.json', JSON.stringify(built)),
          '--config',
          file('c.json', config),
        ])
      ).err,
    ).toContain('SERVICE_CONFIG_MISMATCH');
    expect(
      (
        await assay([
          'trust',
          'init',
          file('two.json', JSON.stringify([measured, measured])),
          '--any-service',
        ])
      ).err,
    ).toContain('JSON_SHAPE');
    expect(
      (
        await assay([
          'trust',
          'init',
          file('zero.json', JSON.stringify({ Measurements: { PCR0: '00'.repeat(48) } })),
          '--any-service',
        ])
      ).err,
    ).toContain('TRUST_POLICY_INVALID');
  });

  it('does not overwrite a policy unless told to', async () => {
    const policy = file('keep.json', 'old');
    expect((await init('--any-service', '-o', policy)).err).toContain('FILE_EXISTS');
    expect((await init('--any-service', '-o', policy, '--force')).status).toBe(0);
    expect((await assay(['trust', 'check', policy])).status).toBe(0);
    expect((await init('--any-service', '-o', join(folder, 'no/such/folder.json'))).err).toContain(
      'FILE_UNREADABLE',
    );
  });

  it('refuses what is incomplete', async () => {
    const result = await assay([
      'trust',
      'check',
      file('bad.json', JSON.stringify(trustJson('freshness.nonce', undefined))),
    ]);
    expect([result.status, result.err.split(':')[1]]).toEqual([2, ' EXPECTATION_MISSING']);
    expect((await assay(['trust'])).status).toBe(2);
    expect((await assay(['trust', 'burn'])).status).toBe(2);
    expect((await assay(['trust', '--help'])).status).toBe(0);
  });

  it('believes a service on first use only if its evidence is genuine and its own', async () => {
    const service = await makeService();
    const endpoint = { attestation: service.attestation, ...service.session };
    const policy = await policyFromEvidence(endpoint, CHALLENGE, PKI_TIME);
    expect(policy).toMatchObject({
      provenance: 'trust-on-first-use',
      service: { origin: 'sim.example.org/log' },
    });
    await expect(
      policyFromEvidence({ ...endpoint, exporter: new Uint8Array(32) }, CHALLENGE, PKI_TIME),
    ).toRejectWith('SESSION_MISMATCH');
    await expect(policyFromEvidence(endpoint, CHALLENGE, PKI_TIME + 86_400_000)).toRejectWith(
      'CHAIN_EXPIRED',
    );
    const debug = await makeService({ document: { pcrs: defaultPcrs().set(0, new Uint8Array(48)) } });
    await expect(
      policyFromEvidence({ attestation: debug.attestation, ...debug.session }, CHALLENGE, PKI_TIME),
    ).toRejectWith('NITRO_DEBUG_MODE');
    const real = await makeService({ identity: { simulated: false, origin: 'example.org' } });
    await expect(
      policyFromEvidence({ attestation: real.attestation, ...real.session }, CHALLENGE, PKI_TIME),
    ).toRejectWith('CHAIN_ROOT_UNTRUSTED');
  });
});
