/** Codes of the enclave: configuration, boot, keys, release, attestation, decisions. */
export const ENCLAVE_CODES = {
  CONFIG_INVALID: {
    kind: 'malformed',
    meaning: 'The measured configuration has an unknown, missing or wrong field',
    remedy: 'Correct the field in the configuration and build the image again',
  },
  FLAGS_NOT_MEASURED: {
    kind: 'refused',
    meaning: 'The enclave was started with other flags than the image measures',
    remedy: 'Start the image as it was built; treat the hypervisor as tampered with',
  },
  PLATFORM_AMBIGUOUS: {
    kind: 'refused',
    meaning: 'The machine shows another or more than one kind of confidential hardware',
    remedy: 'Run the image that was built for this platform',
  },
  NSM_REFUSED: {
    kind: 'refused',
    meaning: 'The Nitro Secure Module answered a request with an error',
    remedy:
      'See the error name in the message; a locked register means that another program extended it first',
  },
  DEVICE_REFUSED: {
    kind: 'refused',
    meaning: 'The device of a confidential guest answered with an error, or to another question',
    remedy: 'See the message; check that the image runs on the hardware that it was built for',
  },
  CONFIG_NOT_MEASURED: {
    kind: 'refused',
    meaning: 'The hardware does not say that this boot read this configuration, and nothing else before it',
    remedy:
      'Start the machine with the HOST_DATA of this image, or with none; let nothing extend RTMR3 first',
  },
  CLOCK_BEFORE_LOG: {
    kind: 'refused',
    meaning: 'Hardware time is before the last logged decision, so somebody set the clock back',
    remedy:
      'Set the clock of the machine right; the enclave does not decide before the time it has already logged',
  },
  KEY_RELEASE_UNAVAILABLE: {
    kind: 'refused',
    meaning: 'The build has no release backend for this platform, so no keyring can be opened or made',
    remedy: 'Use the simulated platform; key release on real hardware is listed in docs/limitations.md',
  },
  KEYRING_MISSING: {
    kind: 'refused',
    meaning: 'There is neither a keyring nor an order to make one, so the enclave stays locked',
    remedy: 'Restore the keyring file, or have the authorities sign a genesis order',
  },
  KEYRING_INVALID: {
    kind: 'malformed',
    meaning: 'The keyring file cannot be read',
    remedy: 'Restore the keyring file from a copy',
  },
  KEYRING_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'The keyring is not the one that its birth evidence describes, or belongs to another service',
    remedy: 'Restore the keyring of this service; treat the store as tampered with',
  },
  KEYRING_BIRTH: {
    kind: 'unacceptable',
    meaning: 'The keyring was born in code that the measured configuration does not accept',
    remedy: 'Restore the genuine keyring, or list the birth measurement in the configuration',
  },
  EPOCH_UNACCEPTABLE: {
    kind: 'unacceptable',
    meaning: 'The log was continued by an epoch whose evidence is not acceptable',
    remedy: 'Restore the log from a copy; treat the store as tampered with',
  },
  CHALLENGE_INVALID: {
    kind: 'malformed',
    meaning: 'A challenge is not exactly 32 bytes',
    remedy: 'Send 32 random bytes',
  },
  PRINCIPAL_UNKNOWN: {
    kind: 'refused',
    meaning: 'The client key is not mapped to a tenant and agent by the policy in force',
    remedy: 'Connect with a client key that the signed policy names',
  },
  POLICY_MISSING: {
    kind: 'refused',
    meaning: 'No policy is in force, or the store withholds the one that the log names',
    remedy: 'Load a signed policy, or restore the bundle to the store',
  },
  POLICY_TRIAL_FAILED: {
    kind: 'refused',
    meaning: 'A bundle exhausted or crashed the throwaway compiler',
    remedy: 'Simplify the policy; nothing of it came into force',
  },
  REQUEST_INVALID: {
    kind: 'malformed',
    meaning: 'A field of a request is missing or out of its bounds',
    remedy: 'Correct the field that the message names',
  },
  QUOTE_UNAVAILABLE: {
    kind: 'refused',
    meaning: 'The hardware did not answer a request for evidence in time',
    remedy: 'Try again; decisions do not wait for quotes',
  },
  LEAF_FORBIDDEN: {
    kind: 'refused',
    meaning: 'A receipt was asked for a leaf of another tenant',
    remedy: 'Ask for leaves of your own tenant; an auditor reads the exported log',
  },
  SEAL_UNKNOWN: {
    kind: 'refused',
    meaning: 'There is no seal of that number, or none yet',
    remedy: 'Ask without a number for the newest seal, or with a challenge for a new one',
  },
} as const;
