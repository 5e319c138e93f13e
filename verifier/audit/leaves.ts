/**
 * What leaves must say of themselves and of each other, in order. Nothing found here counts before the root over
 * the leaf has been compared with a signed one: until then a bad leaf says only that the stored bytes are bad.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Hashing } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { decodeLeaf, type Leaf, type LeafKind, policiesDigest } from '../../src/log/index.ts';
import { type Epochs, epochOf } from './epochs.ts';
import type { AuditedSeal } from './seals.ts';

export interface LeafCounts {
  readonly kinds: Readonly<Partial<Record<LeafKind, number>>>;
  readonly decisions: Readonly<Record<string, number>>;
}

/** A seal without a leaf that names it is forgotten after so many newer ones. */
const MAX_UNNAMED = 65_536;

export class LeafAuditor {
  readonly #hashing: Hashing;
  readonly #epochs: Epochs;
  readonly #policies = new Map<string, Uint8Array>();
  /** Seals that no leaf has named yet, by the hex of their digest. */
  readonly #unnamed = new Map<string, AuditedSeal>();
  readonly #kinds: Partial<Record<LeafKind, number>> = {};
  readonly #decisions: Record<string, number> = {};
  readonly #starts: { epoch: number; index: number; time: number }[] = [];
  #epoch: number | null = null;
  #lastNamed: Uint8Array | null = null;
  #first: number | null = null;
  #time = 0;
  /** Index of the last leaf that a seal is missed for: all but references to seals, and padding. */
  #lastWeighty = -1;

  constructor(hashing: Hashing, epochs: Epochs) {
    this.#hashing = hashing;
    this.#epochs = epochs;
  }

  get counts(): LeafCounts {
    return { kinds: this.#kinds, decisions: this.#decisions };
  }

  /** Where each epoch begins. */
  get starts(): readonly { readonly epoch: number; readonly index: number; readonly time: number }[] {
    return this.#starts;
  }

  /** Time of the first and of the last leaf, ms; null in an empty log. */
  get span(): { readonly first: number; readonly last: number } | null {
    return this.#first === null ? null : { first: this.#first, last: this.#time };
  }

  /** How many of the leaves from `sealed` on need a seal: not counting those that only name a seal. */
  unsealed(sealed: number): number {
    return Math.max(0, this.#lastWeighty + 1 - sealed);
  }

  /** Takes the next leaf. Throws LEAF_*, EPOCH_*, SEAL_*, policy codes, and what reading a leaf throws. */
  leaf(bytes: Uint8Array, position: number): void {
    const leaf = decodeLeaf(bytes);
    if (leaf.index !== position)
      fail('LEAF_INDEX_MISMATCH', `leaf ${position} says that it is leaf ${leaf.index}`);
    this.#checkEpoch(leaf);
    if (leaf.time < this.#time) fail('LEAF_TIME_BACKWARDS', `leaf ${position} is older than the one before`);
    this.#first ??= leaf.time;
    this.#time = leaf.time;
    this.#kinds[leaf.kind] = (this.#kinds[leaf.kind] ?? 0) + 1;
    if (leaf.kind === 'decision') this.#checkDecision(leaf);
    else if (leaf.kind === 'policy_change') this.#changePolicy(leaf);
    else if (leaf.kind === 'seal_ref') this.#nameSeal(leaf);
    if (leaf.kind !== 'seal_ref' && leaf.kind !== 'padding') this.#lastWeighty = position;
  }

  /** Called when the leaves up to the seal's tree size have been taken. */
  seal(seal: AuditedSeal): void {
    const { number, epoch, policyDigest, treeSize } = seal.statement;
    if (epoch !== this.#epoch)
      fail(
        'EPOCH_SPLICED',
        `seal ${number} of epoch ${epoch} is over leaf ${treeSize - 1} of epoch ${this.#epoch}`,
      );
    const inForce = policiesDigest(this.#hashing, this.#policies);
    if (!same(policyDigest, inForce))
      fail(
        'POLICY_DIGEST_MISMATCH',
        `seal ${number} names another policy than the one in force at ${treeSize}`,
      );
    if (seal.evidenceDigest === null) return;
    this.#unnamed.set(toHex(seal.digest), seal);
    if (this.#unnamed.size > MAX_UNNAMED)
      for (const oldest of this.#unnamed.keys()) {
        this.#unnamed.delete(oldest);
        break;
      }
  }

  #checkEpoch(leaf: Leaf): void {
    const { index, epoch, kind, references } = leaf;
    if (epoch === this.#epoch && kind !== 'epoch_start') return;
    if (kind !== 'epoch_start' || epoch <= (this.#epoch ?? 0))
      fail(
        'EPOCH_SPLICED',
        `leaf ${index} of kind ${kind} in epoch ${epoch} after epoch ${this.#epoch ?? 'none'}`,
      );
    const { fileDigest, service } = epochOf(this.#epochs, epoch);
    if (
      !same(references['attestation'] ?? null, fileDigest) ||
      !same(references['boot'] ?? null, service.bootId)
    )
      fail(
        'EPOCH_SPLICED',
        `leaf ${index} starts epoch ${epoch} with another boot than its attestation is of`,
      );
    if (!same(references['parent'] ?? null, this.#lastNamed))
      fail(
        'EPOCH_SPLICED',
        `leaf ${index} starts epoch ${epoch} from another seal than the last one in the log`,
      );
    this.#epoch = epoch;
    this.#starts.push({ epoch, index, time: leaf.time });
  }

  #checkDecision(leaf: Leaf): void {
    const { tenant, policyDigest, decision, index } = leaf;
    this.#decisions[decision ?? ''] = (this.#decisions[decision ?? ''] ?? 0) + 1;
    const inForce = this.#policies.get(tenant ?? '');
    if (inForce === undefined)
      fail(
        'DECISION_WITHOUT_POLICY',
        `leaf ${index} decides before any policy of tenant ${tenant ?? 'none'}`,
      );
    if (!same(policyDigest, inForce))
      fail('POLICY_DIGEST_MISMATCH', `leaf ${index} names another policy than the one in force`);
  }

  #changePolicy(leaf: Leaf): void {
    const { tenant, policyDigest, references, index } = leaf;
    if (policyDigest === null || !same(references['bundle'] ?? null, policyDigest))
      return fail('POLICY_DIGEST_MISMATCH', `leaf ${index} changes to another policy than the one it names`);
    this.#policies.set(tenant ?? '', policyDigest);
  }

  /** A seal is named after it was made, so it is already known here, or it is missing. */
  #nameSeal(leaf: Leaf): void {
    const { statement, evidence } = leaf.references;
    const seal = statement === undefined ? undefined : this.#unnamed.get(toHex(statement));
    if (seal === undefined || statement === undefined)
      return fail('SEAL_MISSING', `leaf ${leaf.index} names a seal that is not in the chain at this place`);
    if (!same(evidence ?? null, seal.evidenceDigest))
      fail(
        'SEAL_EVIDENCE_MISMATCH',
        `leaf ${leaf.index} names other evidence for seal ${seal.statement.number}`,
      );
    this.#unnamed.delete(toHex(statement));
    this.#lastNamed = statement;
  }
}

function same(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}
