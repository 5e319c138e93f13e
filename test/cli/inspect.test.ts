/** `assay inspect`: what bytes say of themselves, in every form, and nothing of whether it is true. */
import { describe, expect, it } from 'vitest';
import { formatPem } from '../../src/codec/pem.ts';
import { recogniseCollateral, writeBundle } from '../../src/collateral/index.ts';
import { formatReceiptFile } from '../../src/log/index.ts';
import { formatAttestation } from '../../src/statement/index.ts';
import { assay } from '../support/cli.ts';
import { authority } from '../support/made-collateral.ts';
import { makePki } from '../support/nitro-pki.ts';
import { makeService } from '../support/nitro-service.ts';
import { TestLog } from '../support/log.ts';
import { leastReport } from '../support/snp.ts';

describe('inspect', () => {
  it('shows certificates, in DER and in PEM', async () => {
    const raw = (await makePki()).certificates[0] as Uint8Array;
    const shown = await assay(['inspect', '-', '--json'], { stdin: raw });
    expect(JSON.parse(shown.out)).toMatchObject({ verified: false, certificates: [{ ca: true }] });
    const text = (await assay(['inspect', '-'], { stdin: raw })).out;
    expect(text).toMatch(/^ {2}certificates\[0\]\.subject +\S/m);
    const chain = `a chain\n${formatPem('CERTIFICATE', raw)}${formatPem('CERTIFICATE', raw)}`;
    const both = JSON.parse((await assay(['inspect', '-', '--json'], { stdin: chain })).out);
    expect(both.certificates).toEqual([...JSON.parse(shown.out).certificates, ...both.certificates.slice(1)]);
    expect(both.certificates).toHaveLength(2);
    const judged = await assay(['verify', '-', '--authentic-only'], { stdin: raw });
    expect([judged.status, judged.err]).toEqual([2, expect.stringContaining('USAGE: ')]);
    expect((await assay(['inspect', '-'], { stdin: raw.subarray(0, 200) })).status).toBe(2);
  });

  it('shows what a report of SEV-SNP firmware says, with the parts of its versions', async () => {
    const { status, out } = await assay(['inspect', '-', '--json'], { stdin: leastReport() });
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      verified: false,
      platform: 'snp',
      product: 'Turin',
      signer: 'vcek',
      vmpl: 0,
      policy: { debug_allowed: false, smt_allowed: true },
      reported_tcb: { raw: '0000000000000000', fmc: 0, microcode: 0 },
      mitigations: { launch: '0x0', current: '0x0' },
    });
    const broken = leastReport();
    broken[0x330] = 1;
    expect((await assay(['inspect', '-'], { stdin: broken })).err).toContain('STRUCT_NOT_ZERO');
    const text = (await assay(['inspect', '-'], { stdin: leastReport() })).out;
    expect(text).toMatch(/^ {2}reported_tcb {6}raw 0{16}, fmc 0, bootloader 0, tee 0, snp 0, microcode 0$/m);
    expect(text).toMatch(/^ {2}policy {12}abi_major 0, abi_minor 0; smt_allowed; not .*debug_allowed/m);
  });

  it('shows what bytes say and judges nothing', async () => {
    const service = await makeService();
    const bare = await assay(['inspect', '-', '--json'], { stdin: service.attestation.evidence });
    expect([bare.status, bare.json()['verified'], bare.json()['kind']]).toEqual([0, false, 'enclave']);
    expect(bare.json()['certificates']).toHaveLength(5);
    const whole = await assay(['inspect', '-'], { stdin: formatAttestation(service.attestation) });
    expect(whole.out).toMatch(/^NOT VERIFIED/);
    expect(whole.out).toContain('sim.example.org/log');
    expect((await assay(['inspect', '-'], { stdin: 'x' })).status).toBe(2);
    const endorsements = writeBundle(recogniseCollateral({ name: 'ca', bytes: authority('Some CA') }));
    const endorsed = formatAttestation({ ...service.attestation, endorsements });
    expect((await assay(['inspect', '-', '--json'], { stdin: endorsed })).json()).toMatchObject({
      kind: 'enclave',
      endorsements: { items: [{ kind: 'certificate', subject: 'Some CA' }], ignored: [] },
    });
    const foreign = formatAttestation({ ...service.attestation, endorsements: Uint8Array.of(1) });
    expect((await assay(['inspect', '-'], { stdin: foreign })).out).toMatch(/^ {4}ignored: endorsements: /m);
    const log = new TestLog();
    log.startEpoch();
    const receipt = { receipt: log.receipt(0), attestation: service.attestation, seal: null };
    const shown = await assay(['inspect', '-', '--json'], { stdin: formatReceiptFile(receipt) });
    expect(shown.json()).toMatchObject({
      verified: false,
      index: 0,
      sealed: false,
      leaf: { kind: 'epoch_start' },
    });
    const misplaced = await assay(['verify', '-'], { stdin: formatReceiptFile(receipt) });
    expect([misplaced.status, misplaced.err]).toEqual([2, expect.stringContaining('assay receipt verify')]);
    expect((await assay(['inspect', '--help'])).status).toBe(0);
  });
});
