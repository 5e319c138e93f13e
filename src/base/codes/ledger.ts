/** Codes of the enclave's ledger and the host's store. */
export const LEDGER_CODES = {} as const;
