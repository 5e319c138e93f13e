/**
 * Audits a log offline. Order, fail closed: attestations of the epochs, the signed head, the chain of seals and
 * their evidence, the root recomputed from the entries at every sealed size, receipts held, then what the leaves
 * say. Entries stream; memory does not grow with the log.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import {
  openCheckpoint,
  type ReceiptFile,
  type VerifiedCheckpoint,
  verifyCheckpoint,
} from '../../src/log/index.ts';
import { type Seal, UNANCHORED_CLOCK } from '../../src/statement/seal.ts';
import { logKeyOf } from '../log-authority.ts';
import { type AuditReader, readCheckpoint, readIndex } from './bundle.ts';
import { type AuditedEpoch, type Epochs, type JudgeEpoch, judgeEpochs } from './epochs.ts';
import { type HeldReceipt, holdReceipts } from './held.ts';
import { LeafAuditor } from './leaves.ts';
import { type AuditReport, conclude, type Facts, type Finding, noFacts } from './report.ts';
import { SealChain } from './seals.ts';
import { type EntryTile, TreeWalk } from './tree.ts';

export interface AuditOptions {
  /** The auditor's judge of attestations, under the auditor's trust policy. */
  readonly judgeEpoch: JudgeEpoch;
  readonly crypto: Crypto;
  /** Receipts that the auditor has from elsewhere. */
  readonly receipts: readonly ReceiptFile[];
  /** Digest of the trust policy, for the report. */
  readonly trustSha256: string | null;
  /** Called now and then with the leaves done and the leaves there are. */
  readonly onProgress?: (done: number, size: number) => void;
}

/** Judges a bundle. What is wrong with it is in the report; rejects only for a fault outside of it. */
export async function auditLog(reader: AuditReader, options: AuditOptions): Promise<AuditReport> {
  const facts = noFacts();
  // The trust policy knows no witnesses yet: what nobody cosigned is said in every report.
  const qualifications: Finding[] = [{ code: 'UNWITNESSED', message: 'no witness has cosigned this log' }];
  let failure: AssayError | null = null;
  try {
    await judgeBundle(reader, options, facts);
    qualifications.unshift(...qualify(facts));
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    failure = error;
  }
  return conclude(facts, {
    failure,
    qualifications,
    trustSha256: options.trustSha256,
    waived: ['witnesses'],
  });
}

function qualify(facts: Facts): Finding[] {
  const found: Finding[] = [];
  const unanchored = [...facts.epochs.values()].filter(({ anchored }) => !anchored).map(epochNumber);
  if (unanchored.length > 0)
    found.push({
      code: 'TIME_UNANCHORED',
      message: `only their own evidence says when these epochs were: ${unanchored.slice(0, 8).join(', ')}`,
    });
  if (facts.unanchored !== null)
    found.push({
      code: 'CLOCK_UNANCHORED',
      message: `times are those of the machine's own clock, which nothing vouches for: seals ${facts.unanchored.first} to ${facts.unanchored.last}`,
    });
  if (facts.unsealed > 0)
    found.push({
      code: 'UNSEALED_TAIL',
      message: `${facts.unsealed} leaves after ${facts.sealedSize} are not sealed`,
    });
  return found;
}

const epochNumber = ({ service }: AuditedEpoch): number => service.epoch;

async function judgeBundle(reader: AuditReader, options: AuditOptions, facts: Facts): Promise<void> {
  const { crypto, judgeEpoch } = options;
  const index = await readIndex(reader);
  const note = await readCheckpoint(reader);
  facts.epochs = await judgeEpochs(reader, index, judgeEpoch, crypto);
  const head = await verifyHead(note, facts.epochs, crypto);
  facts.origin = head.origin;
  facts.size = head.size;
  facts.root = head.root;
  facts.simulated = [...facts.epochs.values()].some(({ service }) => service.simulated);
  const held = await holdReceipts(options.receipts, facts.epochs, judgeEpoch, crypto);
  const seals = new SealChain(reader, index, facts.epochs, crypto);
  await new LogAudit(reader, options, head, seals, held, facts).run();
}

/** The head under the keys of the epoch that signed it. A head that no epoch key signed is judged under the last. */
async function verifyHead(note: string, epochs: Epochs, crypto: Crypto): Promise<VerifiedCheckpoint> {
  const opened = openCheckpoint(note);
  const signing = opened.epochs.findLast((epoch) => epochs.has(epoch)) ?? [...epochs.keys()].at(-1);
  const judged = signing === undefined ? undefined : epochs.get(signing);
  if (judged === undefined) return fail('EPOCH_UNATTESTED', 'the bundle has no attestation');
  const claimed = opened.epochs[0];
  if (claimed !== undefined && !opened.epochs.includes(judged.service.epoch))
    fail('EPOCH_UNATTESTED', `the checkpoint is of epoch ${claimed}, which has no attestation in the bundle`);
  const { origin, epoch, epochKey } = judged.service;
  return verifyCheckpoint(
    opened,
    { origin, epoch, epochKey, logKey: logKeyOf(judged.service, crypto) },
    crypto,
  );
}

/** One pass over the entries, with everything that a signed statement says about a size compared at that size. */
class LogAudit {
  readonly #options: AuditOptions;
  readonly #head: VerifiedCheckpoint;
  readonly #seals: SealChain;
  readonly #facts: Facts;
  readonly #walk: TreeWalk;
  readonly #leaves: LeafAuditor;
  /** By size of their checkpoints, and by index of their leaves. */
  readonly #heldBySize: HeldReceipt[];
  readonly #heldByIndex: HeldReceipt[];
  /** The first thing that a leaf said wrongly; counts only under a root that matches. */
  #semantic: AssayError | null = null;
  #taken = 0;
  /** The largest size at which a signed root was met, and the first signed claim that was not. */
  #agreed = 0;
  #contradiction: { readonly what: string; readonly size: number } | null = null;

