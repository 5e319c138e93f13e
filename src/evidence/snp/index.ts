/** snp/: attestation reports of AMD SEV-SNP firmware, read and not judged. */
export { isSnpEndorsement, readSnpEndorsement, type SnpEndorsement } from './endorsement.ts';
export { type GuestPolicy, type PlatformInfo, readGuestPolicy, readPlatformInfo } from './flags.ts';
export { productOf, type SnpProduct } from './product.ts';
export {
  isSnpReport,
  parseSnpReport,
  SNP_REPORT_SIZE,
  SNP_SIGNED_SIZE,
  type FirmwareVersion,
  type SnpReport,
  type SnpTcbs,
} from './report.ts';
export { readTcb, type SnpTcb } from './tcb.ts';
