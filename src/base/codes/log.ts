/** Codes of the transparency log: trees, tiles, notes, checkpoints, leaves, seals, receipts, audits. */
export const LOG_CODES = {
  TREE_RANGE_INVALID: {
    kind: 'malformed',
    meaning: 'An index, a size or a range does not fit the tree it is asked of',
    remedy:
      'Ask for an index below the tree size, and for an old size that is at least 1 and not above the new',
  },
  INCLUSION_INVALID: {
    kind: 'unauthentic',
    meaning: 'An inclusion proof does not lead from the leaf to the root (RFC 9162 section 2.1.3.2)',
    remedy:
      'Obtain the leaf, its index and its proof again; if it fails again, keep it as evidence of tampering',
  },
  CONSISTENCY_INVALID: {
    kind: 'unauthentic',
    meaning: 'A consistency proof does not show that one tree extends the other (RFC 9162 section 2.1.4.2)',
    remedy: 'Keep both heads: if no valid proof can be produced, the log was forked or rewritten',
  },
  FRONTIER_INVALID: {
    kind: 'malformed',
    meaning: 'A stored right edge of the tree does not fit its size',
    remedy: 'Recover the log from its entries; the frontier can be computed again',
  },
  TILE_PATH_INVALID: {
    kind: 'malformed',
    meaning: 'A path names no tile (c2sp.org/tlog-tiles)',
    remedy:
      'Use tile/<level>/<index> or tile/entries/<index>, with .p/<width> for a partial tile of width 1 to 255',
  },
  TILE_INVALID: {
    kind: 'malformed',
    meaning: 'A tile or an entry bundle does not hold exactly what its width says (c2sp.org/tlog-tiles)',
    remedy: 'Obtain the file again from the log or a mirror',
  },
  NOTE_INVALID: {
    kind: 'malformed',
    meaning: 'Text is not a signed note (c2sp.org/signed-note)',
    remedy: 'Give the note byte for byte, with its blank line, its signature lines and the last line feed',
  },
  NOTE_KEY_INVALID: {
    kind: 'malformed',
    meaning: 'A note verification key is malformed, has a wrong key ID or an unsupported type',
    remedy: 'Copy the key again in the form name+id+key',
  },
  NOTE_KEY_AMBIGUOUS: {
    kind: 'malformed',
    meaning: 'Two known keys have the same name and key ID',
    remedy: 'Remove one of them from the list of known keys',
  },
  NOTE_SIGNATURE_INVALID: {
    kind: 'unauthentic',
    meaning: 'A signature by a known key does not verify, which condemns the whole note',
    remedy: 'Obtain the note again; a note that keeps failing was altered or forged',
  },
  NOTE_UNSIGNED: {
    kind: 'unauthentic',
    meaning: 'No known key signed the note',
    remedy: 'Compare the key names on the note with the keys that you know',
  },
  NOTE_ALGORITHM_UNSUPPORTED: {
    kind: 'undetermined',
    meaning: 'A known key signs with an algorithm that is read but not verified here (ML-DSA-44)',
    remedy: 'Rely on an Ed25519 key or cosignature of the same party',
  },
  CHECKPOINT_INVALID: {
    kind: 'malformed',
    meaning: 'A note is not a checkpoint (c2sp.org/tlog-checkpoint)',
    remedy: 'Give a checkpoint: origin, decimal size and base64 root, a line each',
  },
  CHECKPOINT_ROOT_LENGTH: {
    kind: 'malformed',
    meaning: 'The root hash of a checkpoint is not 32 bytes long',
    remedy: 'Give a checkpoint of a log that hashes with SHA-256',
  },
  CHECKPOINT_ORIGIN_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'A checkpoint is of another log than the one expected',
    remedy: 'Ask the log that the trust policy names',
  },
  NOT_HARDWARE_BOUND: {
    kind: 'unauthentic',
    meaning: 'Only the log key signed a checkpoint, not the epoch key that hardware vouches for',
    remedy: 'Treat the log key as leaked: a checkpoint of the enclave always carries both signatures',
  },
  LOG_SIGNATURE_MISSING: {
    kind: 'unauthentic',
    meaning: 'The epoch key signed a checkpoint but the log key did not',
    remedy: 'Obtain the checkpoint again with both of its signatures',
  },
  LOG_KEY_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'The log key beside the evidence is not the one that the attested keyring names',
    remedy: 'Obtain the attestation again together with the keys it names',
  },
  LEAF_INVALID: {
    kind: 'malformed',
    meaning: 'A leaf has fields that do not belong together, or lacks one that its kind needs',
    remedy: 'Use a reader of the version that wrote the log',
  },
  LEAF_TOO_LARGE: {
    kind: 'malformed',
    meaning: 'A leaf is longer than the 65,535 bytes that a bundle can hold',
    remedy: 'Commit to large payloads by their digest',
  },
  TLOG_PROOF_INVALID: {
    kind: 'malformed',
    meaning: 'Text is not a proof bundle (c2sp.org/tlog-proof@v1)',
    remedy: 'Give the text byte for byte, from its first line to the end of the checkpoint',
  },
  RECEIPT_INVALID: {
    kind: 'malformed',
    meaning: 'A receipt or receipt file is incomplete or has another shape',
    remedy: 'Give what the service returned or what the client saved, unchanged',
  },
  RECEIPT_INDEX_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'The index inside a leaf is not the one its receipt claims',
    remedy: 'Obtain the receipt again; if the proof verifies, keep it as evidence of tampering',
  },
  RECEIPT_EPOCH_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'A receipt belongs to another epoch than the service that was judged',
    remedy: 'Judge the service again and ask for a new decision: it has restarted',
  },
  RECEIPT_NOT_DECISION: {
    kind: 'unacceptable',
    meaning: 'A receipt is of a leaf that decides nothing',
    remedy: 'Present the receipt of a decision',
  },
  DECISION_DENY: {
    kind: 'unacceptable',
    meaning: 'The decision is deny',
    remedy: 'Do not act; the rule that denied is in the leaf',
  },
  DECISION_WARN: {
    kind: 'unacceptable',
    meaning: 'The decision is warn, which never lets an action happen',
    remedy: 'Do not act; change the policy to allow what should pass',
  },
  DECISION_ESCALATE: {
    kind: 'unacceptable',
    meaning: 'The decision is escalate, which never lets an action happen',
    remedy: 'Obtain the approval that the policy asks for, and decide again',
  },
  RECEIPT_AUDIENCE_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'A decision was made for another tool server',
    remedy: 'Ask for a decision that names this audience',
  },
  RECEIPT_ACTION_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'A decision was made for another tool or other arguments',
    remedy: 'Call the tool with exactly the arguments that the decision returned',
  },
  RECEIPT_NONCE_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'A decision carries another nonce',
    remedy: 'Present the receipt of this very request',
  },
  RECEIPT_PRINCIPAL_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'A decision was made for another caller',
    remedy: 'Let the caller who asked for the decision act on it',
  },
  RECEIPT_LEVEL_TOO_LOW: {
    kind: 'unacceptable',
    meaning: 'A receipt is not of the level that the tool or the policy asks for',
    remedy: 'Wait for the next seal and present the receipt with it',
  },
  RECEIPT_EXPIRED: {
    kind: 'unacceptable',
    meaning: 'A decision is past its time, or names none',
    remedy: 'Ask for a new decision',
  },
  SERVICE_EXPIRED: {
    kind: 'unacceptable',
    meaning: 'The judgement of the service is past its validity',
    remedy: 'Verify the service again',
  },
  SEAL_SERVICE_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'A seal is of another service, boot or set of keys than the one judged',
    remedy: 'Obtain the seal from the service itself',
  },
  SEAL_UNQUOTED: {
    kind: 'undetermined',
    meaning: 'A seal has no hardware evidence: its quote was never answered',
    remedy: 'Use a later seal, which covers the same leaves',
  },
  SEAL_HEAD_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'A seal is of another head than the checkpoint beside it',
    remedy: 'Obtain the receipt and the seal for the same tree size',
  },
  UNWITNESSED: {
    kind: 'undetermined',
    meaning: 'No witness has cosigned: a fork or rollback would show only to who compares heads',
    remedy: 'Keep receipts and give them to the auditor, who finds any fork that contradicts them',
  },
  CLOCK_UNANCHORED: {
    kind: 'undetermined',
    meaning: "The times in the log are those of the machine's own clock, which whoever runs it can set",
    remedy: 'Rely on the order of the leaves; take times from who received receipts, not from the log',
  },
  AUDIT_BUNDLE_INVALID: {
    kind: 'malformed',
    meaning:
      'A folder is not an audit bundle: its index or a file that the index names is missing or unreadable',
    remedy: 'Export the bundle again with assay audit export',
  },
  LOG_ALTERED: {
    kind: 'unauthentic',
    meaning:
      'Stored entries do not make the root that the enclave signed: something in the range was changed',
    remedy: 'Restore the entries from a mirror; the range that the report names says where',
  },
  LOG_REORDERED: {
    kind: 'unauthentic',
    meaning: 'Stored entries do not make the root that the enclave signed: they stand in another order',
    remedy: 'Restore the entries from a mirror; the range that the report names says where',
  },
  LOG_TRUNCATED: {
    kind: 'unacceptable',
    meaning: 'A seal, a receipt or the checkpoint shows that the log had more leaves than there are here',
    remedy: 'Demand the missing leaves: what proves that they existed is named in the report',
  },
  LOG_FORKED: {
    kind: 'unacceptable',
    meaning: 'Two signed statements about one log contradict each other',
    remedy: 'Keep both: together they prove that the service ran two histories',
  },
  TILE_MISMATCH: {
    kind: 'unauthentic',
    meaning: 'A stored hash tile does not agree with the entries, though their root is the signed one',
    remedy: 'Write the tile again from the entries',
  },
  EPOCH_UNATTESTED: {
    kind: 'unacceptable',
    meaning: 'An epoch has leaves or signatures but no attestation here, or one of another epoch',
    remedy: 'Export the bundle again with the attestation of every epoch',
  },
  EPOCH_SPLICED: {
    kind: 'unacceptable',
    meaning:
      'An epoch does not continue the one before it: its start, its attestation or its parent seal does not fit',
    remedy: 'Treat the log as rolled back or joined from two services; keep it as evidence',
  },
  EPOCH_KEY_CHANGED: {
    kind: 'unacceptable',
    meaning: 'The log key, the origin or the simulated mark changes from one epoch to the next',
    remedy: 'Treat the epochs as different services',
  },
  SEAL_MISSING: {
    kind: 'unacceptable',
    meaning: 'A seal that the log or the chain of seals names is not there',
    remedy: 'Demand the seal: its number is in the report',
  },
  SEAL_REPLAYED: {
    kind: 'unacceptable',
    meaning: 'An older seal stands in the place of a newer one',
    remedy: 'Demand the seal of that number',
  },
  SEAL_CHAIN_BROKEN: {
    kind: 'unacceptable',
    meaning: 'A seal does not continue the one before it',
    remedy: 'Keep both seals as evidence that the chain was broken',
  },
  SEAL_EVIDENCE_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'The evidence beside a seal is not the one that the log names',
    remedy: 'Demand the evidence whose digest the seal_ref leaf holds',
  },
  LEAF_INDEX_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'A leaf under a signed root says another index than its place',
    remedy: 'Treat the measured code as faulty from this leaf on',
  },
  LEAF_TIME_BACKWARDS: {
    kind: 'unacceptable',
    meaning: 'A leaf under a signed root is older than the one before it',
    remedy: 'Treat the clock of the enclave as faulty from this leaf on',
  },
  DECISION_WITHOUT_POLICY: {
    kind: 'unacceptable',
    meaning: 'A decision stands in the log before any policy of its tenant',
    remedy: 'Treat the measured code as faulty from this leaf on',
  },
  POLICY_DIGEST_MISMATCH: {
    kind: 'unacceptable',
    meaning: 'A decision or a seal names another policy than the one in force at its place',
    remedy: 'Treat the measured code as faulty from this leaf on',
  },
  UNSEALED_TAIL: {
    kind: 'undetermined',
    meaning: 'The last leaves are signed by the epoch key but no seal covers them yet',
    remedy: 'Export the bundle again after the next seal',
  },
  AUDIT_EXPORT_FAILED: {
    kind: 'refused',
    meaning: 'An audit bundle cannot be written: the folder exists already, or the disk failed',
    remedy: 'Name a folder that does not exist, on a disk with room',
  },
} as const;
