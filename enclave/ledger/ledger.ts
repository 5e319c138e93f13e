/**
 * The ledger: gives leaves their place and answers when they are durable (design sections 6 and 7).
 *
 * Order of one batch: stage durable, then frontier, then checkpoint, then receipts, then publish; the store makes
 * the tiles and discards the stage. One batch is in flight; leaves that arrive meanwhile form the next.
 *
 * When staging fails, the leaves of that batch are refused, and so is everything after it until the store has
 * been opened again. They may have reached the disk, but nothing was signed over them except their stage note,
 * and the next batch takes the same indexes: the store's rule is that a batch replaces what lies behind its first
 * index. So no checkpoint of one size is ever signed over two roots. If the enclave ends before that, recovery
 * finds them, sees that this epoch staged them, and adopts them: logged, never acknowledged.
 */
import type { Hashing, Signer } from '../../src/base/crypto.ts';
import { AssayError, type Code, fail } from '../../src/base/errors.ts';
import { epochKeyName, signCheckpoint } from '../../src/log/checkpoint.ts';
import { Frontier } from '../../src/log/frontier.ts';
import { encodeLeaf, type Leaf, type LeafDraft, placeLeaf } from '../../src/log/leaf.ts';
import { noteSigner } from '../../src/log/note.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import { LeafBatch } from './batch.ts';
import { createDoctor, type Doctor } from './doctor.ts';
import { createPublisher, type Head, type Publisher } from './publisher.ts';
import { type LogReader, openReader } from './reader.ts';
import type { Recovered } from './recover.ts';
import { signStageNote } from './stage-note.ts';
import type { StoreClient } from './store-client.ts';
import { advanceTrail, type Trail, withTrail } from './trail.ts';

export interface LedgerLimits {
  /** Leaves in one batch. */
  readonly batchLeaves: number;
  /** Bytes of leaves in one batch; with its note it must fit a frame of the store. */
  readonly batchBytes: number;
  /** Leaves that may wait, those of the batch in flight included; beyond them `LOG_BUSY`. */
  readonly queuedLeaves: number;
  readonly queuedBytes: number;
  readonly publishEveryMs: number;
  /** First and longest pause between attempts to open a failed store. */
  readonly probeMs: number;
  readonly probeMostMs: number;
}

export const DEFAULT_LEDGER_LIMITS: LedgerLimits = {
  batchLeaves: 4_096,
  batchBytes: 900_000,
  queuedLeaves: 65_536,
  queuedBytes: 64 << 20,
  publishEveryMs: 500,
  probeMs: 50,
  probeMostMs: 2_000,
};

export interface LedgerParts {
  readonly store: StoreClient;
  readonly hashing: Hashing;
  /** Ed25519; its notes are named after the origin. */
  readonly log: Signer;
  /** Ed25519; its notes are named `<origin>/epoch/<epoch>`. */
  readonly epochSigner: Signer;
  readonly origin: string;
  readonly epoch: number;
  readonly recovered: Recovered;
  /** Milliseconds; a value below the last logged time counts as that time. */
  readonly clock: () => number;
  readonly limits: LedgerLimits;
}

export interface LedgerStatus {
  readonly state: 'open' | 'LOG_UNAVAILABLE' | 'closed';
  /** What is wrong with the store; null while it serves. */
  readonly code: Code | null;
}

export interface Ledger {
  /**
   * Resolves with the receipt once the leaf is durable and signed. Rejects with LOG_UNAVAILABLE, LOG_BUSY,
   * LOG_CLOSED, or what `encodeLeaf` throws. The receipt's leaf is a view: copy it to keep it for long.
   */
  append(draft: LeafDraft): Promise<Receipt>;
  /** The newest signed head. */
  head(): Head;
  status(): LedgerStatus;
  /** A receipt for any leaf, against the newest published checkpoint. Rejects with LOG_INDEX_UNKNOWN. */
  receipt(index: number): Promise<Receipt>;
  /** Leaves `from..to-1` of the published log, verified. */
  leaves(from: number, to: number): AsyncGenerator<Leaf>;
  /** Resolves once the newest head is published. */
  publish(): Promise<Head>;
  /** Refuses new leaves, waits for those in flight and publishes what it can. */
  close(): Promise<void>;
}

