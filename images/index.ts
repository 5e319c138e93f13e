/**
 * images/: builds what hardware measures: archives, EIFs, the enclave program, and their expected measurements.
 * It must never run what it builds, sign anything, or put into an image what is not the same on every machine.
 */
export { type Bundle, bundleEnclave, refuseSimulator } from './bundle.ts';
export { type CpioFile, type CpioReaders, writeCpio } from './cpio.ts';
export {
  type EifMeasurements,
  type EifSigningAlgorithm,
  measureEif,
  requireSignature,
  signingAlgorithm,
} from './eif-measure.ts';
export { type EifContent, withChecksum, withSignature, writeEif } from './eif.ts';
export {
  type EnclaveImageOptions,
  type EnclavePlatform,
  type EnclaveProgram,
  enclaveProgram,
  NODE_FLAGS,
  programInputs,
  simulatedImage,
} from './enclave.ts';
export { configDigest, formatMeasurements, measure, type ProgramMeasurements } from './measurements.ts';
export {
  buildProgram,
  measureProgram,
  type Program,
  PROGRAM_ADDON,
  PROGRAM_CMDLINE,
  PROGRAM_CONFIG,
  PROGRAM_ENTRY,
  PROGRAM_LOCK,
  PROGRAM_NODE,
  type ProgramContent,
  isProgram,
  readProgram,
} from './program.ts';
export { formatSbom, type SbomInput } from './sbom.ts';
