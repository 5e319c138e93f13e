/** Codes of native/: the addon, sockets, devices and symmetric crypto. */
export const NATIVE_CODES = {
  NATIVE_MISSING: {
    kind: 'refused',
    meaning: 'The native addon is not built, or not for this machine',
    remedy: 'Run make native, or ship assay.node beside the program',
  },
  ADDRESS_INVALID: {
    kind: 'malformed',
    meaning:
      'A socket address cannot be used: its path, context id or port is out of range, not there or forbidden',
    remedy:
      'Give a path of at most 107 bytes in a folder that you may write, or a 32-bit context id and port',
  },
  ADDRESS_IN_USE: {
    kind: 'refused',
    meaning: 'Another process listens at this address, or a file that is no stale socket lies there',
    remedy: 'Stop the other process or choose another address',
  },
  CONNECTION_REFUSED: {
    kind: 'undetermined',
    meaning: 'Nobody listens at this address',
    remedy: 'Start the service, or correct the address',
  },
  CONNECTION_TIMEOUT: {
    kind: 'undetermined',
    meaning: 'No connection came about in time',
    remedy: 'See whether the service is overloaded or unreachable, and try again',
  },
  CONNECTION_CANCELLED: {
    kind: 'undetermined',
    meaning: 'The caller gave up while the connection was being made',
    remedy: 'Connect again when it is wanted',
  },
  CONNECTION_LOST: {
    kind: 'undetermined',
    meaning: 'The peer went away without ending the connection',
    remedy: 'Connect again; what was not acknowledged may or may not have arrived',
  },
  TRANSPORT_FAILED: {
    kind: 'undetermined',
    meaning: 'The operating system refused a socket operation',
    remedy: 'See the cause: descriptor limits, memory, or a missing kernel module',
  },
  NSM_MISSING: {
    kind: 'refused',
    meaning: 'There is no Nitro Security Module, or it may not be opened',
    remedy: 'Run in a Nitro enclave whose kernel has CONFIG_NSM and whose device is owned by this user',
  },
  NSM_REQUEST_TOO_LARGE: {
    kind: 'malformed',
    meaning: 'A request to the Nitro Security Module has more than 4,096 bytes',
    remedy: 'Send a shorter request; user data and nonce have at most 512 or 1,024 bytes',
  },
  NSM_FAILED: {
    kind: 'refused',
    meaning: 'The Nitro Security Module did not answer a request',
    remedy: 'See the cause; an enclave whose device fails must be started again',
  },
  SECURE_HEAP_MISSING: {
    kind: 'refused',
    meaning: 'The process has no secure heap for its private keys, or too small a one',
    remedy: 'Start Node with --secure-heap=65536 or more, within the limit of locked memory',
  },
  CIPHERTEXT_INVALID: {
    kind: 'unauthentic',
    meaning: 'A ciphertext does not open under its key and its additional data',
    remedy: 'Obtain it again from its source; treat it as tampered with',
  },
} as const;
