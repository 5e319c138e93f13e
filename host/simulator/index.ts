/**
 * simulator/: plays the hardware for development, tests and demonstrations: a Nitro-shaped machine with its own
 * random root. It must never run beside real confidential hardware, use a vendor's name for its root, or be part
 * of an enclave image.
 */
export { FAULT_NAMES, type Faults, NO_FAULTS, parseFaults } from './faults.ts';
export { refuseBesideHardware, TEE_DEVICES } from './hardware-guard.ts';
export { keyPolicyFor, parseKeyPolicy } from './key-policy.ts';
export { createNitroHardware, type NitroHardware, type NitroModule } from './nitro.ts';
export { type HardwareIdentity, hardwareIdentity } from './identity.ts';
export { setKeyPolicy } from './machine.ts';
