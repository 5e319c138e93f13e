/**
 * The launch digest of SEV-SNP, which is MEASUREMENT in a report: a chain over the pages that the VMM hands to the
 * secure processor, in its order (AMD 56860, SNP Firmware ABI, section 8.17.2, PAGE_INFO). Firmware, then the sections
 * that it lists, then the first state of every vCPU.
 *
 * Kernel, ramdisk and command line are measured only where the firmware lists a page for their hashes. Disks, the
 * variables of the firmware and HOST_DATA are not in the digest.
 */
import type { Hashing } from '../../base/crypto.ts';
import { fail } from '../../base/errors.ts';
import { type DirectBoot, hashPage } from './kernel-hashes.ts';
import { OVMF_PAGE, type OvmfSection } from './ovmf-sections.ts';
import type { OvmfImage } from './ovmf.ts';
import { FIRST_ADDRESS, type SnpVmm, vmsaPage } from './vmsa.ts';

export const SNP_DIGEST_SIZE = 48;
/** As many as KVM has (KVM_MAX_VCPUS). */
export const MAX_VCPUS = 4_096;
/** SNPActive alone (AMD64 APM volume 2, SEV_FEATURES): what QEMU sets unless told. */
export const DEFAULT_FEATURES = 1n;

export interface SnpLaunch {
  readonly firmware: OvmfImage;
  /** vCPUs at launch, 1 to 4,096; one where others are started by the guest (GCE with AP creation). */
  readonly vcpus: number;
  readonly vmm: SnpVmm;
  /** SEV_FEATURES of every vCPU; bit 0 is set. */
  readonly features: bigint;
  /** What the VMM boots directly; null when the firmware finds a kernel itself, which is then not measured. */
  readonly boot: DirectBoot | null;
}

/** PAGE_INFO. */
const INFO_SIZE = 0x70;
const INFO = { digest: 0, contents: 48, length: 96, type: 98, address: 104 } as const;
const PAGE_TYPE = { normal: 1, vmsa: 2, zero: 3, unmeasured: 4, secrets: 5, cpuid: 6 } as const;
/**
 * Where KVM has every VMSA, on every processor (Linux arch/x86/kvm/svm/sev.c, INITIAL_VMSA_GPA): the last page of 48
 * bits. Google's gce-tcb-verifier takes the last of 52 bits for Genoa; its default, and what is measured here, is Milan.
 */
const VMSA_ADDRESS = 0xfffffffff000;

/** The chain: one buffer is kept for all pages, because there are thousands. */
class Chain {
  readonly #hashing: Hashing;
  readonly #info = new Uint8Array(INFO_SIZE);
  readonly #view = new DataView(this.#info.buffer);

  constructor(hashing: Hashing, digest: Uint8Array) {
    this.#hashing = hashing;
    this.#info.set(digest, INFO.digest);
    this.#view.setUint16(INFO.length, INFO_SIZE, true);
  }

  get digest(): Uint8Array {
    return this.#info.slice(INFO.digest, INFO.contents);
  }

  /** Pages of which the contents are measured. */
  contents(type: 'normal' | 'vmsa', address: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += OVMF_PAGE)
      this.#page(type, address + at, this.#hashing.sha384(bytes.subarray(at, at + OVMF_PAGE)));
  }

  /** Pages of which only place and type are measured. */
  places(type: 'zero' | 'unmeasured' | 'secrets' | 'cpuid', { address, size }: OvmfSection): void {
    for (let at = 0; at < size; at += OVMF_PAGE) this.#page(type, address + at, null);
  }

  /** The same page again and again: every vCPU but the first begins alike. */
  repeat(address: number, bytes: Uint8Array, times: number): void {
    const contents = this.#hashing.sha384(bytes);
    for (let i = 0; i < times; i++) this.#page('vmsa', address, contents);
  }

  #page(type: keyof typeof PAGE_TYPE, address: number, contents: Uint8Array | null): void {
    if (contents === null) this.#info.fill(0, INFO.contents, INFO.length);
    else this.#info.set(contents, INFO.contents);
    this.#view.setUint8(INFO.type, PAGE_TYPE[type]);
    this.#view.setBigUint64(INFO.address, BigInt(address), true);
    this.#info.set(this.#hashing.sha384(this.#info), INFO.digest);
  }
}

