/** Codes of the transparency log: trees, tiles, notes, checkpoints, leaves, seals, receipts, audits. */
export const LOG_CODES = {} as const;
