/** Codes of native/: the addon, sockets, devices and symmetric crypto. */
export const NATIVE_CODES = {
  NATIVE_MISSING: {
    kind: 'refused',
    meaning: 'The native addon is not built, or not for this machine',
    remedy: 'Run make native, or ship assay.node beside the program',
  },
  CIPHERTEXT_INVALID: {
    kind: 'unauthentic',
    meaning: 'A ciphertext does not open under its key and its additional data',
    remedy: 'Obtain it again from its source; treat it as tampered with',
  },
} as const;
