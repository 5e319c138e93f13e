/** Codes of Intel TDX and SGX evidence: quotes, the certificates of their keys, and what Intel's algorithm finds. */
export const INTEL_CODES = {
  QUOTE_VERSION_UNKNOWN: {
    kind: 'malformed',
    meaning: 'A quote has a version, key type or TEE type that is not known here',
    remedy:
      'Give a quote of version 3, 4 or 5 with an ECDSA P-256 attestation key, as the quoting service returned it',
  },
  QUOTE_FIELD_INVALID: {
    kind: 'malformed',
    meaning: 'A field of a quote holds what its definition does not allow, or lengths in it do not agree',
    remedy: 'Give the quote as the quoting service returned it; the error names the field',
  },
  QUOTE_TRAILING_BYTES: {
    kind: 'malformed',
    meaning: 'Bytes follow the signature data of a quote and are not zero',
    remedy: 'Cut the buffer off after the quote; nobody has signed what follows it',
  },
  QUOTE_PCK_MISSING: {
    kind: 'undetermined',
    meaning: 'The quote names its platform but does not carry the PCK certificate chain',
    remedy:
      'Fetch the PCK certificate for this platform from the provisioning service, and ask for a quote that carries it',
  },
  PCK_INVALID: {
    kind: 'malformed',
    meaning: 'A PCK certificate lacks the SGX extension, or the extension contradicts its definition',
    remedy: 'Give the certificate as the provisioning service issued it; the error names the part',
  },
  QUOTE_SIGNATURE_INVALID: {
    kind: 'unauthentic',
    meaning: 'The signature of a quote does not verify under its own attestation key',
    remedy: 'Treat the quote as tampered with',
  },
  QUOTE_QE_REPORT_INVALID: {
    kind: 'unauthentic',
    meaning: 'The report of the quoting enclave is not signed by the PCK of the platform',
    remedy: 'Treat the quote as forged',
  },
  QUOTE_KEY_NOT_BOUND: {
    kind: 'unauthentic',
    meaning: 'The report of the quoting enclave does not vouch for the key that signed the quote',
    remedy: 'Treat the quote as forged: any key could have signed it',
  },
  QUOTE_QE_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'The enclave that signed the quote is not the quoting enclave of Intel',
    remedy: 'Treat the quote as forged: another enclave has signed it',
  },
  TDX_MODULE_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'The TDX module is signed by another, or runs with attributes that Intel does not name',
    remedy: 'Treat the platform as not Intel TDX',
  },
  TDX_MODULE_UNKNOWN: {
    kind: 'undetermined',
    meaning: 'The TCB info at hand does not know the generation of TDX module that the quote names',
    remedy: 'Fetch newer TCB info for this platform',
  },
  TDX_DEBUG_MODE: {
    kind: 'unacceptable',
    meaning: 'The TD runs in debug mode, so its host can read it',
    remedy: 'Start the TD without DEBUG; for a test, set platforms.tdx.debug to "allow"',
  },
  TDX_ATTRIBUTES_REFUSED: {
    kind: 'unacceptable',
    meaning: 'The TD has attributes that the trust policy does not list, or reserved ones',
    remedy: 'List the attribute under platforms.tdx.attributes if the guest needs it',
  },
  TDX_SEPT_VE_ENABLED: {
    kind: 'unacceptable',
    meaning: 'The host can inject exceptions into the TD, because SEPT_VE_DISABLE is not set',
    remedy:
      'Start the TD with SEPT_VE_DISABLE; where a paravisor handles them, set platforms.tdx.sept_ve_disable to "any"',
  },
  TDX_XFAM_REFUSED: {
    kind: 'unacceptable',
    meaning: 'The TD may use extended features that the trust policy does not allow',
    remedy: 'Allow the features with platforms.tdx.xfam, or start the TD without them',
  },
  TDX_SERVICE_TD_BOUND: {
    kind: 'unacceptable',
    meaning: 'A service TD is bound, which can move the TD to another machine',
    remedy: 'List its MRSERVICETD under platforms.tdx.service_td if it is yours',
  },
  TDX_MEASUREMENT_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'A measurement of the TD is not one that the trust policy lists',
    remedy: 'Compare with the measurements of the image that you trust; other code is running here',
  },
  TDX_MODULE_TOO_OLD: {
    kind: 'unacceptable',
    meaning:
      'The TDX module is older than the trust policy demands, or of a generation that it does not list',
    remedy: 'Have the operator update the TDX module',
  },
  TDX_TCB_OUT_OF_DATE: {
    kind: 'unacceptable',
    meaning: 'The platform of the TD lacks updates that Intel has published',
    remedy:
      'Have the operator install the firmware that the error names; or accept the status or a grace period in the trust policy',
  },
  TDX_TCB_REFUSED: {
    kind: 'unacceptable',
    meaning: 'The platform of the TD has a TCB status that the trust policy does not accept',
    remedy:
      'Read the advisories in the verdict, and add the status to platforms.tdx.tcb.statuses if you accept them',
  },
  TDX_TCB_REVOKED: {
    kind: 'unacceptable',
    meaning: 'Intel has revoked the level of the platform: its keys may be known to others',
    remedy: 'Use another platform',
  },
  TDX_TCB_NOT_SUPPORTED: {
    kind: 'unacceptable',
    meaning: 'No level of the TCB info fits the platform, so its state is unknown',
    remedy: 'Have the operator update the platform, or fetch newer TCB info',
  },
  SGX_TCB_OUT_OF_DATE: {
    kind: 'unacceptable',
    meaning: 'The platform of the enclave lacks updates that Intel has published',
    remedy:
      'Have the operator install the firmware that the error names; or accept the status or a grace period in the trust policy',
  },
  SGX_TCB_REFUSED: {
    kind: 'unacceptable',
    meaning: 'The platform of the enclave has a TCB status that the trust policy does not accept',
    remedy:
      'Read the advisories in the verdict, and add the status to platforms.sgx.tcb.statuses if you accept them',
  },
  SGX_TCB_REVOKED: {
    kind: 'unacceptable',
    meaning: 'Intel has revoked the level of the platform: its keys may be known to others',
    remedy: 'Use another platform',
  },
  SGX_TCB_NOT_SUPPORTED: {
    kind: 'unacceptable',
    meaning: 'No level of the TCB info fits the platform, so its state is unknown',
    remedy: 'Have the operator update the platform, or fetch newer TCB info',
  },
  TCB_ADVISORY_OPEN: {
    kind: 'unacceptable',
    meaning: 'Security advisories of Intel apply to the platform and are not accepted by the trust policy',
    remedy: 'Read them, and list those that you accept under tcb.advisories',
  },
  TCB_EVALUATION_TOO_OLD: {
    kind: 'unacceptable',
    meaning: 'The collateral is of an older evaluation than the trust policy demands',
    remedy: 'Fetch the current collateral; whoever gave it may have withheld the newer',
  },
  TCB_DATE_TOO_OLD: {
    kind: 'unacceptable',
    meaning: 'The level of the platform is older than the trust policy demands',
    remedy: 'Have the operator update the platform',
  },
  COLLATERAL_TOO_OLD: {
    kind: 'unacceptable',
    meaning: 'Collateral was issued longer ago than the trust policy allows',
    remedy: 'Fetch it again with assay collateral fetch',
  },
  PLATFORM_CONFIGURATION: {
    kind: 'unacceptable',
    meaning: 'The platform is configured in a way that the trust policy does not accept',
    remedy:
      'Use a platform of another configuration, or accept it under platforms.tdx.platform or platforms.sgx.platform',
  },
  PLATFORM_HARDWARE_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The machine is not one that the trust policy lists',
    remedy:
      'List its PPID or platform instance under hardware.ids, or find out why the service runs elsewhere',
  },
  SGX_DEBUG_MODE: {
    kind: 'unacceptable',
    meaning: 'The enclave runs in debug mode, so its host can read it',
    remedy: 'Build the enclave for production; for a test, set platforms.sgx.debug to "allow"',
  },
  SGX_ATTRIBUTES_REFUSED: {
    kind: 'unacceptable',
    meaning: 'The enclave has attributes that no service needs, or reserved ones',
    remedy: 'Build the enclave without them',
  },
  SGX_MEASUREMENT_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The enclave or its signer is not one that the trust policy lists',
    remedy: 'Compare with the measurements of the enclave that you trust; other code is running here',
  },
  SGX_PRODUCT_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The product or version of the enclave is not what the trust policy demands',
    remedy: 'Update the enclave, or the trust policy',
  },
} as const;
