/** Codes of the byte formats: CBOR, COSE, DER, X.509, PEM, JSON, base64, hex, fixed structures. */
export const CODEC_CODES = {
  HEX_INVALID: {
    kind: 'malformed',
    meaning: 'Text is not an even number of hexadecimal digits',
    remedy: 'Give hexadecimal without spaces or a 0x prefix',
  },
} as const;
