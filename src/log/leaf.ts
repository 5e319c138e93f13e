/**
 * Leaf v1: what the log keeps of every event, for ever (design section 6). Deterministic CBOR with integer keys,
 * at most 65,535 bytes. A key never changes its meaning; a new meaning gets a new key or a new version.
 *
 * Arguments, prompts and results never stand here: only identities, digests and what the decision was.
 */
import { fail, ParseError } from '../base/errors.ts';
import {
  bytes,
  dict,
  emptyIsAbsent,
  field,
  int,
  list,
  oneOf,
  optional,
  type RecordCodec,
  record,
  text,
  time,
  uint,
} from '../codec/cbor-record.ts';
import { MAX_ENTRY } from './tile.ts';

export const LEAF_VERSION = 1;

export type LeafKind =
  | 'epoch_start'
  | 'decision'
  | 'policy_change'
  | 'seal_ref'
  | 'key_rotation'
  | 'restore'
  | 'snapshot'
  | 'recovered'
  | 'padding';

export type Decision = 'allow' | 'deny' | 'warn' | 'escalate' | 'transform';

/** One change of a counter; the state of the service is the fold over these (design section 6). */
export interface Effect {
  readonly counter: string;
  readonly amount: number;
  /** Names the window the counter runs in, as the policy spells it; null for a counter that never resets. */
  readonly window: string | null;
}

export interface Leaf {
  readonly version: number;
  readonly kind: LeafKind;
  /** Position in the log: a leaf cannot be moved to another place. */
  readonly index: number;
  readonly epoch: number;
  /** The enclave's clock, ms since 1970. */
  readonly time: number;
  readonly tenant: string | null;
  readonly session: Uint8Array | null;
  /** SHA-256 of the caller's SubjectPublicKeyInfo. */
  readonly principal: Uint8Array | null;
  readonly agent: string | null;
  readonly userCommitment: Uint8Array | null;
  /** Index of the decision that this one follows from. */
  readonly parent: number | null;
  readonly labels: readonly string[];
  readonly interventionPoint: string | null;
  /** `actionIdentity` of the tool and the arguments after the policy's transform. */
  readonly action: Uint8Array | null;
  readonly audience: string | null;
  readonly nonce: Uint8Array | null;
  readonly decision: Decision | null;
  /** Policy rule id, or a reserved reason. */
  readonly rule: string | null;
  readonly policyDigest: Uint8Array | null;
  /** Receipt level that the action needs: 0, 1 or 2. */
  readonly requiredLevel: number | null;
  /** Last millisecond at which the decision may be acted on. */
  readonly notAfter: number | null;
  readonly effects: readonly Effect[];
  /** Digest of the model, or of the GPU evidence it ran under. */
  readonly modelDigest: Uint8Array | null;
  /** Salted commitments to fields, by field name. */
  readonly commitments: Readonly<Record<string, Uint8Array>>;
  /** SHA-256 of payloads that are kept elsewhere. */
  readonly blobs: readonly Uint8Array[];
  /** Digests that leaves other than decisions name: statement, evidence, identity, order, bundle, … */
  readonly references: Readonly<Record<string, Uint8Array>>;
}

/** A leaf before the ledger gives it its place. */
export type LeafDraft = Omit<Leaf, 'version' | 'index' | 'epoch' | 'time'>;

const NAME = { min: 1, max: 255 } as const;
const name = () => optional(text(NAME));
const hash = () => optional(bytes(32));

const effect: RecordCodec<Effect> = record<Effect>('effect', {
  counter: field(0, text(NAME)),
  amount: field(1, int()),
  window: field(2, name()),
});

