/** Codes of enclave images: EIF, archives, measurements. */
export const IMAGE_CODES = {} as const;
