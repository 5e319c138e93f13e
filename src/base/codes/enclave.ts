/** Codes of the enclave: boot, keys, release, attestation, decisions. */
export const ENCLAVE_CODES = {} as const;
