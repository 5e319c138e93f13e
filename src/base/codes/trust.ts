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
  CHAIN_LENGTH: {
    kind: 'unauthentic',
    meaning: 'A certificate chain has too few or too many certificates',
    remedy: 'Give the chain from its root to its leaf, as the platform returned it',
  },
  CHAIN_ROOT_UNTRUSTED: {
    kind: 'unauthentic',
    meaning: 'A certificate chain begins at a root that is neither pinned nor named by the trust policy',
    remedy: 'Treat the evidence as forged; simulated roots are accepted only by name, under simulated.roots',
  },
  CHAIN_ALGORITHM: {
    kind: 'unauthentic',
    meaning: 'A certificate uses a key or signature algorithm that its platform does not use',
    remedy: 'Treat the evidence as forged',
  },
  CHAIN_ROLE: {
    kind: 'unauthentic',
    meaning:
      'A genuine certificate stands where its name gives it no place, as when one key acts for another',
    remedy: 'Treat the evidence or the collateral as forged: the key was made for another purpose',
  },
  CHAIN_NAME_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'The issuer of a certificate is not the subject of the one above it (RFC 5280 section 6.1.3)',
    remedy: 'Give the chain in order, from its root to its leaf, with nothing added',
  },
  CHAIN_NOT_CA: {
    kind: 'unauthentic',
    meaning: 'A certificate that issued another is no certification authority (RFC 5280 section 6.1.4)',
    remedy: 'Treat the evidence as forged',
  },
  CHAIN_LEAF_IS_CA: {
    kind: 'unauthentic',
    meaning: 'The certificate that signed evidence is a certification authority',
    remedy: 'Treat the evidence as forged',
  },
  CHAIN_KEY_USAGE: {
    kind: 'unauthentic',
    meaning: 'A certificate is not meant for what its key did (RFC 5280 section 4.2.1.3)',
    remedy: 'Treat the evidence as forged',
  },
  CHAIN_PATH_LENGTH: {
    kind: 'unauthentic',
    meaning: 'More certification authorities stand below one than it allows (RFC 5280 section 6.1.4)',
    remedy: 'Treat the evidence as forged',
  },
  CHAIN_EXTENSION_UNKNOWN: {
    kind: 'unauthentic',
    meaning: 'A certificate has a critical extension that nothing here implements (RFC 5280 section 4.2)',
    remedy: 'Use a newer verifier if the vendor introduced it; else treat the evidence as forged',
  },
  CHAIN_NOT_YET_VALID: {
    kind: 'unauthentic',
    meaning: 'A certificate of the chain begins to be valid after the time of verification',
    remedy: "Set this machine's clock, or give the right time with --at",
  },
  CHAIN_EXPIRED: {
    kind: 'unauthentic',
    meaning: 'A certificate of the chain has ended before the time of verification',
    remedy: 'Get fresh evidence; to judge recorded evidence, give its time with --at',
  },
  CHAIN_SIGNATURE_INVALID: {
    kind: 'unauthentic',
    meaning: 'A certificate is not signed by the one above it',
    remedy: 'Treat the evidence as forged',
  },
  CHAIN_LONG_LIVED: {
    kind: 'unacceptable',
    meaning: 'A chain without revocation has a certificate that lives too long to do without',
    remedy: 'Treat the issuer as compromised, or set revocation to "any" in the trust policy',
  },
  TRUST_POLICY_INVALID: {
    kind: 'malformed',
    meaning: 'A value in a trust policy is not one that its schema allows',
    remedy: 'Compare the field that the error names with verifier/trust-policy.schema.json',
  },
  TRUST_KEY_UNKNOWN: {
    kind: 'malformed',
    meaning: 'A trust policy has a key that its schema does not know, so it may mean what is not checked',
    remedy: 'Correct the spelling or take the key out',
  },
  EXPECTATION_MISSING: {
    kind: 'malformed',
    meaning: 'A trust policy leaves a security expectation out',
    remedy: 'State it, or waive it aloud with "any", "allow" or "none" where the schema permits that',
  },
  PLATFORM_UNKNOWN: {
    kind: 'malformed',
    meaning: 'The bytes are no evidence of a platform that this verifier knows',
    remedy: 'Name one with --platform, and give its evidence as the hardware returned it',
  },
  PLATFORM_NOT_ACCEPTED: {
    kind: 'unacceptable',
    meaning: 'The trust policy says nothing about the platform of the evidence',
    remedy: 'Add the platform with its measurements to the trust policy if you trust it',
  },
  EVIDENCE_TOO_OLD: {
    kind: 'unacceptable',
    meaning: 'Evidence is older than the trust policy allows',
    remedy: 'Ask for fresh evidence, or raise freshness.max_age_seconds',
  },
  EVIDENCE_FROM_FUTURE: {
    kind: 'unacceptable',
    meaning: 'Evidence claims to be made later than the time of verification',
    remedy: "Set this machine's clock",
  },
  EVIDENCE_UNVERIFIED: {
    kind: 'undetermined',
    meaning: 'A check that the trust policy demands of evidence was not performed, and nobody waived it',
    remedy: 'Use a verifier that performs the checks that the error names; until then accept nothing on it',
  },
  CHALLENGE_MISSING: {
    kind: 'undetermined',
    meaning: 'A challenge in the quote is needed to prove freshness, and the verifier has none to compare',
    remedy: 'Give the challenge that you sent with --nonce, or verify the endpoint by its URL',
  },
  CHALLENGE_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'Evidence does not answer the challenge: it was made for someone else or at another time',
    remedy: 'Treat it as replayed; ask again with a new challenge',
  },
  SESSION_MISSING: {
    kind: 'undetermined',
    meaning:
      'The trust policy demands a proof that a live session ends in the enclave, and there is no session',
    remedy: 'Verify the endpoint by its URL, or set freshness.nonce to "any" for evidence in a file',
  },
  SESSION_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'A session proof is for another connection, boot, challenge or piece of evidence',
    remedy: 'Treat the endpoint as relaying evidence that is not its own',
  },
  SESSION_SIGNATURE_INVALID: {
    kind: 'unauthentic',
    meaning: 'A session proof is not signed by the session key in the evidence',
    remedy: 'Treat the endpoint as relaying evidence that is not its own',
  },
  STATEMENT_MISSING: {
    kind: 'undetermined',
    meaning:
      'The trust policy names a service, and the evidence comes without the statement that says which it is',
    remedy: 'Give the attestation file instead of the bare document, or set service to "any"',
  },
  STATEMENT_NOT_BOUND: {
    kind: 'unauthentic',
    meaning: 'Evidence was not made for the statement that comes with it',
    remedy: 'Treat the statement as forged',
  },
  STATEMENT_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'A statement contradicts the evidence that binds it, or the keys that come with it',
    remedy: 'Treat the enclave as faulty and the keys as not its own',
  },
  SIMULATED_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'Root, statement and origin disagree about whether the hardware is simulated',
    remedy:
      'Treat the evidence as forged: origins of simulated hardware, and no others, begin with the label sim',
  },
  SERVICE_ORIGIN_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The enclave is another service than the trust policy names',
    remedy: 'Compare service.origin with the address; the same image serves other people too',
  },
  SERVICE_CONFIG_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The enclave runs another configuration than the trust policy names',
    remedy: 'Compare service.config_digest with the digest of the configuration that you reviewed',
  },
  SERVICE_CONFIG_MISSING: {
    kind: 'undetermined',
    meaning:
      'The trust policy names policy authorities, and the configuration that lists them is not at hand',
    remedy: 'Give the configuration with --collateral, or pin it with service.config_digest',
  },
  SERVICE_AUTHORITIES_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The enclave takes policy orders from other authorities than the trust policy names',
    remedy: 'Compare service.policy_authorities with the configuration of the service',
  },
  TIME_UNANCHORED: {
    kind: 'undetermined',
    meaning: 'Nothing but the evidence itself says when it was made',
    remedy: 'Give the time with --at, from a witnessed log or another source that you trust',
  },
} as const;
