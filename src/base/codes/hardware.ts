/** Codes of what stands outside an enclave and serves it: the Nitro Secure Module and the key release backend. */
export const HARDWARE_CODES = {
  NSM_MESSAGE_INVALID: {
    kind: 'malformed',
    meaning: 'A request or response of the Nitro Secure Module has an unknown variant or the wrong fields',
    remedy: 'Treat the device as not being a Nitro Secure Module',
  },
  CMS_INVALID: {
    kind: 'malformed',
    meaning: 'The CMS structure of a key release is not the EnvelopedData that a KMS makes',
    remedy: 'Ask for the key again; treat the connection to the KMS as tampered with',
  },
  CMS_RECIPIENT_OTHER: {
    kind: 'unauthentic',
    meaning: 'The released key is encrypted to another recipient key than the one asked with',
    remedy: 'Ask for the key again; treat the connection to the KMS as tampered with',
  },
  CMS_DECRYPTION_FAILED: {
    kind: 'unauthentic',
    meaning: 'The released key does not decrypt under the recipient key',
    remedy: 'Ask for the key again; treat the connection to the KMS as tampered with',
  },
  KEY_RELEASE_DENIED: {
    kind: 'refused',
    meaning: 'The custodian does not release the key to this code on this hardware',
    remedy:
      'Compare the measurements of the image with the conditions of the key policy; see that the hardware is current and not in debug mode',
  },
  KMS_REQUEST_REFUSED: {
    kind: 'refused',
    meaning: 'The KMS refuses the request for another reason than its key policy',
    remedy: 'See the error type in the message; check key id, context and the age of the evidence',
  },
  KMS_CONTEXT_EMPTY: {
    kind: 'refused',
    meaning: 'A key was asked for without a context that the enclave trusts',
    remedy: 'Bind the wrapped key to its service and header; without that another blob can be slipped in',
  },
  KMS_RESPONSE_INVALID: {
    kind: 'unauthentic',
    meaning: 'The KMS answered with another key, another form or a plaintext outside the envelope',
    remedy: 'Treat the connection to the KMS as tampered with',
  },
  KMS_UNAVAILABLE: {
    kind: 'refused',
    meaning: 'The KMS cannot be reached, does not answer in time or reports a failure of its own',
    remedy: 'Start the KMS or its proxy, and try again',
  },
} as const;
