/** Codes of trust policies, verdicts, signatures and certificate chains of any platform. */
export const TRUST_CODES = {
  SIGNATURE_INVALID: {
    kind: 'unauthentic',
    meaning: 'A signature does not verify under the key it claims',
    remedy: 'Obtain the bytes again from their source; treat them as tampered with',
  },
  KEY_INVALID: {
    kind: 'unauthentic',
    meaning: 'A public key is not on its curve, not of the expected type, or of small order',
    remedy: 'Treat the source of the key as hostile',
  },
} as const;
