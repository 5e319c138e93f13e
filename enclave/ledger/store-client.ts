/**
 * The host's store as the ledger sees it: it can lose, withhold and invent, so everything that comes back is
 * verified, and only "durable" is taken at its word. Calls reject with the codes of the store or of the wire;
 * after any such failure the ledger opens the store again.
 */
import { concat } from '../../src/base/bytes.ts';
import { type AssayError, fail } from '../../src/base/errors.ts';

/** Leaves to stage, or as they were staged. */
export interface StagedBatch {
  readonly first: number;
  readonly count: number;
  /** What the epoch key signed about the log after this batch (stage-note.ts). */
  readonly note: Uint8Array;
  /** As a C2SP entry bundle of any length: u16be length ‖ leaf, repeated. */
  readonly entries: Uint8Array;
}

export interface StoreClient {
  /** Starts a new session, which ends every older one; reconnects if need be. */
  open(): Promise<{
    /** Leaves in published tiles, as the store says. */
    readonly published: number;
    /** Leaves that are durable, as the store says. */
    readonly next: number;
  }>;
  /** Resolves once the batch is durable after the leaves before it. */
  stage(batch: StagedBatch): Promise<void>;
  /** The staged batch that holds leaf `index`, or null. */
  staged(index: number): Promise<StagedBatch | null>;
  /** Resolves with the size of the published checkpoint once it is this one or a newer one. */
  publish(note: string): Promise<number>;
  read(path: string, offset: number): Promise<{ found: boolean; data: Uint8Array; more: boolean }>;
  /** Keeps a file, whole and durable, in place of an older one of that name. */
  put(path: string, data: Uint8Array): Promise<void>;
  /** The one listener that is told when a session that was in use has ended without a call. */
  onLost(listener: (error: AssayError) => void): void;
}

/** A whole file of at most `limit` bytes, or null when there is none; `RECOVERY_STORE_INVALID` beyond the limit. */
export async function readFile(store: StoreClient, path: string, limit: number): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { found, data, more } = await store.read(path, length);
    if (!found) return null;
    parts.push(data);
    length += data.length;
    if (length > limit) fail('RECOVERY_STORE_INVALID', `${path} is longer than ${limit} bytes`);
    if (!more) return concat(...parts);
    if (data.length === 0) fail('RECOVERY_STORE_INVALID', `${path} goes on without bytes`);
  }
}