  constructor(
    reader: AuditReader,
    options: AuditOptions,
    head: VerifiedCheckpoint,
    seals: SealChain,
    held: readonly HeldReceipt[],
    facts: Facts,
  ) {
    this.#options = options;
    this.#head = head;
    this.#seals = seals;
    this.#facts = facts;
    this.#walk = new TreeWalk(reader, options.crypto, head.size);
    this.#leaves = new LeafAuditor(options.crypto, facts.epochs);
    this.#heldBySize = held.toSorted((a, b) => a.size - b.size);
    this.#heldByIndex = held.toSorted((a, b) => a.index - b.index);
  }

  async run(): Promise<void> {
    for await (const tile of this.#walk.tiles()) {
      await this.#meetClaims(tile);
      this.#take(tile, tile.first + tile.hashes.length);
      this.#options.onProgress?.(this.#taken, this.#head.size);
    }
    this.#record();
    this.#judgeTree();
    await this.#judgeLength();
    if (this.#semantic !== null) throw this.#semantic;
    const { mismatch } = this.#walk;
    if (mismatch !== null) fail('TILE_MISMATCH', `${mismatch.path} disagrees with the entries`);
    this.#facts.unsealed = this.#leaves.unsealed(this.#facts.sealedSize);
  }

  /** Seals and receipts whose size or index lies in this tile, in order of size. */
  async #meetClaims(tile: EntryTile): Promise<void> {
    const end = tile.first + tile.hashes.length;
    for (;;) {
      const seal = await this.#seals.peek();
      const size = seal?.statement.treeSize ?? Number.POSITIVE_INFINITY;
      const receipt = this.#heldBySize[0];
      if (receipt !== undefined && receipt.size <= Math.min(size, end)) {
        this.#heldBySize.shift();
        this.#meet(receipt.name, receipt.size, receipt.root, tile);
      } else if (seal !== null && size <= end) {
        await this.#seals.take();
        this.#meet(`seal ${seal.statement.number}`, size, seal.statement.root, tile);
        this.#observe(() => this.#leaves.seal(seal));
        this.#facts.seals += 1;
        this.#noteClock(seal.statement);
        if (seal.evidenceDigest !== null) {
          this.#facts.quoted += 1;
          this.#facts.sealedSize = size;
        }
      } else break;
    }
    for (
      let held = this.#heldByIndex[0];
      held !== undefined && held.index < end;
      held = this.#heldByIndex[0]
    ) {
      this.#heldByIndex.shift();
      this.#facts.receipts += 1;
      const hash = tile.hashes[held.index - tile.first];
      if (hash === undefined || !equalBytes(hash, held.leafHash) || held.otherBoot)
        this.#contradiction ??= { what: `${held.name} of leaf ${held.index}`, size: held.index + 1 };
    }
  }

  #noteClock({ number, clockSource }: Seal): void {
    if (clockSource === UNANCHORED_CLOCK)
      this.#facts.unanchored = { first: this.#facts.unanchored?.first ?? number, last: number };
  }

  /** Compares a signed root with the entries' root at its size. */
  #meet(what: string, size: number, root: Uint8Array, tile: EntryTile): void {
    this.#take(tile, size);
    if (equalBytes(this.#walk.rootAt(size, tile), root)) this.#agreed = size;
    else this.#contradiction ??= { what, size };
  }

  /** Takes the leaves of the tile below `end`. */
  #take(tile: EntryTile, end: number): void {
    for (; this.#taken < end; this.#taken++) {
      const position = this.#taken;
      this.#observe(() => this.#leaves.leaf(tile.entries[position - tile.first] as Uint8Array, position));
    }
  }

  /** Keeps the first wrong thing said; what follows it is read no more. */
  #observe(check: () => void): void {
    if (this.#semantic !== null) return;
    try {
      check();
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      this.#semantic = error;
    }
  }

  #record(): void {
    this.#facts.counts = this.#leaves.counts;
    this.#facts.starts = this.#leaves.starts;
    this.#facts.span = this.#leaves.span;
  }

  /** Do the entries make the signed head? If so, whoever contradicts it proves a fork; if not, entries were changed. */
  #judgeTree(): void {
    const found = this.#contradiction;
    const { size, root } = this.#head;
    if (equalBytes(this.#walk.root(), root)) {
      if (found !== null) fail('LOG_FORKED', `${found.what} contradicts the checkpoint of size ${size}`);
      return;
    }
    const range = `leaves ${this.#agreed}..${(found?.size ?? size) - 1}`;
    const leaf = this.#walk.mismatch?.leaf;
    const where =
      leaf === undefined || leaf === null ? range : `${range}; the hash tile points to leaf ${leaf}`;
    const cause = this.#semantic ?? undefined;
    // Each leaf holds its own index, so moved leaves tell on themselves.
    fail(cause?.code === 'LEAF_INDEX_MISMATCH' ? 'LOG_REORDERED' : 'LOG_ALTERED', where, { cause });
  }

  /** Claims beyond the head: the log was longer once. */
  async #judgeLength(): Promise<void> {
    const { size } = this.#head;
    const longer = [...this.#heldBySize, ...this.#heldByIndex][0];
    if (longer !== undefined)
      fail(
        'LOG_TRUNCATED',
        `${longer.name} is of leaf ${longer.index} in a log of ${longer.size}; here are ${size}`,
      );
    const seal = await this.#seals.peek();
    if (seal !== null)
      fail(
        'LOG_TRUNCATED',
        `seal ${seal.statement.number} is over ${seal.statement.treeSize} leaves; here are ${size}`,
      );
  }
}
