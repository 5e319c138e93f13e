/** Codes of AWS Nitro evidence, enclave images and their measurements. */
export const NITRO_CODES = {} as const;
