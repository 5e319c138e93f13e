/** Codes of AMD SEV-SNP evidence. */
export const SNP_CODES = {
  SNP_VERSION_UNKNOWN: {
    kind: 'malformed',
    meaning: 'An attestation report has a version that no released firmware writes',
    remedy: 'Give the 1,184 bytes of the report as the firmware returned them',
  },
  SNP_FIELD_INVALID: {
    kind: 'malformed',
    meaning:
      'A field of an attestation report holds what AMD 56860 does not allow, or a reserved part is not zero',
    remedy: 'Give the report as the firmware returned it; the error names the field',
  },
  SNP_ENDORSEMENT_INVALID: {
    kind: 'malformed',
    meaning: 'A certificate of a report key lacks what AMD writes into it, or contradicts itself',
    remedy: 'Give the VCEK or VLEK certificate as the key service of AMD or the cloud returned it',
  },
  SNP_UNSIGNED: {
    kind: 'unauthentic',
    meaning: 'The report says of itself that nobody has signed it',
    remedy: 'Ask the guest for a report that a VCEK or VLEK signs',
  },
  SNP_PRODUCT_UNSUPPORTED: {
    kind: 'undetermined',
    meaning: 'The report comes from a processor whose layout of versions is not known here',
    remedy: 'Use a release that knows this processor; guessing would compare the wrong numbers',
  },
} as const;
