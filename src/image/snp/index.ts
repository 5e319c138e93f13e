/**
 * snp/: what firmware under SEV-SNP measures to: OVMF read, the launch digest for each VMM, ID blocks and key digests.
 * It must never judge a report; what it computes is what a trust policy may demand.
 */
export { CPU_NAMES, cpuSignature } from './cpu.ts';
export {
  ID_BLOCK_SIZE,
  ID_KEY_SIZE,
  type IdBlock,
  idKeyDigest,
  writeIdBlock,
  writeIdKey,
} from './id-block.ts';
export { type DirectBoot, HASH_TABLE_SIZE } from './kernel-hashes.ts';
export {
  DEFAULT_FEATURES,
  MAX_VCPUS,
  measureSnpFirmware,
  measureSnpLaunch,
  measureSnpLaunchAfter,
  SNP_DIGEST_SIZE,
  type SnpLaunch,
} from './launch-digest.ts';
export { OVMF_PAGE, type OvmfSection, type OvmfSectionKind } from './ovmf-sections.ts';
export { OVMF_MAX_SIZE, type OvmfImage, parseOvmf } from './ovmf.ts';
export type { SnpVmm } from './vmsa.ts';
