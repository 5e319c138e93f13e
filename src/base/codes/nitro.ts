/** Codes of AWS Nitro evidence, enclave images and their measurements. */
export const NITRO_CODES = {
  NITRO_UNSIGNED_EMULATION: {
    kind: 'unauthentic',
    meaning: 'The document comes from an emulated security module, which signs nothing',
    remedy: 'Run the image on AWS Nitro; no trust policy accepts emulated evidence',
  },
  NITRO_FIELD_MISSING: {
    kind: 'malformed',
    meaning: 'An attestation document lacks a field that AWS always writes',
    remedy: 'Give the document as the Nitro Security Module returned it',
  },
  NITRO_FIELD_INVALID: {
    kind: 'malformed',
    meaning: 'A field of an attestation document holds what its definition does not allow',
    remedy: 'Give the document as the Nitro Security Module returned it; the error names the field',
  },
  NITRO_TOO_LARGE: {
    kind: 'malformed',
    meaning: 'Bytes are longer than any attestation document can be',
    remedy: 'Give one attestation document, as CBOR, hexadecimal or base64',
  },
  NITRO_SIGNATURE_INVALID: {
    kind: 'unauthentic',
    meaning: 'The COSE signature of an attestation document does not verify under its own certificate',
    remedy: 'Treat the document as tampered with',
  },
  NITRO_IDENTITY_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'Module id, certificate names and PCR4 of an attestation document contradict each other',
    remedy: 'Treat the document as forged: hardware writes them consistently',
  },
  NITRO_TIMESTAMP_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'The time in an attestation document is outside the validity of the certificate that signed it',
    remedy: 'Treat the document as forged: hardware renews its certificate first',
  },
  NITRO_TPM_DOCUMENT: {
    kind: 'unacceptable',
    meaning: 'The document is from a NitroTPM of an EC2 instance, where one from an enclave is required',
    remedy: 'Ask the enclave itself for a document; a NitroTPM measures another machine',
  },
  NITRO_DEBUG_MODE: {
    kind: 'unacceptable',
    meaning: 'The enclave runs in debug mode (PCR0, PCR1 or PCR2 is zero), so its host can read its console',
    remedy: 'Start the enclave without --debug-mode; for a test, set platforms.nitro.debug to "allow"',
  },
  NITRO_PCR_MISSING: {
    kind: 'unacceptable',
    meaning: 'The document does not list a platform configuration register that the trust policy names',
    remedy: 'Lock the register before asking for the document, or take it out of the trust policy',
  },
  NITRO_PCR_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'A platform configuration register holds a value that the trust policy does not list',
    remedy: 'Compare with the measurements of the image that you trust; other code is running here',
  },
  NITRO_HARDWARE_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The instance role (PCR3) or the instance (PCR4) is not one that the trust policy lists',
    remedy: 'List the instance or role under hardware.ids, or find out why the enclave runs elsewhere',
  },
  NITRO_PARTITION_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The document comes from an AWS partition that the trust policy does not list',
    remedy: 'Name the partition under platforms.nitro.partitions if it is yours',
  },
} as const;