export function openLedger(parts: LedgerParts): Ledger {
  return new GroupCommit(parts);
}

function unavailable(cause: AssayError): AssayError {
  return new AssayError('LOG_UNAVAILABLE', `the store cannot keep leaves: ${cause.code}: ${cause.message}`, {
    cause,
  });
}

class GroupCommit implements Ledger {
  readonly #parts: LedgerParts;
  readonly #signers: Parameters<typeof signCheckpoint>[1];
  readonly #publisher: Publisher;
  readonly #doctor: Doctor;
  #frontier: Frontier;
  #head: Head;
  /** The trail after the last acknowledged leaf. */
  #trail: Trail;
  #lastTime: number;
  /** Batches that wait, in order; the one in flight is not among them. */
  #queue: LeafBatch[] = [];
  /** Index, trail and bytes with all that waits and is in flight. */
  #ahead: { index: number; trail: Trail; bytes: number };
  #committing = false;
  #closed = false;
  #closing: Promise<void> | null = null;
  #reader: { readonly head: Head; readonly reader: LogReader } | null = null;

  constructor(parts: LedgerParts) {
    const { hashing, origin, epoch, recovered, limits, store } = parts;
    this.#parts = parts;
    this.#signers = {
      log: noteSigner(hashing, origin, parts.log),
      epoch: noteSigner(hashing, epochKeyName(origin, epoch), parts.epochSigner),
    };
    this.#frontier = new Frontier(hashing, recovered.frontier);
    this.#trail = recovered.trail;
    this.#lastTime = recovered.lastTime;
    this.#ahead = { index: this.#frontier.size, trail: this.#trail, bytes: 0 };
    this.#head = this.#sign(this.#frontier.size, this.#frontier.root());
    this.#publisher = createPublisher({
      publish: (note) => store.publish(note),
      everyMs: limits.publishEveryMs,
      onFailure: (error) => this.#suspend(error),
    });
    this.#doctor = createDoctor({
      store,
      size: () => this.#frontier.size,
      pauses: { first: limits.probeMs, most: limits.probeMostMs },
      onCure: () => this.#publisher.resume(),
    });
    store.onLost((error) => this.#suspend(error));
  }

  head(): Head {
    return this.#head;
  }

  status(): LedgerStatus {
    if (this.#closed) return { state: 'closed', code: 'LOG_CLOSED' };
    const { illness } = this.#doctor;
    return illness === null
      ? { state: 'open', code: null }
      : { state: 'LOG_UNAVAILABLE', code: illness.code };
  }

  append(draft: LeafDraft): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      this.#admit();
      const { index, trail } = this.#ahead;
      const time = Math.max(this.#lastTime, this.#parts.clock());
      const leaf = encodeLeaf(placeLeaf(withTrail(draft, trail), { index, epoch: this.#parts.epoch, time }));
      const bytes = this.#ahead.bytes + leaf.length;
      if (bytes > this.#parts.limits.queuedBytes) fail('LOG_BUSY', 'too many bytes wait for the store');
      const batch = this.#batchFor(leaf.length);
      batch.add(leaf, { resolve, reject });
      batch.trail = advanceTrail(trail, draft.kind, index);
      this.#lastTime = time;
      this.#ahead = { index: index + 1, trail: batch.trail, bytes };
      if (!this.#committing) void this.#commitAll();
    });
  }

  async receipt(index: number): Promise<Receipt> {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.#head.size)
      fail('LOG_INDEX_UNKNOWN', `the log has ${this.#head.size} leaves`);
    const { reader, head } = await this.#readerFor(index + 1);
    const { bytes } = await reader.leaf(index);
    return { leaf: bytes.slice(), index, proof: await reader.proof(index), checkpoint: head.checkpoint };
  }

  async *leaves(from: number, to: number): AsyncGenerator<Leaf> {
    const { reader } = await this.#readerFor(to);
    for (let index = from; index < to; index++) yield (await reader.leaf(index)).leaf;
  }

  publish(): Promise<Head> {
    return this.#publisher.reach(this.#head.size);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    while (this.#committing) await nextTurn();
    if (this.#doctor.illness === null) await this.publish().catch(() => undefined);
    this.#publisher.stop();
    this.#doctor.stop();
  }

  #admit(): void {
    const { queuedLeaves } = this.#parts.limits;
    const { illness } = this.#doctor;
    if (this.#closed) fail('LOG_CLOSED', 'the ledger has been closed');
    if (illness !== null) throw unavailable(illness);
    if (this.#ahead.index - this.#frontier.size >= queuedLeaves)
      fail('LOG_BUSY', `${queuedLeaves} leaves wait for the store`);
  }

  #batchFor(length: number): LeafBatch {
    const { limits, hashing } = this.#parts;
    const last = this.#queue[this.#queue.length - 1];
    if (last !== undefined && last.count < limits.batchLeaves && last.bytes + length + 2 <= limits.batchBytes)
      return last;
    const batch = new LeafBatch(hashing, this.#ahead.index, this.#ahead.trail);
    this.#queue.push(batch);
    return batch;
  }

  async #commitAll(): Promise<void> {
    this.#committing = true;
    while (this.#queue.length > 0) {
      // Everything that arrives in this turn of the event loop shares the batch.
      await nextTurn();
      const batch = this.#queue.shift();
      if (batch !== undefined) await this.#commit(batch);
    }
    this.#committing = false;
    if (this.#doctor.illness !== null) this.#treat();
  }

  async #commit(batch: LeafBatch): Promise<void> {
    const { origin, store } = this.#parts;
    const frontier = this.#frontier.clone();
    const tree = frontier.appendBatch(batch.hashes);
    const note = signStageNote({ origin, size: tree.size, root: tree.root }, this.#signers.epoch);
    try {
      await store.stage({ first: batch.first, count: batch.count, note, entries: batch.entries });
    } catch (error) {
      this.#doctor.doubt(note);
      this.#suspend(error, batch);
      return;
    }
    // From here on an error has no answer but the end of the process: nothing catches it, and recovery takes over.
    this.#doctor.settle();
    this.#frontier = frontier;
    this.#trail = batch.trail;
    this.#ahead.bytes -= batch.leafBytes;
    this.#head = this.#sign(tree.size, tree.root);
    batch.resolve(tree, this.#head.checkpoint);
    this.#publisher.offer(this.#head);
  }

  #sign(size: number, root: Uint8Array): Head {
    const checkpoint = signCheckpoint({ origin: this.#parts.origin, size, root }, this.#signers);
    return { size, root, checkpoint };
  }

  /** Refuses what waits. A batch in flight is answered by the store, unless it is the one that failed. */
  #suspend(error: unknown, failed?: LeafBatch): void {
    this.#doctor.report(error);
    const refusal = unavailable(this.#doctor.illness as AssayError);
    this.#publisher.suspend(refusal);
    failed?.reject(refusal);
    for (const batch of this.#queue.splice(0)) batch.reject(refusal);
    if (!this.#committing) this.#treat();
  }

  /** Nothing is in flight: indexes start again after the last acknowledged leaf. */
  #treat(): void {
    this.#ahead = { index: this.#frontier.size, trail: this.#trail, bytes: 0 };
    this.#doctor.treat();
  }

  async #readerFor(size: number): Promise<{ readonly head: Head; readonly reader: LogReader }> {
    const head = await this.#publisher.reach(size);
    if (this.#reader?.head !== head) {
      const { store, hashing } = this.#parts;
      this.#reader = { head, reader: await openReader({ store, hashing, size: head.size, root: head.root }) };
    }
    return this.#reader;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
