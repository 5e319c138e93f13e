/**
 * emulator/: runs enclave image files on QEMU's nitro-enclave machine and plays the parent instance beside it. What
 * it shows is that an image boots, measures and serves; its evidence is unsigned and every trust policy refuses it.
 * It must never run beside real confidential hardware, or be part of an enclave image.
 */
export { connectEmulated, type EmulatedOptions } from './connect.ts';
export { type EmulatorMachine, type EmulatorOptions, startEmulator } from './machine.ts';
