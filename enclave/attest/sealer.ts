/**
 * Seals (design sections 4, 6, 7): a checkpoint bound into a hardware quote, every N seconds, every M leaves, on
 * a policy change or a challenge; never in the decision path. The seal's bytes are fixed when it is first
 * submitted; one that the device never answers stays in the chain as unquoted and its number is not used again.
 *
 * Order: quote, then the seal is kept with the host, then its `seal_ref` leaf, then clients get it. After a crash
 * before the leaf the next boot uses the number again and replaces what was kept (docs/adr/0003).
 */
import type { Hashing } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { draftLeaf, type LeafDraft } from '../../src/log/leaf.ts';
import type { ChallengePath } from '../../src/statement/attestation.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { Seal } from '../../src/statement/seal.ts';
import { u64be } from '../../src/base/bytes.ts';
import type { EnclaveClock } from '../platform/clock.ts';
import { batchChallenges, type ChallengeBatch, requireChallenge } from './challenges.ts';
import type { Quoter } from './quoter.ts';

export interface SealRecord {
  readonly number: number;
  readonly statement: Uint8Array;
  readonly evidence: Uint8Array;
  /** Where the caller's challenge stands in the seal's batch; null when the seal was not made for one. */
  readonly challenge: ChallengePath | null;
}

/** A seal for auditors. One without evidence still links the chain. */
export type KeptSeal = Pick<SealRecord, 'number' | 'statement'> & { readonly evidence: Uint8Array | null };

export interface Sealer {
  /** Seals soon; many calls make one seal. */
  request(): void;
  /** A seal made after this call, with the challenge in it. */
  challenged(challenge: Uint8Array): Promise<SealRecord>;
  latest(): SealRecord | null;
  /** Told after each committed batch; seals by count and by time. */
  onGrowth(size: number): void;
  readonly count: number;
  stop(): void;
}

export interface SealerParts {
  readonly hashing: Hashing;
  readonly quoter: Quoter;
  readonly clock: EnclaveClock;
  /** Fields that stay the same for this boot. */
  readonly boot: Pick<
    Seal,
    'origin' | 'epoch' | 'bootId' | 'epochKey' | 'logKeyThumbprint' | 'configDigest' | 'parentSeal'
  >;
  readonly previous: { readonly number: number; readonly digest: Uint8Array; readonly size: number } | null;
  readonly every: { readonly seconds: number; readonly leaves: number };
  /** Least time between two seals: each makes a leaf, and anybody may ask for one. */
  readonly spacingMs: number;
  readonly head: () => { readonly size: number; readonly root: Uint8Array };
  readonly state: () => {
    readonly policyDigest: Uint8Array | null;
    readonly stateDigest: Uint8Array;
    readonly refused: number;
  };
  readonly append: (draft: LeafDraft) => Promise<unknown>;
  /** Puts the seal where auditors find it, durably; evidence is null when the device never answered. */
  readonly keep: (seal: KeptSeal) => Promise<void>;
  readonly onProblem: (error: AssayError) => void;
}

interface Asked {
  readonly challenge: Uint8Array;
  readonly resolve: (seal: SealRecord) => void;
  readonly reject: (error: unknown) => void;
}

/** A seal as it was first submitted; its bytes do not change again. */
interface Submitted {
  readonly number: number;
  readonly size: number;
  readonly statement: Uint8Array;
  readonly challengeRoot: Uint8Array | null;
}

/** While so many seals are unanswered, the last of them is submitted again instead of one more. */
const MAX_UNANSWERED = 256;
const MAX_BATCH = 1_024;
const MAX_WAITING = 4_096;

