/** Codes of the native addon: sockets and devices. */
export const NATIVE_CODES = {} as const;
