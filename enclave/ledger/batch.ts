/** A batch of placed leaves on its way to the store: their bytes, their hashes, and who waits for them. */
import type { Hashing } from '../../src/base/crypto.ts';
import type { Batch as TreeBatch } from '../../src/log/frontier.ts';
import { leafHash } from '../../src/log/merkle.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import type { Trail } from './trail.ts';

interface Waiting {
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
}

const FIRST_CAPACITY = 16_384;

export class LeafBatch {
  /** Index of the first leaf. */
  readonly first: number;
  readonly hashes: Uint8Array[] = [];
  /** The trail after the last leaf. */
  trail: Trail;
  readonly #hashing: Hashing;
  readonly #waiting: Waiting[] = [];
  /** Where each leaf ends in the buffer; each starts two bytes after the end of the one before. */
  readonly #ends: number[] = [];
  #buffer: Uint8Array = new Uint8Array(FIRST_CAPACITY);
  #length = 0;

  constructor(hashing: Hashing, first: number, trail: Trail) {
    this.#hashing = hashing;
    this.first = first;
    this.trail = trail;
  }

  get count(): number {
    return this.hashes.length;
  }

  /** Bytes of the bundle. */
  get bytes(): number {
    return this.#length;
  }

  /** Bytes of the leaves alone. */
  get leafBytes(): number {
    return this.#length - 2 * this.hashes.length;
  }

  /** Adds an encoded leaf (at most 65,535 bytes), copied; one buffer serves all leaves of the batch. */
  add(leaf: Uint8Array, waiting: Waiting): void {
    const end = this.#length + 2 + leaf.length;
    if (end > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#buffer.length));
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    this.#buffer[this.#length] = leaf.length >>> 8;
    this.#buffer[this.#length + 1] = leaf.length;
    this.#buffer.set(leaf, this.#length + 2);
    this.hashes.push(leafHash(this.#hashing, leaf));
    this.#waiting.push(waiting);
    this.#ends.push(end);
    this.#length = end;
  }

  /** The leaves as a C2SP entry bundle of any length. */
  get entries(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Hands out the receipts. Their leaves are views of the batch. */
  resolve(tree: TreeBatch, checkpoint: string): void {
    let start = 0;
    for (let i = 0; i < this.#waiting.length; i++) {
      const end = this.#ends[i] as number;
      const receipt: Receipt = {
        leaf: this.#buffer.subarray(start + 2, end),
        index: this.first + i,
        proof: tree.proof(i),
        checkpoint,
      };
      (this.#waiting[i] as Waiting).resolve(receipt);
      start = end;
    }
  }

  reject(error: unknown): void {
    for (const { reject } of this.#waiting) reject(error);
  }
}