/**
 * MEASUREMENT of this launch, 48 bytes. Throws SNP_LAUNCH_INVALID for what no VMM starts, OVMF_NO_KERNEL_HASHES for a
 * kernel that the firmware would not check.
 */
export function measureSnpLaunch(hashing: Hashing, launch: SnpLaunch): Uint8Array {
  return measureSnpLaunchAfter(hashing, measureSnpFirmware(hashing, launch.firmware), launch);
}

/** The chain after the firmware's own pages, 48 bytes: what some publish in place of the file. */
export function measureSnpFirmware(hashing: Hashing, firmware: OvmfImage): Uint8Array {
  const chain = new Chain(hashing, new Uint8Array(SNP_DIGEST_SIZE));
  chain.contents('normal', firmware.address, firmware.bytes);
  return chain.digest;
}

/** The same as `measureSnpLaunch` with the chain after the firmware's pages given; of the firmware only its table counts. */
export function measureSnpLaunchAfter(hashing: Hashing, digest: Uint8Array, launch: SnpLaunch): Uint8Array {
  if (digest.length !== SNP_DIGEST_SIZE)
    fail('SNP_LAUNCH_INVALID', `a digest of firmware has 48 bytes, not ${digest.length}`);
  requireLaunch(launch);
  const chain = new Chain(hashing, digest);
  for (const section of inOrder(launch)) measureSection(hashing, chain, section, launch);
  measureVcpus(chain, launch);
  return chain.digest;
}

function requireLaunch({ firmware, vcpus, features, boot }: SnpLaunch): void {
  if (!Number.isInteger(vcpus) || vcpus < 1 || vcpus > MAX_VCPUS)
    fail('SNP_LAUNCH_INVALID', `${vcpus} vCPUs: must be 1 to ${MAX_VCPUS}`);
  if (features < 0n || features >= 1n << 64n || (features & 1n) === 0n)
    fail(
      'SNP_LAUNCH_INVALID',
      `guest features 0x${features.toString(16)}: bit 0 (SEV-SNP) must be set, in 64 bits`,
    );
  if (vcpus > 1 && firmware.resetAddress === null)
    fail('SNP_LAUNCH_INVALID', 'the firmware does not say where a second vCPU begins');
  if (boot !== null && firmware.hashTable === null)
    fail(
      'OVMF_NO_KERNEL_HASHES',
      'the firmware has no page for kernel hashes: the kernel would not be measured',
    );
}

/** EC2 launches the CPUID page after all other sections. */
function inOrder({ firmware: { sections }, vmm }: SnpLaunch): readonly OvmfSection[] {
  if (vmm.kind !== 'ec2') return sections;
  const last = sections.filter(({ kind }) => kind === 'cpuid');
  return [...sections.filter(({ kind }) => kind !== 'cpuid'), ...last];
}

function measureSection(hashing: Hashing, chain: Chain, section: OvmfSection, launch: SnpLaunch): void {
  const { firmware, vmm, boot } = launch;
  switch (section.kind) {
    case 'memory':
      return chain.places(vmm.kind === 'gce' ? 'unmeasured' : 'zero', section);
    case 'secrets':
    case 'cpuid':
      return chain.places(section.kind, section);
    case 'svsm-calling-area':
      return chain.places('zero', section);
    case 'kernel-hashes':
      if (boot === null || firmware.hashTable === null) return chain.places('zero', section);
      return chain.contents(
        'normal',
        section.address,
        hashPage(hashing, boot, firmware.hashTable - section.address),
      );
  }
}

function measureVcpus(chain: Chain, { firmware, vcpus, vmm, features }: SnpLaunch): void {
  chain.contents('vmsa', VMSA_ADDRESS, vmsaPage({ vmm, address: FIRST_ADDRESS, features }));
  if (vcpus === 1 || firmware.resetAddress === null) return;
  chain.repeat(VMSA_ADDRESS, vmsaPage({ vmm, address: firmware.resetAddress, features }), vcpus - 1);
}
