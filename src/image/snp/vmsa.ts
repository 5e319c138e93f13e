/**
 * The first state of a vCPU, which is measured as a page: VMSA, AMD64 Architecture Programmer's Manual volume 2,
 * table B-4. What is not set here is zero. VMMs differ: QEMU has its reset state (target/i386/cpu.c,
 * x86_cpu_reset_hold) and what KVM sets; EC2 and GCE are as sev-snp-measure 0.0.13 has them (vmsa.py), which for GCE is
 * what Google's gce-tcb-verifier says too (sev/ld_from_ovmf.go).
 */

/** Where the first vCPU begins. */
export const FIRST_ADDRESS = 0xfffffff0;

/** The VMM, with what it alone lets differ. */
export type SnpVmm =
  | {
      readonly kind: 'qemu';
      /** CPUID Fn0000_0001_EAX of the model that the guest sees; `cpuSignature` has those of QEMU's names. */
      readonly cpuSignature: number;
    }
  | { readonly kind: 'ec2' }
  | { readonly kind: 'gce' };

export interface VcpuStart {
  readonly vmm: SnpVmm;
  readonly address: number;
  /** SEV_FEATURES, of 64 bits. */
  readonly features: bigint;
}

/** Attributes of segments (volume 2, section 4.7 and table 14-1), PAT, and what the floating point unit has. */
interface State {
  readonly code: number;
  readonly stack: number;
  readonly task: number;
  readonly pat: bigint;
  readonly rdx: number;
  readonly mxcsr: number;
  readonly x87Control: number;
}

const RESET_PAT = 0x0007_0406_0007_0406n;
/** RDX after INIT of a processor of family 6, whatever the processor is. */
const FAMILY_6 = 0x600;

function stateOf({ vmm, address }: VcpuStart): State {
  switch (vmm.kind) {
    case 'qemu':
      return {
        code: 0x9b,
        stack: 0x93,
        task: 0x8b,
        pat: RESET_PAT,
        rdx: vmm.cpuSignature,
        mxcsr: 0x1f80,
        x87Control: 0x037f,
      };
    case 'ec2':
      return {
        // Not yet accessed on the first vCPU alone.
        code: address === FIRST_ADDRESS ? 0x9a : 0x9b,
        stack: 0x92,
        task: 0x83,
        pat: RESET_PAT,
        rdx: FAMILY_6,
        mxcsr: 0,
        x87Control: 0,
      };
    case 'gce':
      return {
        code: 0x9b,
        stack: 0x93,
        task: 0x8b,
        pat: 0x0007_0106n,
        rdx: FAMILY_6,
        mxcsr: 0,
        x87Control: 0,
      };
  }
}

/** One page of 4,096 bytes. */
export function vmsaPage(start: VcpuStart): Uint8Array {
  const { code, stack, task, pat, rdx, mxcsr, x87Control } = stateOf(start);
  const page = new Uint8Array(4_096);
  const view = new DataView(page.buffer);
  const segment = (at: number, attributes: number, selector = 0, base = 0): void => {
    view.setUint16(at, selector, true);
    view.setUint16(at + 2, attributes, true);
    view.setUint32(at + 4, 0xffff, true);
    view.setBigUint64(at + 8, BigInt(base), true);
  };
  const u64 = (at: number, value: number | bigint): void => view.setBigUint64(at, BigInt(value), true);
  segment(0x000, 0x93); // ES
  segment(0x010, code, 0xf000, (start.address & 0xffff0000) >>> 0); // CS
  segment(0x020, stack); // SS
  segment(0x030, 0x93); // DS
  segment(0x040, 0x93); // FS
  segment(0x050, 0x93); // GS
  segment(0x060, 0); // GDTR
  segment(0x070, 0x82); // LDTR
  segment(0x080, 0); // IDTR
  segment(0x090, task); // TR
  u64(0x0d0, 0x1000); // EFER: SVME, set by KVM
  u64(0x148, 0x40); // CR4: MCE, set by KVM
  u64(0x158, 0x10); // CR0: ET
  u64(0x160, 0x400); // DR7
  u64(0x168, 0xffff_0ff0); // DR6
  u64(0x170, 0x2); // RFLAGS
  u64(0x178, start.address & 0xffff); // RIP
  u64(0x268, pat); // G_PAT
  u64(0x310, rdx); // RDX
  u64(0x3b0, start.features); // SEV_FEATURES
  u64(0x3e8, 0x1); // XCR0
  view.setUint32(0x408, mxcsr, true); // MXCSR
  view.setUint16(0x410, x87Control, true); // x87 FCW
  return page;
}
