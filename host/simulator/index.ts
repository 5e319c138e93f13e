/**
 * simulator/: plays the hardware for development, tests and demonstrations: machines with AWS Nitro, Intel TDX or AMD
 * SEV-SNP in genuine formats, each under its own random root. It must never run beside real confidential hardware, use a vendor's name for its root, or be part
 * of an enclave image.
 */
export { FAULT_NAMES, type Faults, NO_FAULTS, parseFaults } from './faults.ts';
export {
  type Hardware,
  type HardwareRequest,
  type LaunchedGuest,
  type LaunchedProgram,
  openHardware,
  readPlatform,
  SIMULATED_PLATFORMS,
  type SimulatedPlatform,
} from './hardware.ts';
export { refuseBesideHardware, TEE_DEVICES } from './hardware-guard.ts';
export { keyPolicyFor, parseKeyPolicy } from './key-policy.ts';
export { createNitroHardware, type NitroHardware, type NitroModule } from './nitro.ts';
export { type HardwareIdentity, hardwareIdentity } from './identity.ts';
export { setKeyPolicy } from './machine.ts';
