/** Codes of the host: command line, client, relay, tool gate, fetching of collateral. */
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
  COLLATERAL_UNREACHABLE: {
    kind: 'undetermined',
    meaning: 'A service that hands out collateral does not answer, fails, or breaks off',
    remedy: 'Try again later, or name another service with --pcs or --kds',
  },
  COLLATERAL_RATE_LIMITED: {
    kind: 'undetermined',
    meaning: 'A service that hands out collateral asks to be left alone for longer than can be waited for',
    remedy: 'Try again after the time that the message names; what was fetched before is in the cache',
  },
  COLLATERAL_NOT_SERVED: {
    kind: 'undetermined',
    meaning: 'A service answers that it does not have, or does not give out, what was asked for',
    remedy: 'Check the platform that the message names, or ask the vendor itself instead of a cache of its',
  },
  COLLATERAL_ANSWER_INVALID: {
    kind: 'undetermined',
    meaning: 'An answer of a service is not the collateral that was asked for, or breaks the rules of asking',
    remedy: 'Check the address; if it is the right one, something between here and there changes the answers',
  },
  COLLATERAL_ROLLED_BACK: {
    kind: 'undetermined',
    meaning: 'Collateral is older than what was seen here before, so something newer is held back',
    remedy: 'Ask the vendor itself: a cache between may lag behind, and an attacker may want it to',
  },
  COLLATERAL_MEMORY_INVALID: {
    kind: 'malformed',
    meaning: 'The file that remembers the newest collateral ever seen is not what was written there',
    remedy: 'Restore the file; deleting it gives up the protection against older collateral, once',
  },
} as const;
