/** Codes of the wire: frames, messages, connections. */
export const RPC_CODES = {} as const;
