/** Takes one staged batch into the tree, as an append would have done, after proving that an epoch staged it. */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { decodeLeaf, type Leaf } from '../../src/log/leaf.ts';
import { leafHash } from '../../src/log/merkle.ts';
import type { Replay } from './recover.ts';
import { openStageNote, verifyStageNote } from './stage-note.ts';
import type { StagedBatch } from './store-client.ts';
import { advanceTrail, trailOf } from './trail.ts';

export interface ReplayParts {
  readonly origin: string;
  readonly crypto: Crypto;
  readonly epochKey: (epoch: number) => Promise<Uint8Array>;
}

/** One frame carries a batch; each of its leaves has at least the two bytes of its length. */
const MAX_LEAVES = 524_288;

/** Rejects with RECOVERY_STAGE_INVALID, or with what refuses the epoch; `replay` is then of no use. */
export async function replayBatch(batch: StagedBatch, replay: Replay, parts: ReplayParts): Promise<void> {
  const { crypto } = parts;
  const first = replay.frontier.size;
  if (batch.first !== first)
    fail('RECOVERY_STAGE_INVALID', `a batch starts at ${batch.first}, not at ${first}`);
  const entries = cut(batch);
  const note = openStageNote(batch.note, parts.origin);
  const frontier = replay.frontier.clone();
  for (const entry of entries) frontier.append(leafHash(crypto, entry));
  if (note.size !== frontier.size || !equalBytes(note.root, frontier.root()))
    fail(
      'RECOVERY_STAGE_INVALID',
      `staged leaves ${first} to ${frontier.size} do not make the root of their note`,
    );
  await verifyStageNote(note, parts.origin, await parts.epochKey(note.epoch), crypto);
  entries.forEach((bytes, i) => take(readLeaf(bytes, first + i), note.epoch, replay));
  replay.frontier = frontier;
}

function cut({ entries, count, first }: StagedBatch): Uint8Array[] {
  if (count < 1 || count > MAX_LEAVES) fail('RECOVERY_STAGE_INVALID', `a batch of ${count} leaves`);
  const leaves: Uint8Array[] = [];
  let at = 0;
  while (at + 2 <= entries.length && leaves.length < count) {
    const end = at + 2 + (((entries[at] as number) << 8) | (entries[at + 1] as number));
    leaves.push(entries.subarray(at + 2, end));
    at = end;
  }
  if (leaves.length !== count || at !== entries.length)
    fail('RECOVERY_STAGE_INVALID', `the batch at ${first} is not ${count} leaves`);
  return leaves;
}

function readLeaf(bytes: Uint8Array, index: number): Leaf {
  let leaf: Leaf;
  try {
    leaf = decodeLeaf(bytes);
  } catch (cause) {
    throw new AssayError('RECOVERY_STAGE_INVALID', `staged leaf ${index} cannot be read`, { cause });
  }
  if (leaf.index !== index)
    fail('RECOVERY_STAGE_INVALID', `staged leaf ${index} says that it is ${leaf.index}`);
  return leaf;
}

/** The leaf is genuine by now; what is checked is that the enclave that wrote it was in order. */
function take(leaf: Leaf, epoch: number, replay: Replay): void {
  if (leaf.epoch !== epoch || epoch < replay.lastEpoch || leaf.time < replay.lastTime)
    fail('RECOVERY_STAGE_INVALID', `staged leaf ${leaf.index} is of another epoch or an earlier time`);
  replay.lastEpoch = epoch;
  replay.lastTime = leaf.time;
  if (leaf.kind === 'decision') return;
  const before = trailOf(leaf);
  replay.trail = advanceTrail(before, leaf.kind, leaf.index);
  // Only policies are looked up behind the newest of their kind, so that a long stage does not stay in memory.
  for (const field of ['epochStart', 'sealRef', 'snapshot'] as const) {
    const older = before[field];
    if (older !== null && older !== replay.trail[field]) replay.named.delete(older);
  }
  replay.named.set(leaf.index, leaf);
}
