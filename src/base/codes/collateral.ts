/** Codes of collateral: certificates, revocation lists and signed statements of vendors that evidence is judged with. */
export const COLLATERAL_CODES = {
  COLLATERAL_MISSING: {
    kind: 'undetermined',
    meaning: 'The evidence cannot be judged without collateral of the vendor that is not at hand',
    remedy: 'Fetch what the error names with assay collateral fetch, and give it with --collateral',
  },
  COLLATERAL_STALE: {
    kind: 'undetermined',
    meaning: 'Collateral is past the time at which its vendor promised a newer one, or not yet valid',
    remedy: 'Fetch it again with assay collateral fetch, or judge at a time at which it was valid',
  },
  COLLATERAL_INVALID: {
    kind: 'malformed',
    meaning: 'Collateral has the form of a kind that is known, and its content does not keep to it',
    remedy: 'Give the bytes as the service of the vendor served them; the error names the field',
  },
  COLLATERAL_SIGNATURE_INVALID: {
    kind: 'unauthentic',
    meaning: 'The signature of collateral does not verify over the bytes as they are given',
    remedy:
      'Give the bytes as served: reformatted JSON is not what the vendor signed; otherwise treat it as tampered with',
  },
  COLLATERAL_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'Collateral contradicts the evidence that it is to vouch for',
    remedy: 'Treat the evidence as forged if the collateral was fetched for its platform',
  },
  CRL_INVALID: {
    kind: 'malformed',
    meaning: 'A certificate revocation list is not what RFC 5280 section 5 allows',
    remedy: 'Give the list as its issuer published it, as DER or PEM',
  },
  CRL_ISSUER_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'A revocation list is of another issuer than the certificates it is to speak of',
    remedy: 'Fetch the list of the authority that issued the certificate',
  },
  CERTIFICATE_REVOKED: {
    kind: 'unauthentic',
    meaning: 'A certificate of the chain is on the revocation list of its issuer',
    remedy: 'Do not trust this platform: its key is withdrawn',
  },
  BUNDLE_INVALID: {
    kind: 'malformed',
    meaning: 'A collateral bundle is not canonical, or says of its items what they are not',
    remedy: 'Write the bundle again with assay collateral fetch',
  },
} as const;
