/**
 * nitro/: the enclave image for AWS Nitro: kernel, init, root file system, and what a parent instance needs.
 * It must never sign, run what it builds, or take anything that is not named by a lock file or the commit.
 */
export { buildNitroImage, type NitroBuildOptions, type NitroImage } from './build.ts';
export { type Compression, kernelCmdline, type MachineSettings } from './image.ts';
export { buildInit, type InitOptions } from './init.ts';
export { buildKernel, type Kernel, requireConfig } from './kernel.ts';
