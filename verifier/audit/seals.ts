/**
 * The chain of seals, read one at a time: a year of them need not fit in memory. Each names the one before it, so
 * one genuine quote vouches for all seals before it.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { Seal } from '../../src/statement/seal.ts';
import { requireSealOfService } from '../seal.ts';
import { type AuditReader, type BundleIndex, readSeal } from './bundle.ts';
import { type Epochs, epochOf } from './epochs.ts';

export interface AuditedSeal {
  readonly statement: Seal;
  readonly digest: Uint8Array;
  /** Null when the hardware never answered; a later seal covers it. */
  readonly evidenceDigest: Uint8Array | null;
}

/** Seals count from 1. */
const FIRST = 1;

export class SealChain {
  readonly #reader: AuditReader;
  readonly #epochs: Epochs;
  readonly #crypto: Crypto;
  readonly #last: number;
  #previous: AuditedSeal | null = null;
  /** Last seal of the epoch before the present one's. */
  #parent: Uint8Array | null = null;
  #next: Promise<AuditedSeal | null> | null = null;
  #count = 0;

  constructor(reader: AuditReader, index: BundleIndex, epochs: Epochs, crypto: Crypto) {
    this.#reader = reader;
    this.#epochs = epochs;
    this.#crypto = crypto;
    this.#last = index.seals;
  }

  /** Seals taken so far. */
  get count(): number {
    return this.#count;
  }

  /** The next seal without taking it, verified against the one before; null after the last. Throws SEAL_*, EPOCH_*. */
  peek(): Promise<AuditedSeal | null> {
    this.#next ??= this.#read(FIRST + this.#count);
    return this.#next;
  }

  async take(): Promise<AuditedSeal> {
    const seal = await this.peek();
    if (seal === null) return fail('SEAL_MISSING', 'there are no more seals');
    const { epoch } = seal.statement;
    if (this.#previous !== null && this.#previous.statement.epoch !== epoch)
      this.#parent = this.#previous.digest;
    this.#previous = seal;
    this.#next = null;
    this.#count += 1;
    return seal;
  }

  async #read(number: number): Promise<AuditedSeal | null> {
    if (number > this.#last) return null;
    const file = await readSeal(this.#reader, number);
    const statement = this.#decode(number, file.statement);
    this.#checkChain(number, statement);
    const { service, judgeSeal } = epochOf(this.#epochs, statement.epoch);
    requireSealOfService(statement, service, this.#crypto);
    if (!equalBytes(statement.configDigest, service.configDigest))
      fail('SEAL_SERVICE_MISMATCH', `seal ${number} names another configuration than its boot`);
    if (file.evidence !== null)
      await judgeSeal(file.evidence, bind(this.#crypto, DOMAINS.seal, file.statement));
    return {
      statement,
      digest: this.#crypto.sha256(file.statement),
      evidenceDigest: file.evidence === null ? null : this.#crypto.sha256(file.evidence),
    };
  }

  #decode(number: number, bytes: Uint8Array): Seal {
    try {
      return Seal.decode(bytes);
    } catch (cause) {
      if (!(cause instanceof AssayError)) throw cause;
      throw new AssayError('AUDIT_BUNDLE_INVALID', `seals/${number}: ${cause.code}: ${cause.message}`, {
        cause,
      });
    }
  }

  #checkChain(number: number, seal: Seal): void {
    const previous = this.#previous;
    const before = previous?.statement;
    if (seal.number < number) fail('SEAL_REPLAYED', `seals/${number} holds seal ${seal.number}`);
    const broken = (why: string): never => fail('SEAL_CHAIN_BROKEN', `seal ${number} ${why}`);
    if (seal.number !== number) broken(`says that it is seal ${seal.number}`);
    if (!sameOrNone(seal.previousSeal, previous?.digest ?? null))
      broken('names another seal as the one before');
    if (seal.previousSize !== (before?.treeSize ?? 0)) broken('names another size of the one before');
    if (before === undefined) {
      if (seal.parentSeal !== null) fail('EPOCH_SPLICED', `seal ${number} is the first but has a parent`);
      return;
    }
    if (seal.treeSize < before.treeSize) broken('is of a smaller tree than the one before');
    if (seal.epoch < before.epoch) broken('is of an earlier epoch than the one before');
    if (seal.time < before.time) broken('is older than the one before');
    const parent = seal.epoch === before.epoch ? this.#parent : (previous?.digest ?? null);
    if (!sameOrNone(seal.parentSeal, parent))
      fail(
        'EPOCH_SPLICED',
        `seal ${number} of epoch ${seal.epoch} does not descend from the seal before its epoch`,
      );
  }
}

function sameOrNone(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}