export const LeafRecord: RecordCodec<Leaf> = record<Leaf>('leaf', {
  version: field(0, uint(LEAF_VERSION)),
  kind: field(
    1,
    oneOf(
      'epoch_start',
      'decision',
      'policy_change',
      'seal_ref',
      'key_rotation',
      'restore',
      'snapshot',
      'recovered',
      'padding',
    ),
  ),
  index: field(2, uint()),
  epoch: field(3, uint()),
  time: field(4, time()),
  tenant: field(5, name()),
  session: field(6, optional(bytes({ min: 1, max: 64 }))),
  principal: field(7, hash()),
  agent: field(8, name()),
  userCommitment: field(9, hash()),
  parent: field(10, optional(uint())),
  labels: field(11, emptyIsAbsent(list(text(NAME), { max: 64 }), [])),
  interventionPoint: field(12, name()),
  action: field(13, hash()),
  audience: field(14, name()),
  nonce: field(15, optional(bytes({ min: 16, max: 64 }))),
  decision: field(16, optional(oneOf('allow', 'deny', 'warn', 'escalate', 'transform'))),
  rule: field(17, name()),
  policyDigest: field(18, hash()),
  requiredLevel: field(19, optional(uint(2))),
  notAfter: field(20, optional(time())),
  effects: field(21, emptyIsAbsent(list(effect, { max: 64 }), [])),
  modelDigest: field(22, hash()),
  commitments: field(23, emptyIsAbsent(dict(bytes(32), { max: 256 }), {})),
  blobs: field(24, emptyIsAbsent(list(bytes(32), { max: 256 }), [])),
  references: field(25, emptyIsAbsent(dict(bytes({ min: 1, max: 64 }), { max: 64 }), {})),
});

/** What a decision cannot do without; and only a decision has a `decision`. */
const DECISION_FIELDS = ['principal', 'interventionPoint', 'nonce', 'decision', 'policyDigest'] as const;

function checkShape(leaf: Leaf): void {
  if (leaf.version !== LEAF_VERSION) fail('LEAF_INVALID', `version ${leaf.version} is not ${LEAF_VERSION}`);
  if (leaf.kind !== 'decision') {
    if (leaf.decision !== null) fail('LEAF_INVALID', `a leaf of kind ${leaf.kind} cannot decide`);
    return;
  }
  for (const field of DECISION_FIELDS)
    if (leaf[field] === null) fail('LEAF_INVALID', `a decision without ${field}`);
}

const EMPTY: LeafDraft = Object.freeze({
  kind: 'padding',
  tenant: null,
  session: null,
  principal: null,
  agent: null,
  userCommitment: null,
  parent: null,
  labels: [],
  interventionPoint: null,
  action: null,
  audience: null,
  nonce: null,
  decision: null,
  rule: null,
  policyDigest: null,
  requiredLevel: null,
  notAfter: null,
  effects: [],
  modelDigest: null,
  commitments: {},
  blobs: [],
  references: {},
});

/** Fills what is not said: null, or empty for lists and dictionaries. */
export function draftLeaf(partial: Partial<LeafDraft> & Pick<LeafDraft, 'kind'>): LeafDraft {
  return { ...EMPTY, ...partial };
}

/** Gives a draft its place. */
export function placeLeaf(draft: LeafDraft, place: Pick<Leaf, 'index' | 'epoch' | 'time'>): Leaf {
  return { version: LEAF_VERSION, ...draft, ...place };
}

/** Throws RECORD_VALUE_INVALID naming the field, `LEAF_INVALID`, or `LEAF_TOO_LARGE` beyond 65,535 bytes. */
export function encodeLeaf(leaf: Leaf): Uint8Array {
  checkShape(leaf);
  const bytes = LeafRecord.encode(leaf);
  if (bytes.length > MAX_ENTRY) fail('LEAF_TOO_LARGE', `${bytes.length} bytes, allowed are ${MAX_ENTRY}`);
  return bytes;
}

/** Accepts the one encoding only; the value is frozen and its byte strings are views of `bytes`. */
export function decodeLeaf(bytes: Uint8Array): Leaf {
  if (bytes.length > MAX_ENTRY)
    throw new ParseError('LEAF_TOO_LARGE', `${bytes.length} bytes, allowed are ${MAX_ENTRY}`, MAX_ENTRY);
  const leaf = LeafRecord.decode(bytes);
  checkShape(leaf);
  return leaf;
}
