/**
 * Recovery (design section 7): the log as the host gives it back, verified before a leaf is added.
 *
 * 1. The published checkpoint: signed by the log key and by an epoch whose attestation `acceptEpoch` accepts.
 * 2. The right edge of the tiles makes its root; the last bundle hashes to its level-0 tile.
 * 3. Staged batches follow in order: each signed by its epoch over the tree that it makes (stage-note.ts), its
 *    leaves at their own indexes, epochs and times never going back.
 * 4. The newest leaf that is not a decision names the newest one of each kind (trail.ts).
 *
 * What a host can still do is give back an older state of the same log; witnesses answer that, not this.
 */
import type { Crypto } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { openCheckpoint, type VerifiedCheckpoint, verifyCheckpoint } from '../../src/log/checkpoint.ts';
import { Frontier, type FrontierState } from '../../src/log/frontier.ts';
import type { Leaf } from '../../src/log/leaf.ts';
import { emptyRoot } from '../../src/log/merkle.ts';
import { decodeNote } from '../../src/log/note.ts';
import { replayBatch } from './replay.ts';
import { type LogReader, openReader } from './reader.ts';
import { readFile, type StoreClient } from './store-client.ts';
import { advanceTrail, NO_TRAIL, type Trail, trailOf } from './trail.ts';

export interface RecoverParts {
  readonly origin: string;
  readonly crypto: Crypto;
  /** Raw Ed25519, from the keyring. */
  readonly logKey: Uint8Array;
  /**
   * Judges the attestation of an epoch, as the store keeps it under `epochs/<n>`: rejects unless the code that
   * ran is acceptable to the measured configuration. Gives the epoch's number and raw Ed25519 key.
   */
  readonly acceptEpoch: (
    attestation: Uint8Array,
  ) => Promise<{ readonly epoch: number; readonly epochKey: Uint8Array }>;
}

export interface Recovered {
  /** Leaves, staged ones included. */
  readonly size: number;
  readonly frontier: FrontierState;
  readonly root: Uint8Array;
  /** Leaves under the published checkpoint. */
  readonly published: number;
  /** The published checkpoint, or null when there is none. */
  readonly checkpoint: string | null;
  /** Time and epoch of the last leaf; 0 when there is none. */
  readonly lastTime: number;
  readonly lastEpoch: number;
  readonly trail: Trail;
  readonly epochStart: Leaf | null;
  readonly sealRef: Leaf | null;
  readonly snapshot: Leaf | null;
  /** The newest policy change of each tenant, oldest first. */
  readonly policyChanges: readonly Leaf[];
}

/** The log while it is being replayed. */
export interface Replay {
  frontier: Frontier;
  lastTime: number;
  lastEpoch: number;
  /** Null until a leaf that is not a decision has been seen. */
  trail: Trail | null;
  /** Staged leaves that a trail may name. */
  readonly named: Map<number, Leaf>;
}

const MAX_CHECKPOINT = 65_536;
const MAX_ATTESTATION = 1_048_576;

/** Opens a session with the store. Rejects with RECOVERY_… or with what the store or `acceptEpoch` rejects. */
export async function recoverLog(store: StoreClient, parts: RecoverParts): Promise<Recovered> {
  const { crypto } = parts;
  const { next } = await store.open();
  const epochs = epochKeys(store, parts);
  const head = await readHead(store, parts, epochs);
  const size = head?.verified.size ?? 0;
  const root = head?.verified.root ?? emptyRoot(crypto);
  const reader = await openReader({ store, hashing: crypto, size, root });
  const replay: Replay = {
    frontier: new Frontier(crypto, reader.frontier()),
    ...(await lastOf(reader)),
    trail: null,
    named: new Map(),
  };
  while (replay.frontier.size < next) {
    const batch = await store.staged(replay.frontier.size);
    if (batch === null)
      return fail('RECOVERY_STAGE_INVALID', `leaf ${replay.frontier.size} of ${next} is missing`);
    await replayBatch(batch, replay, { origin: parts.origin, crypto, epochKey: epochs });
  }
  const trail = replay.trail ?? (await findTrail(reader));
  const leafAt = async (index: number): Promise<Leaf> =>
    replay.named.get(index) ?? (await reader.leaf(index)).leaf;
  const at = async (index: number | null): Promise<Leaf | null> => (index === null ? null : leafAt(index));
  return {
    size: replay.frontier.size,
    frontier: replay.frontier.state(),
    root: replay.frontier.root(),
    published: size,
    checkpoint: head?.note ?? null,
    lastTime: replay.lastTime,
    lastEpoch: replay.lastEpoch,
    trail,
    epochStart: await at(trail.epochStart),
    sealRef: await at(trail.sealRef),
    snapshot: await at(trail.snapshot),
    policyChanges: await policyChain(trail.policyChange, leafAt),
  };
}

