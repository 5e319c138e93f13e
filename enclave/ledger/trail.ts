/**
 * How recovery finds what matters without reading the whole log. Every leaf that is not a decision names, under
 * the reference `trail`, the newest leaf of each kind before it. So a reader who walks back from the end to the
 * first such leaf knows the newest ones of all kinds, and a host cannot hide one in between: it would have to
 * change a leaf that the root covers.
 */
import { concat, u64be } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import type { Leaf, LeafDraft, LeafKind } from '../../src/log/leaf.ts';

/** Indexes of the newest leaf of each kind; null when there is none. */
export interface Trail {
  readonly epochStart: number | null;
  readonly policyChange: number | null;
  readonly sealRef: number | null;
  readonly snapshot: number | null;
}

export const NO_TRAIL: Trail = Object.freeze({
  epochStart: null,
  policyChange: null,
  sealRef: null,
  snapshot: null,
});

const FIELDS: Readonly<Partial<Record<LeafKind, keyof Trail>>> = {
  epoch_start: 'epochStart',
  policy_change: 'policyChange',
  seal_ref: 'sealRef',
  snapshot: 'snapshot',
};

const ORDER = ['epochStart', 'policyChange', 'sealRef', 'snapshot'] as const;
const REFERENCE = 'trail';
const BYTES = 8 * ORDER.length;

/** The trail after a leaf of this kind at `index`. */
export function advanceTrail(trail: Trail, kind: LeafKind, index: number): Trail {
  const field = FIELDS[kind];
  return field === undefined ? trail : { ...trail, [field]: index };
}

/** The draft with the trail before it; decisions carry none. */
export function withTrail(draft: LeafDraft, trail: Trail): LeafDraft {
  if (draft.kind === 'decision') return draft;
  // An index is one more than it is, so that 0 says that there is none.
  const bytes = concat(...ORDER.map((field) => u64be((trail[field] ?? -1) + 1)));
  return { ...draft, references: { ...draft.references, [REFERENCE]: bytes } };
}

/** The trail before this leaf; `RECOVERY_TREE_INVALID` when a leaf that must have one has none. */
export function trailOf(leaf: Leaf): Trail {
  const bytes = leaf.references[REFERENCE];
  if (bytes?.length !== BYTES) return fail('RECOVERY_TREE_INVALID', `leaf ${leaf.index} has no trail`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, BYTES);
  const at = (i: number): number | null => {
    const next = Number(view.getBigUint64(8 * i));
    if (next > leaf.index) fail('RECOVERY_TREE_INVALID', `the trail of leaf ${leaf.index} leads forward`);
    return next === 0 ? null : next - 1;
  };
  return { epochStart: at(0), policyChange: at(1), sealRef: at(2), snapshot: at(3) };
}
