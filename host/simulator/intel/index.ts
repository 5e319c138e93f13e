/**
 * simulator/intel: plays the vendor and one platform of Intel TDX and SGX: certificates, collateral as the
 * provisioning service serves it, and quotes, all in their genuine formats, from a seed. The root has a name and a
 * key of its own unless a fault asks for the name. It must never read what a verifier reads with: its layouts are
 * its own, so that an error cannot be on both sides.
 */
export { INTEL_FAULTS, type IntelFault, type IntelFaults, parseIntelFaults } from './faults.ts';
export type {
  EnclaveImage,
  SimulatedEnclave,
  SimulatedTd,
  TdImage,
  TdQuoteOptions,
} from './guest.ts';
export type { Tee } from './qe.ts';
export type { TcbStatus } from './tcb.ts';
export { createIntelVendor, type IntelVendor, type IntelVendorOptions } from './vendor.ts';
