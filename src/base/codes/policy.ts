/** Codes of policies, bundles, orders, principals and their evaluation. */
export const POLICY_CODES = {
  POLICY_BUNDLE_INVALID: {
    kind: 'malformed',
    meaning: 'A policy bundle has a missing, unknown or mistyped member',
    remedy: 'Build the bundle again with assay policy build',
  },
  POLICY_BUNDLE_NOT_CANONICAL: {
    kind: 'malformed',
    meaning: 'A policy bundle is JSON but not in its one canonical form, so its digest names nothing',
    remedy: 'Build the bundle with assay policy build and do not edit the result',
  },
  POLICY_MANIFEST_INVALID: {
    kind: 'malformed',
    meaning: 'A policy manifest breaks the Agent Control Specification',
    remedy: 'Correct the member that the message names and run assay policy check',
  },
  POLICY_ENGINE_UNKNOWN: {
    kind: 'malformed',
    meaning: 'A policy is of a type or adapter that this program has no engine for',
    remedy: 'Use a policy of type cedar, or of type custom with adapter assay/rules/v1',
  },
  POLICY_RULES_INVALID: {
    kind: 'malformed',
    meaning: 'A rule list has a rule, a condition or a limit that the format does not allow',
    remedy: 'Correct the rule that the message names; docs/policy-rules.md has the format',
  },
  POLICY_CEDAR_INVALID: {
    kind: 'malformed',
    meaning: 'A Cedar policy, schema, entity list or advice annotation does not parse or does not fit',
    remedy: 'Correct the policy that the message names',
  },
  POLICY_CEDAR_TOO_COMPLEX: {
    kind: 'malformed',
    meaning: 'Cedar text is larger, deeper or longer than the bounds under which the Cedar parser is safe',
    remedy: 'Split the policy that the message names into smaller ones',
  },
  POLICY_CEDAR_MODULE_INVALID: {
    kind: 'malformed',
    meaning: 'The WebAssembly module is not the Cedar build that this program knows',
    remedy: 'Use cedar_wasm_bg.wasm of the @cedar-policy/cedar-wasm version in the lock file',
  },
  POLICY_PRINCIPAL_DUPLICATE: {
    kind: 'malformed',
    meaning: 'Two principals of a bundle have the same identifier or key, or two tenants the same client key',
    remedy: 'Give each principal its own identifier and its own client key',
  },
  POLICY_BUSY: {
    kind: 'refused',
    meaning: 'More signed policy orders wait to be loaded than the enclave holds',
    remedy: 'Load one order after the other',
  },
  POLICY_SOURCE_INVALID: {
    kind: 'malformed',
    meaning: 'A policy folder lacks a file, or a file of it is not the YAML, JSON or text it should be',
    remedy: 'Correct the file that the message names',
  },
  POLICY_EXTENDS_INVALID: {
    kind: 'malformed',
    meaning: 'The parents of a manifest are missing, remote, circular, outside the folder or in conflict',
    remedy: 'Keep parents inside the policy folder and define each name once, or identically',
  },
  ORDER_FILE_INVALID: {
    kind: 'malformed',
    meaning: 'A file is not a signed order of the expected kind',
    remedy: 'Make the order again with assay policy sign',
  },
  ORDER_AUTHORITIES_INVALID: {
    kind: 'malformed',
    meaning: 'The authorities and threshold for an order can never be met or mean nothing',
    remedy: 'Configure at least one distinct key and a threshold between one and the number of distinct keys',
  },
  ORDER_THRESHOLD_NOT_MET: {
    kind: 'unauthentic',
    meaning: 'Too few distinct authorities signed the order',
    remedy: 'Collect signatures of more authorities with assay policy sign --order',
  },
  ORDER_EXPIRED: {
    kind: 'unacceptable',
    meaning: 'The order is past the time until which its signers meant it',
    remedy: 'Have the authorities sign a new order',
  },
  ORDER_MISDIRECTED: {
    kind: 'unacceptable',
    meaning: 'The order is for another service or another tenant than the one it is used for',
    remedy: 'Send the order to the origin it names, or sign one for this origin and tenant',
  },
  ORDER_BUNDLE_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The bundle is not the one whose digest the authorities signed',
    remedy: 'Send the exact bundle file that was signed',
  },
  ORDER_OUT_OF_SEQUENCE: {
    kind: 'unacceptable',
    meaning: 'The order does not follow the last order in the log: a replay, a gap or a fork',
    remedy: 'Sign an order with the next version that names the digest of the order in force',
  },
} as const;