export function createSealer(parts: SealerParts): Sealer {
  const { hashing } = parts;
  let previous = parts.previous;
  let latest: SealRecord | null = null;
  const asked: Asked[] = [];
  let wanted = false;
  let running = false;
  let stopped = false;
  /** What the device has not answered, or not yet. */
  let unanswered: Submitted | null = null;
  /** Size of the last sealed tree with the seal's own leaf: without growth beyond it, time alone makes no seal. */
  let sealedTo = parts.previous === null ? 0 : parts.previous.size + 1;

  function statementFor(challengeRoot: Uint8Array | null): Submitted {
    const { size, root } = parts.head();
    const { policyDigest, stateDigest, refused } = parts.state();
    const number = (previous?.number ?? 0) + 1;
    const statement = Seal.encode({
      ...parts.boot,
      treeSize: size,
      root,
      number,
      previousSeal: previous?.digest ?? null,
      policyDigest,
      stateDigest,
      previousSize: previous?.size ?? 0,
      refused,
      time: parts.clock.now(),
      clockSource: parts.clock.source,
      clockErrorMs: parts.clock.errorMs(),
      witnessedSize: 0,
      witnessedHash: null,
      witnessPolicyDigest: null,
      challengeRoot,
    });
    return { number, size, statement, challengeRoot };
  }

  /**
   * What the store has not taken yet, oldest first: no further seal is made over a hole in the chain. Seals that
   * the device did not answer wait for the next one that it does: a boot that begins before then uses their
   * numbers again, and must not find them with the host.
   */
  const unkept: KeptSeal[] = [];

  async function keepAll(): Promise<void> {
    for (let seal = unkept[0]; seal !== undefined; seal = unkept[0]) {
      await parts.keep(seal);
      unkept.shift();
    }
  }

  async function quoteSeal({ number, size, statement, challengeRoot }: Submitted): Promise<SealRecord> {
    const digest = hashing.sha256(statement);
    previous = { number, digest, size };
    const binding = bind(hashing, DOMAINS.seal, statement);
    unanswered = { number, size, statement, challengeRoot };
    unkept.push({ number, statement, evidence: null });
    const quote = await parts.quoter.quote('seal', { binding, challenge: challengeRoot, recipient: null });
    unanswered = null;
    unkept.splice(-1, 1, { number, statement, evidence: quote.evidence });
    await keepAll();
    const evidence = hashing.sha256(quote.evidence);
    const references = { statement: digest, evidence, number: u64be(number), size: u64be(size) };
    await parts.append(draftLeaf({ kind: 'seal_ref', references }));
    latest = { number, statement, evidence: quote.evidence, challenge: null };
    sealedTo = size + 1;
    return latest;
  }

  function batchOf(taken: readonly Asked[]): ChallengeBatch | null {
    if (taken.length === 0) return null;
    return batchChallenges(
      hashing,
      taken.map(({ challenge }) => challenge),
    );
  }

  async function sealOnce(): Promise<void> {
    const taken = asked.splice(0, MAX_BATCH);
    wanted = false;
    try {
      if (unkept.some(({ evidence }) => evidence !== null)) await keepAll();
      if (unanswered !== null && unkept.length >= MAX_UNANSWERED) {
        unkept.pop();
        await quoteSeal(unanswered);
      }
      const batch = batchOf(taken);
      const seal = await quoteSeal(statementFor(batch?.root ?? null));
      taken.forEach(({ resolve }, index) => resolve({ ...seal, challenge: batch?.path(index) ?? null }));
    } catch (error) {
      for (const { reject } of taken) reject(error);
      parts.onProblem(
        error instanceof AssayError
          ? error
          : new AssayError('QUOTE_UNAVAILABLE', 'no seal', { cause: error }),
      );
    }
  }

  /** What is asked meanwhile shares the next seal. */
  async function rest(): Promise<void> {
    if (parts.spacingMs > 0) await new Promise((resolve) => setTimeout(resolve, parts.spacingMs).unref());
  }

  async function run(): Promise<void> {
    if (running) return;
    running = true;
    await new Promise((resolve) => setImmediate(resolve));
    while (!stopped && (wanted || asked.length > 0)) {
      await sealOnce();
      await rest();
    }
    running = false;
  }

  const tick = setInterval(() => {
    if (parts.head().size > sealedTo) request();
  }, parts.every.seconds * 1_000);
  tick.unref();

  function request(): void {
    wanted = true;
    void run();
  }

  return {
    request,
    async challenged(challenge) {
      requireChallenge(challenge);
      if (stopped) fail('QUOTE_UNAVAILABLE', 'the enclave stops');
      if (asked.length >= MAX_WAITING) fail('QUOTE_UNAVAILABLE', `${MAX_WAITING} challenges wait for a seal`);
      return new Promise((resolve, reject) => {
        asked.push({ challenge, resolve, reject });
        void run();
      });
    },
    latest: () => latest,
    onGrowth(size) {
      if (size - sealedTo >= parts.every.leaves && !wanted) request();
    },
    get count() {
      return previous?.number ?? 0;
    },
    stop() {
      stopped = true;
      clearInterval(tick);
      for (const { reject } of asked.splice(0))
        reject(new AssayError('QUOTE_UNAVAILABLE', 'the enclave stops'));
    },
  };
}
