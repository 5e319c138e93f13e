/** `assay image measure FIRMWARE --platform snp`: the launch digest of a guest, in the JSON that other images have. */
import { nodeCrypto } from '../../native/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  cpuSignature,
  DEFAULT_FEATURES,
  type DirectBoot,
  MAX_VCPUS,
  measureSnpLaunch,
  OVMF_MAX_SIZE,
  parseOvmf,
  type SnpLaunch,
  type SnpVmm,
} from '../../src/image/snp/index.ts';
import { readFile, readInput } from './input.ts';
import type { Io } from './io.ts';
import type { CommandLine, Options } from './options.ts';

const TEXT = { type: 'string' } as const;

export const SNP_OPTIONS: Options = {
  vcpus: TEXT,
  'vcpu-type': TEXT,
  vmm: TEXT,
  'guest-features': TEXT,
  kernel: TEXT,
  initrd: TEXT,
  append: TEXT,
};

const MAX_KERNEL = 512 * 1024 ** 2;
const MAX_INITRD = 2 * 1024 ** 3;

export async function measureSnp(line: CommandLine, io: Io): Promise<number> {
  const launch: Omit<SnpLaunch, 'firmware'> = {
    vcpus: readVcpus(line),
    vmm: readVmm(line),
    features: readFeatures(line),
    boot: readBoot(line),
  };
  const firmware = parseOvmf(await readInput(line.positionals[0] as string, io, OVMF_MAX_SIZE));
  const measurement = measureSnpLaunch(nodeCrypto, { ...launch, firmware });
  const body = {
    Measurements: { HashAlgorithm: 'Sha384 { ... }', Measurement: toHex(measurement) },
    Launch: describe(launch),
  };
  io.out(`${JSON.stringify(body, null, line.flag('json') ? undefined : 2)}\n`);
  return 0;
}

/** What was measured beside the firmware: another value here is another measurement. */
function describe({ vcpus, vmm, features, boot }: Omit<SnpLaunch, 'firmware'>): object {
  const sha256 = (bytes: Uint8Array): string => toHex(nodeCrypto.sha256(bytes));
  return {
    Platform: 'snp',
    Vmm: vmm.kind,
    Vcpus: vcpus,
    ...(vmm.kind === 'qemu' ? { VcpuSignature: `0x${vmm.cpuSignature.toString(16).padStart(8, '0')}` } : {}),
    GuestFeatures: `0x${features.toString(16)}`,
    ...(boot === null
      ? {}
      : {
          KernelSha256: sha256(boot.kernel),
          InitrdSha256: sha256(boot.initrd),
          CommandLine: boot.cmdline,
        }),
  };
}

function readVcpus(line: CommandLine): number {
  const text = line.text('vcpus') ?? usage('--platform snp needs --vcpus N: every vCPU is measured');
  const count = /^[1-9][0-9]{0,3}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= MAX_VCPUS ? count : usage(`--vcpus ${text}: must be 1 to ${MAX_VCPUS}`);
}

/** On EC2 and GCE the processor is not in the measured state, and a name would be taken and mean nothing. */
function readVmm(line: CommandLine): SnpVmm {
  const kind = line.text('vmm') ?? 'qemu';
  const type = line.text('vcpu-type');
  if (kind === 'ec2' || kind === 'gce')
    return type === undefined ? { kind } : usage(`--vcpu-type goes with --vmm qemu: ${kind} measures none`);
  if (kind !== 'qemu') return usage(`--vmm ${kind}: is not qemu, ec2 or gce`);
  if (type === undefined) return usage('--vmm qemu needs --vcpu-type NAME: the processor is measured');
  return { kind, cpuSignature: /^0x[0-9a-fA-F]{1,8}$/.test(type) ? Number(type) : cpuSignature(type) };
}

/** With 0x, because without it other tools read a decimal number. */
function readFeatures(line: CommandLine): bigint {
  const text = line.text('guest-features');
  if (text === undefined) return DEFAULT_FEATURES;
  return /^0x[0-9a-fA-F]{1,16}$/.test(text)
    ? BigInt(text)
    : usage(`--guest-features ${text}: must be hexadecimal, like 0x1`);
}

function readBoot(line: CommandLine): DirectBoot | null {
  const [kernel, initrd, append] = ['kernel', 'initrd', 'append'].map((name) => line.text(name));
  if (kernel === undefined) {
    if (initrd !== undefined || append !== undefined) usage('--initrd and --append go with --kernel');
    return null;
  }
  return {
    kernel: readFile(kernel, MAX_KERNEL),
    initrd: initrd === undefined ? new Uint8Array(0) : readFile(initrd, MAX_INITRD),
    cmdline: append ?? '',
  };
}

function usage(message: string): never {
  return fail('USAGE', `assay image measure: ${message}`);
}
