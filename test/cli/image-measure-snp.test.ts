/** `assay image measure --platform snp`: the digest of a launch, and what the command line must say of it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { assay, type CliResult } from '../support/cli.ts';
import { image, scratch } from '../support/images.ts';
import { AMD_SEV, makeOvmf, type OvmfParts } from '../support/ovmf.ts';
import { vectors } from '../support/vectors.ts';

const { folder, file } = scratch('measure-snp');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Computed {
  readonly vmm: string;
  readonly vcpus: number;
  readonly vcpu_type: string | null;
  readonly features: string;
  readonly boot: { readonly kernel: string; readonly initrd: string | null; readonly cmdline: string } | null;
  readonly ovmf: OvmfParts;
  readonly launch_digest: string;
}

const firmware = file('OVMF.fd', makeOvmf(AMD_SEV));
const measure = (...args: string[]): Promise<CliResult> => assay(['image', 'measure', ...args]);
const snp = (...args: string[]): Promise<CliResult> => measure(firmware, '--platform', 'snp', ...args);
const sha256 = (text: string): string => toHex(nodeCrypto.sha256(utf8(text)));

describe('image measure --platform snp', () => {
  const { cases } = vectors<Computed>('snp-launch.json');

  it.each(cases)('prints what others compute: $launch_digest', async (vector) => {
    const { boot, vmm, vcpu_type: type } = vector;
    const path = file('computed.fd', makeOvmf(vector.ovmf));
    const options = [
      '--vcpus',
      `${vector.vcpus}`,
      '--vmm',
      vmm,
      '--guest-features',
      vector.features,
      '--json',
    ];
    if (type !== null) options.push('--vcpu-type', type);
    if (boot !== null) options.push('--kernel', file('kernel', boot.kernel), '--append', boot.cmdline);
    if (boot !== null && boot.initrd !== null) options.push('--initrd', file('initrd', boot.initrd));
    const result = await measure(path, '--platform', 'snp', ...options);
    expect([result.status, result.err]).toEqual([0, '']);
    expect(result.json()['Measurements']).toEqual({
      HashAlgorithm: 'Sha384 { ... }',
      Measurement: vector.launch_digest,
    });
  });

  it('says what was measured beside the firmware', async () => {
    const kernel = ['--kernel', file('k', 'kernel'), '--append', 'ro quiet'];
    const options = ['--vcpus', '4', '--vcpu-type', 'EPYC-Milan-v2', ...kernel];
    const result = await snp(...options);
    expect(result.json()['Launch']).toEqual({
      Platform: 'snp',
      Vmm: 'qemu',
      Vcpus: 4,
      VcpuSignature: '0x00a00f11',
      GuestFeatures: '0x1',
      KernelSha256: sha256('kernel'),
      InitrdSha256: sha256(''),
      CommandLine: 'ro quiet',
    });
    expect(result.out).toBe(`${JSON.stringify(result.json(), null, 2)}\n`);
    expect((await snp(...options, '--json')).out).toBe(`${JSON.stringify(result.json())}\n`);
    const bySignature = await snp('--vcpus', '4', '--vcpu-type', '0xa00f11', ...kernel);
    expect(bySignature.out).toBe(result.out);
    const stdin = makeOvmf(AMD_SEV);
    const piped = await assay(['image', 'measure', '-', '--platform', 'snp', ...options], { stdin });
    expect(piped.out).toBe(result.out);
    const { Launch } = (await snp('--vcpus', '1', '--vmm', 'gce')).json();
    expect(Launch).toEqual({ Platform: 'snp', Vmm: 'gce', Vcpus: 1, GuestFeatures: '0x1' });
  });

  const whole = ['--vcpus', '1', '--vcpu-type', 'EPYC'];
  it.each([
    [[], '--vcpus'],
    [['--vcpus', '1'], '--vcpu-type'],
    [['--vcpus', '0', '--vcpu-type', 'EPYC'], '--vcpus 0'],
    [['--vcpus', '4097', '--vcpu-type', 'EPYC'], '--vcpus 4097'],
    [['--vcpus', '0x1', '--vcpu-type', 'EPYC'], '--vcpus 0x1'],
    [['--vcpus', '1', '--vmm', 'xen'], '--vmm xen'],
    [['--vcpus', '1', '--vmm', 'ec2', '--vcpu-type', 'EPYC'], '--vcpu-type goes with --vmm qemu'],
    [[...whole, '--guest-features', '21'], '--guest-features 21'],
    [[...whole, '--guest-features', '0x10000000000000000'], '--guest-features'],
    [[...whole, '--initrd', 'x'], 'go with --kernel'],
    [[...whole, '--append', ''], 'go with --kernel'],
    [[...whole, '--canonical'], '--canonical goes with --platform nitro'],
    [[...whole, '--as', 'trust'], '--as goes with --platform nitro'],
    [[...whole, '--any-service'], '--any-service goes with --platform nitro'],
  ])('refuses %j', async (args, says) => {
    const result = await snp(...args);
    expect([result.status, result.out]).toEqual([2, '']);
    expect(result.err).toContain('USAGE');
    expect(result.err).toContain(says);
  });

  it('refuses what cannot be measured, each with its code', async () => {
    const code = async (args: Promise<CliResult>): Promise<[number, string]> => {
      const { status, err } = await args;
      return [status, /^assay: ([A-Z_]+): /.exec(err)?.[1] ?? err];
    };
    expect(await code(snp('--vcpus', '1', '--vcpu-type', 'EPYC-Naples'))).toEqual([2, 'SNP_LAUNCH_INVALID']);
    expect(await code(snp(...whole, '--guest-features', '0x20'))).toEqual([2, 'SNP_LAUNCH_INVALID']);
    expect(await code(snp(...whole, '--kernel', join(folder, 'none')))).toEqual([2, 'FILE_UNREADABLE']);
    const eif = file('a.eif', image());
    expect(await code(measure(eif, '--platform', 'snp', ...whole))).toEqual([2, 'OVMF_INVALID']);
    const plain = file('plain.fd', makeOvmf({ ...AMD_SEV, hashTable: null }));
    const direct = ['--kernel', file('k', 'kernel')];
    expect(await code(measure(plain, '--platform', 'snp', ...whole, ...direct))).toEqual([
      1,
      'OVMF_NO_KERNEL_HASHES',
    ]);
  });

  it('has its options nowhere else', async () => {
    const eif = file('b.eif', image());
    expect((await measure(eif, '--vcpus', '1')).err).toContain('--vcpus goes with --platform snp');
    expect((await measure(eif, '--platform', 'tdx')).err).toContain('--platform tdx: is not nitro or snp');
    expect((await measure(eif, '--platform', 'nitro', '--json')).status).toBe(0);
  });

  it('stands in the help', async () => {
    const { out } = await assay(['image', '--help']);
    for (const word of ['--platform snp', '--vcpus', '--vcpu-type', '--vmm', '--guest-features', '--append'])
      expect(out).toContain(word);
  });
});