/** Raw epoch keys by number, each judged once. */
function epochKeys(
  store: StoreClient,
  { acceptEpoch }: RecoverParts,
): (epoch: number) => Promise<Uint8Array> {
  const known = new Map<number, Uint8Array>();
  return async (epoch) => {
    const before = known.get(epoch);
    if (before !== undefined) return before;
    const attestation = await readFile(store, `epochs/${epoch}`, MAX_ATTESTATION);
    if (attestation === null)
      return fail('RECOVERY_HEAD_INVALID', `epoch ${epoch} has no attestation in the store`);
    const accepted = await acceptEpoch(attestation);
    if (accepted.epoch !== epoch)
      fail('RECOVERY_HEAD_INVALID', `the attestation of epoch ${epoch} is of epoch ${accepted.epoch}`);
    known.set(epoch, accepted.epochKey);
    return accepted.epochKey;
  };
}

async function readHead(
  store: StoreClient,
  { origin, crypto, logKey }: RecoverParts,
  epochKey: (epoch: number) => Promise<Uint8Array>,
): Promise<{ readonly note: string; readonly verified: VerifiedCheckpoint } | null> {
  const bytes = await readFile(store, 'log/checkpoint', MAX_CHECKPOINT);
  if (bytes === null) return null;
  const wrong = (why: string, cause?: unknown): never => fail('RECOVERY_HEAD_INVALID', why, { cause });
  try {
    const note = decodeNote(bytes);
    const opened = openCheckpoint(note);
    const [epoch, ...others] = opened.epochs;
    if (epoch === undefined || others.length > 0)
      return wrong(`signed by ${opened.epochs.length} epochs, not by one`);
    const keys = { origin, logKey, epoch, epochKey: await epochKey(epoch) };
    return { note, verified: await verifyCheckpoint(opened, keys, crypto) };
  } catch (cause) {
    if (isOfLog(cause)) return wrong('the stored checkpoint does not verify', cause);
    throw cause;
  }
}

/** Codes that speak of the checkpoint's own bytes; refusals of an attestation keep their code. */
function isOfLog(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(?:NOTE|CHECKPOINT|BASE64|NOT_HARDWARE_BOUND|LOG_SIGNATURE|KEY_INVALID)/.test(code);
}

async function lastOf(reader: LogReader): Promise<{ lastTime: number; lastEpoch: number }> {
  if (reader.size === 0) return { lastTime: 0, lastEpoch: 0 };
  const { leaf } = await reader.leaf(reader.size - 1);
  return { lastTime: leaf.time, lastEpoch: leaf.epoch };
}

/** Walks back to the newest leaf that is not a decision; each epoch starts with one. */
async function findTrail(reader: LogReader): Promise<Trail> {
  for (let index = reader.size - 1; index >= 0; index--) {
    const { leaf } = await reader.leaf(index);
    if (leaf.kind !== 'decision') return advanceTrail(trailOf(leaf), leaf.kind, index);
  }
  return NO_TRAIL;
}

async function policyChain(newest: number | null, leafAt: (index: number) => Promise<Leaf>): Promise<Leaf[]> {
  const byTenant = new Map<string, Leaf>();
  for (let index = newest; index !== null; ) {
    const leaf = await leafAt(index);
    if (leaf.kind !== 'policy_change')
      return fail('RECOVERY_TREE_INVALID', `leaf ${index} changes no policy`);
    const tenant = leaf.tenant ?? '';
    if (!byTenant.has(tenant)) byTenant.set(tenant, leaf);
    index = trailOf(leaf).policyChange;
  }
  return [...byTenant.values()].reverse();
}
