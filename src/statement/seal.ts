/** Seal: the state of the log, bound into evidence under `seal`. */
import { field, optional, record, type RecordCodec, time, uint } from '../codec/cbor-record.ts';
import { bytes32, origin, word } from './fields.ts';

/**
 * The clock of a guest whose hardware signs no time: whoever runs the machine sets it. It never runs backwards over
 * the log, and nothing else is known of it: its error is sealed as the whole of what a time can be.
 */
export const UNANCHORED_CLOCK = 'guest-unanchored';

export interface Seal {
  readonly origin: string;
  readonly treeSize: number;
  readonly root: Uint8Array;
  /** From 1, never reused, also when its quote was never answered. */
  readonly number: number;
  /** SHA-256 of the previous seal statement. */
  readonly previousSeal: Uint8Array | null;
  readonly epoch: number;
  readonly bootId: Uint8Array;
  /** Raw Ed25519. */
  readonly epochKey: Uint8Array;
  /** SHA-256 of the last seal statement of the previous epoch. */
  readonly parentSeal: Uint8Array | null;
  readonly logKeyThumbprint: Uint8Array;
  /** Digest of the policy in force at `treeSize`. */
  readonly policyDigest: Uint8Array | null;
  /** Digest of the state that the effects fold to at `treeSize`. */
  readonly stateDigest: Uint8Array;
  /** Tree size of the previous seal. */
  readonly previousSize: number;
  /** Requests refused before they could be logged, in this boot. */
  readonly refused: number;
  /** The enclave's clock, milliseconds. */
  readonly time: number;
  readonly clockSource: string;
  readonly clockErrorMs: number;
  readonly witnessedSize: number;
  /** SHA-256 of the last witnessed checkpoint. */
  readonly witnessedHash: Uint8Array | null;
  readonly configDigest: Uint8Array;
  readonly witnessPolicyDigest: Uint8Array | null;
  /** As in the identity statement. */
  readonly challengeRoot: Uint8Array | null;
}

export const Seal: RecordCodec<Seal> = record<Seal>('seal', {
  origin: field(1, origin()),
  treeSize: field(2, uint()),
  root: field(3, bytes32()),
  number: field(4, uint()),
  previousSeal: field(5, optional(bytes32())),
  epoch: field(6, uint()),
  bootId: field(7, bytes32()),
  epochKey: field(8, bytes32()),
  parentSeal: field(9, optional(bytes32())),
  logKeyThumbprint: field(10, bytes32()),
  policyDigest: field(11, optional(bytes32())),
  stateDigest: field(12, bytes32()),
  previousSize: field(13, uint()),
  refused: field(14, uint()),
  time: field(15, time()),
  clockSource: field(16, word()),
  clockErrorMs: field(17, uint()),
  witnessedSize: field(18, uint()),
  witnessedHash: field(19, optional(bytes32())),
  configDigest: field(20, bytes32()),
  witnessPolicyDigest: field(21, optional(bytes32())),
  challengeRoot: field(22, optional(bytes32())),
});
