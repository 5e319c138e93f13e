/**
 * amd/: a machine with SEV-SNP and AMD's key service, from a seed, healthy or with named faults: certificates,
 * revocation lists, certificate tables and attestation reports in their genuine forms. It must never have a key of
 * AMD's, and it shares no layout with the reader of what it writes.
 */
export type { TableOptions } from './collateral.ts';
export { AMD_FAULTS, type AmdFault, type AmdFaults, NO_AMD_FAULTS, parseAmdFaults } from './faults.ts';
export type { GuestImage, ReportOptions, SimulatedGuest } from './guest.ts';
export type { AmdProduct, Signer } from './platform.ts';
export { type AmdVendor, type AmdVendorOptions, createAmdVendor } from './vendor.ts';
