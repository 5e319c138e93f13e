/** Codes of the simulated hardware. */
export const SIMULATOR_CODES = {} as const;
