/**
 * image/: what an enclave is made of and how hardware measures it: EIF, initramfs archives, the PCR rule.
 * It must never write a file, start a program or decide whether an image is acceptable.
 */
export { type CpioEntry, isSafePath, parseCpio } from './cpio.ts';
export { crc32 } from './crc32.ts';
export { type EifImage, parseEif } from './eif.ts';
export {
  extendPcr,
  type ImageMeasurements,
  type MeasuredSections,
  measureImage,
  measureSigner,
  measureText,
  PCR_SIZE,
} from './pcr.ts';
export {
  type Compression,
  compressionOf,
  type ImageWarning,
  imageWarnings,
  requireCanonical,
} from './warnings.ts';
