/**
 * What a client keeps of a service that is being killed: every receipt that it was given, every head that it saw.
 * Both are compared with the log that the store has published: the root of each size is recomputed from the
 * entries, so that two heads that agree with it are consistent with each other.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportBundle, folderReader } from '../../host/audit/index.ts';
import type { AssayClient } from '../../host/client/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { toHex } from '../../src/base/hex.ts';
import { openCheckpoint } from '../../src/log/checkpoint.ts';
import { Frontier } from '../../src/log/frontier.ts';
import { leafHash } from '../../src/log/merkle.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import { decodeEntries, entriesPath, TILE_WIDTH, tileWidth } from '../../src/log/tile.ts';
import type { ReceiptFile } from '../../src/log/files.ts';
import { type AuditReport, auditBundle, type TrustPolicy } from '../../verifier/index.ts';

interface Acknowledged {
  readonly index: number;
  readonly leaf: Uint8Array;
}

const PUBLISHED_MS = 15_000;
/** Receipts that the auditor is given whole; the rest is compared with the entries here. */
const SAMPLE_EVERY = 97;

export class Held {
  readonly acknowledged: Acknowledged[] = [];
  /** Roots in hex by size. */
  readonly heads = new Map<number, string>();
  readonly epochs = new Set<number>();
  readonly #samples: ReceiptFile[] = [];
  readonly #notes = new Map<string, number>();

  /** A receipt that the client has verified. */
  add({ index, leaf, proof, checkpoint }: Receipt, client: AssayClient): void {
    const own = leaf.slice();
    this.acknowledged.push({ index, leaf: own });
    this.sawHead(checkpoint);
    const newEpoch = !this.epochs.has(client.service.epoch);
    this.epochs.add(client.service.epoch);
    if (newEpoch || this.acknowledged.length % SAMPLE_EVERY === 0)
      this.#samples.push({
        receipt: { index, leaf: own, proof: proof.map((hash) => hash.slice()), checkpoint },
        attestation: client.attestation,
        seal: null,
      });
  }

  /** Throws when another head of that size was seen. */
  sawHead(note: string): number {
    const known = this.#notes.get(note);
    if (known !== undefined) return known;
    const { size, root } = openCheckpoint(note);
    const before = this.heads.get(size);
    if (before !== undefined && before !== toHex(root)) throw new Error(`two roots of size ${size}`);
    this.heads.set(size, toHex(root));
    if (this.#notes.size > 4_096) this.#notes.clear();
    this.#notes.set(note, size);
    return size;
  }

  /** Audits an export of the store under the user's own trust policy, with a sample of the receipts. */
  async audit(store: string, target: string, trust: TrustPolicy): Promise<AuditReport> {
    const needed = this.last() + 1;
    const deadline = performance.now() + PUBLISHED_MS;
    for (;;) {
      const exported = await exportBundle(store, target).catch((error: unknown) => {
        if (performance.now() > deadline) throw error;
        return null;
      });
      if (exported !== null && exported.size >= needed) break;
      if (performance.now() > deadline)
        throw new Error(`only ${exported?.size} of ${needed} leaves are published`);
      rmSync(target, { recursive: true, force: true });
      await sleep(20);
    }
    const receipts = this.#samples.filter(({ receipt }) => receipt.index < needed);
    const report = await auditBundle(folderReader(target), {
      trust,
      crypto: nodeCrypto,
      now: Date.now(),
      receipts,
    });
    rmSync(target, { recursive: true, force: true });
    return report;
  }

  /** Index of the last leaf that was acknowledged. */
  last(): number {
    return this.acknowledged.reduce((last, { index }) => Math.max(last, index), -1);
  }
}

/** Reads a published log as it grows, and compares what is held with it. */
export class Follower {
  readonly #store: string;
  readonly #frontier = new Frontier(nodeCrypto);
  readonly #hashes: string[] = [];
  /** Root of each size. */
  readonly #roots: string[] = [toHex(this.#frontier.root())];
  #compared = 0;

  constructor(store: string) {
    this.#store = store;
  }

  get size(): number {
    return this.#frontier.size;
  }

  /** Waits until the log covers what has been acknowledged, then throws for anything that is not as it was signed. */
  async check(held: Held): Promise<void> {
    const until = held.acknowledged.length;
    const acknowledged = held.acknowledged.slice(this.#compared, until);
    const heads = [...held.heads].filter(([size]) => size > 0);
    const needed = Math.max(0, ...acknowledged.map(({ index }) => index + 1), ...heads.map(([size]) => size));
    const deadline = performance.now() + PUBLISHED_MS;
    while (this.size < needed) {
      this.#read(held);
      if (performance.now() > deadline)
        throw new Error(`only ${this.size} of ${needed} leaves are published`);
      if (this.size < needed) await sleep(20);
    }
    for (const { index, leaf } of acknowledged)
      if (this.#hashes[index] !== toHex(leafHash(nodeCrypto, leaf)))
        throw new Error(`leaf ${index} is another one`);
    for (const [size, root] of heads)
      if (this.#roots[size] !== root) throw new Error(`the head of size ${size} is not of this log`);
    this.#compared = until;
  }

  /** Tiles are replaced by wider ones while we read: what is gone is read again next time. */
  #read(held: Held): void {
    let size: number;
    try {
      size = held.sawHead(readFileSync(join(this.#store, 'log/checkpoint'), 'utf8'));
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return;
      throw error;
    }
    while (this.size < size) {
      const index = Math.floor(this.size / TILE_WIDTH);
      const width = tileWidth(0, index, size);
      let bytes: Uint8Array;
      try {
        bytes = new Uint8Array(readFileSync(join(this.#store, 'log', entriesPath(index, width))));
      } catch (error) {
        if ((error as { code?: string }).code === 'ENOENT') return;
        throw error;
      }
      for (const leaf of decodeEntries(bytes, width).slice(this.size % TILE_WIDTH)) this.#append(leaf);
    }
  }

  #append(leaf: Uint8Array): void {
    const hash = leafHash(nodeCrypto, leaf);
    this.#frontier.append(hash);
    this.#hashes.push(toHex(hash));
    this.#roots.push(toHex(this.#frontier.root()));
  }
}
