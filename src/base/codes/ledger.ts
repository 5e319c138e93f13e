/** Codes of the enclave's ledger and the host's store. */
export const LEDGER_CODES = {
  LOG_UNAVAILABLE: {
    kind: 'refused',
    meaning: 'The store cannot make leaves durable, so nothing is decided',
    remedy:
      'See the code behind it in the status; repair the disk or the store, and the enclave goes on by itself',
  },
  LOG_BUSY: {
    kind: 'refused',
    meaning: 'More leaves wait for the store than the queue may hold',
    remedy: 'Try again later, or with fewer requests in flight',
  },
  LOG_CLOSED: {
    kind: 'refused',
    meaning: 'The ledger has been closed',
    remedy: 'Connect to the enclave that now serves this origin',
  },
  LOG_TAIL_LOST: {
    kind: 'refused',
    meaning: 'The store no longer has leaves that were acknowledged',
    remedy: 'Give the store back the folder that it served before; no other continuation is honest',
  },
  LOG_SUPERSEDED: {
    kind: 'refused',
    meaning: 'Another enclave writes to the store of this log, so this one has stopped for good',
    remedy: 'Run one enclave for one store; start this one again if the other was a mistake',
  },
  LOG_INDEX_UNKNOWN: {
    kind: 'refused',
    meaning: 'The log has no leaf of that index',
    remedy: 'Ask for an index below the size of the checkpoint',
  },
  RECOVERY_HEAD_INVALID: {
    kind: 'unauthentic',
    meaning: 'The stored checkpoint is not signed by the log key and by an accepted epoch',
    remedy: 'Give the store back its genuine folder; treat the present one as tampered with',
  },
  RECOVERY_TREE_INVALID: {
    kind: 'unauthentic',
    meaning: 'Stored tiles or entries do not hash to the root of their checkpoint',
    remedy: 'Restore the damaged file from a copy of the log',
  },
  RECOVERY_STAGE_INVALID: {
    kind: 'unauthentic',
    meaning: 'Staged leaves are not in order, or not signed by the epoch that they name',
    remedy: 'Restore the stage from a copy; without one the leaves after the checkpoint are lost',
  },
  RECOVERY_STORE_INVALID: {
    kind: 'malformed',
    meaning: 'The store answers with something that no store of this version says',
    remedy: 'Run the store of the same release as the enclave',
  },
  STORE_FULL: {
    kind: 'refused',
    meaning: 'The disk of the store is full, or the stage has reached its bound',
    remedy: 'Make room on the disk of the store; it goes on by itself',
  },
  STORE_IO: {
    kind: 'refused',
    meaning: 'The disk of the store reports an error',
    remedy: 'See the system error in the message; check the disk and its mount',
  },
  STORE_FSYNC_FAILED: {
    kind: 'refused',
    meaning: 'The operating system could not make written bytes durable, so its cache cannot be trusted',
    remedy: 'Check the disk; the store reopens and reads its files again before it serves',
  },
  STORE_SESSION_ENDED: {
    kind: 'refused',
    meaning: 'Another writer has opened the store since',
    remedy: 'Run one enclave for one store; the older connection has to end',
  },
  STORE_INDEX_CONFLICT: {
    kind: 'refused',
    meaning: 'Staged leaves would leave a gap, or replace leaves that are already published',
    remedy: 'Open the store again and continue from the index that it names',
  },
  STORE_BATCH_INVALID: {
    kind: 'malformed',
    meaning: 'Staged bytes are not the number of length-prefixed entries that they claim',
    remedy: 'Report it: the ledger makes these bytes',
  },
  STORE_STAGE_CORRUPT: {
    kind: 'refused',
    meaning: 'The stage is damaged before its end, where only acknowledged leaves can be',
    remedy: 'Restore the stage folder from a copy; do not delete it',
  },
  STORE_TILES_CORRUPT: {
    kind: 'refused',
    meaning: 'Tiles of the store do not lead to the root of the checkpoint',
    remedy: 'Restore the log folder from a copy, or check the memory and the disk of the machine',
  },
  STORE_PATH_INVALID: {
    kind: 'malformed',
    meaning: 'A name is not one of those that a store keeps',
    remedy: 'Use log/…, objects/<sha256>, keyring, epochs/<n> or seals/<n>',
  },
  STORE_TOO_LARGE: {
    kind: 'malformed',
    meaning: 'A stored file would be larger than one frame can carry',
    remedy: 'Keep it in parts, each under its own digest',
  },
  STORE_LOCKED: {
    kind: 'refused',
    meaning: 'Another store process serves the same folder',
    remedy: 'End the other process, or give this one another folder',
  },
} as const;
