/**
 * emulator/: a QEMU with the nitro-enclave machine and the vsock device beside it, built from the Debian lock.
 * It must never be part of an image, and nothing that it prints is evidence.
 */
export { buildEmulator, type Emulator } from './build.ts';
