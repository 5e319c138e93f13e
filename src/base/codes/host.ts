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
  CLIENT_KEY_INVALID: {
    kind: 'malformed',
    meaning: 'A client key file cannot be read',
    remedy: 'Give a P-256 private key in PKCS#8 PEM, or let assay make one',
  },
  SESSION_EXPIRED: {
    kind: 'refused',
    meaning: 'The evidence on which a session stands has expired',
    remedy: 'Connect again: the enclave is verified anew',
  },
  DECISION_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'A decision and the leaf that was logged for it differ',
    remedy: 'Do not act on it; report the service',
  },
  RECEIPT_REPLAYED: {
    kind: 'refused',
    meaning: 'A receipt that allows one action was presented a second time',
    remedy: 'Ask the enclave for a new decision',
  },
  GATE_FULL: {
    kind: 'refused',
    meaning: 'The tool gate remembers as many unexpired receipts as it may',
    remedy: 'Give the gate more capacity, or shorten the validity of decisions',
  },
  PROGRAM_FAILED: {
    kind: 'refused',
    meaning: 'A program of ours ended before it was ready',
    remedy: 'See its last words in the message',
  },
  NOT_BUILT: {
    kind: 'refused',
    meaning: 'The built program or its image is absent',
    remedy: 'Run make build',
  },
  STORY_BROKEN: {
    kind: 'refused',
    meaning: 'A step of the main job did not end as it must',
    remedy: 'Read the step that is marked; the service may have been changed',
  },
  FILE_UNREADABLE: {
    kind: 'malformed',
    meaning: 'A file named on the command line cannot be read, or is longer than any input may be',
    remedy: 'Check the path and its permissions',
  },
  INPUT_UNRECOGNISED: {
    kind: 'malformed',
    meaning: 'Input is in none of the forms that evidence comes in',
    remedy: 'Give evidence as it was returned, its hexadecimal or base64, or an attestation file',
  },
  FILE_EXISTS: {
    kind: 'refused',
    meaning: 'A file that decides what is trusted, or a signed image, would be overwritten',
    remedy: 'Name another file, or add --force',
  },
} as const;
