/** Codes of the host: command line, client, relay, tool gate. */
export const HOST_CODES = {
  USAGE: {
    kind: 'malformed',
    meaning: 'The command line is not understood',
    remedy: 'See assay --help',
  },
  INTERNAL: {
    kind: 'refused',
    meaning: 'A defect in Assay itself',
    remedy: 'Report it with the command and the stack trace (ASSAY_DEBUG=1)',
  },
} as const;
