/** Bounds on one evaluation: the defaults of ACS 0.3.1-beta section 15. Sizes are bytes of canonical JSON. */
export const LIMITS = {
  snapshotBytes: 1_048_576,
  inputDepth: 64,
  annotatorsPerPoint: 16,
  annotatorOutputBytes: 262_144,
  policyOutputBytes: 262_144,
  /** AGT-EVIDENCE-1.0 section 2. */
  evidenceBytes: 4_096,
  /** Of a whole bundle: the manifest may have 1 MiB (section 15), the rest is principals. */
  bundleBytes: 4_194_304,
  manifestBytes: 1_048_576,
  extendsDepth: 16,
} as const;
