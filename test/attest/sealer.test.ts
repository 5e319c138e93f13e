import { afterEach, describe, expect, it } from 'vitest';
import { createQuoter, createSealer, type Sealer } from '../../enclave/attest/index.ts';
import type { KeptSeal, SealerParts } from '../../enclave/attest/sealer.ts';
import type { Platform, Quote, QuoteRequest } from '../../enclave/platform/index.ts';
import { nodeCrypto } from '../../native/index.ts';
import { readU64 } from '../../src/base/bytes.ts';
import { AssayError, type Code } from '../../src/base/errors.ts';
import type { LeafDraft } from '../../src/log/leaf.ts';
import { leafHash, verifyInclusion } from '../../src/log/merkle.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { Seal } from '../../src/statement/seal.ts';

const started: Sealer[] = [];
afterEach(() => {
  for (const sealer of started.splice(0)) sealer.stop();
});

interface Bench {
  readonly sealer: Sealer;
  /** What happened, in order: `quote 1`, `keep 1`, `keep 1 without evidence`, `leaf 1`. */
  readonly events: string[];
  readonly kept: KeptSeal[];
  readonly leaves: LeafDraft[];
  readonly requests: QuoteRequest[];
  readonly problems: Code[];
  size: number;
  quoting: (request: QuoteRequest) => Promise<Quote>;
  keeping: () => Promise<void>;
  appending: () => Promise<void>;
}

const answer = async (request: QuoteRequest): Promise<Quote> => ({
  evidence: nodeCrypto.sha256(request.binding),
  time: null,
  endorsements: null,
});
const done = async (): Promise<void> => undefined;
const failing = (code: Code) => async (): Promise<never> => {
  throw new AssayError(code, 'as told');
};
const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);

function bench(changes: Partial<SealerParts> = {}): Bench {
  const out = {
    events: [] as string[],
    kept: [] as KeptSeal[],
    leaves: [] as LeafDraft[],
    requests: [] as QuoteRequest[],
    problems: [] as Code[],
    size: 10,
    quoting: answer,
    keeping: done,
    appending: done,
  };
  const platform = {
    quote: (request: QuoteRequest) => {
      out.requests.push(request);
      out.events.push(`quote ${out.requests.length}`);
      return out.quoting(request);
    },
  } as Platform;
  const sealer = createSealer({
    hashing: nodeCrypto,
    quoter: createQuoter(
      platform,
      () => 0n,
      () => undefined,
    ),
    clock: {
      now: () => 5_000,
      source: 'test',
      errorMs: () => 3,
      anchor: () => undefined,
      requireAtLeast: () => undefined,
    },
    boot: {
      origin: 'sim.example.org/log',
      epoch: 1,
      bootId: fill(1),
      epochKey: fill(2),
      logKeyThumbprint: fill(3),
      configDigest: fill(4),
      parentSeal: null,
    },
    previous: null,
    every: { seconds: 3_600, leaves: 100 },
    spacingMs: 0,
    head: () => ({ size: out.size, root: fill(out.size & 0xff) }),
    state: () => ({ policyDigest: fill(5), stateDigest: fill(6), refused: 7 }),
    append: async (draft) => {
      await out.appending();
      out.leaves.push(draft);
      out.size++;
      out.events.push(`leaf ${readU64(draft.references['number'] as Uint8Array)}`);
    },
    keep: async (seal) => {
      await out.keeping();
      out.kept.push(seal);
      out.events.push(`keep ${seal.number}${seal.evidence === null ? ' without evidence' : ''}`);
    },
    onProblem: (error) => out.problems.push(error.code),
    ...changes,
  });
  started.push(sealer);
  return Object.assign(out, { sealer });
}

const pause = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const statementOf = ({ statement }: Pick<KeptSeal, 'statement'>): Seal => Seal.decode(statement);

/** Kept in order of their numbers, without a hole, each naming the one before. */
function requireChain(kept: readonly KeptSeal[], first = 1): void {
  const seals = kept.map(statementOf);
  expect(seals.map(({ number }) => number)).toEqual(seals.map((_, i) => first + i));
  for (let i = 1; i < kept.length; i++) {
    expect(seals[i]?.previousSeal).toEqual(nodeCrypto.sha256(kept[i - 1]?.statement as Uint8Array));
    expect(seals[i]?.previousSize).toBe(seals[i - 1]?.treeSize);
  }
}

describe('the sealer', () => {
  it('binds head, state and clock, keeps the seal, logs it, and only then gives it out', async () => {
    const one = bench();
    const seal = await one.sealer.challenged(fill(9));
    expect(one.events).toEqual(['quote 1', 'keep 1', 'leaf 1']);
    expect(statementOf(seal)).toMatchObject({
      treeSize: 10,
      root: fill(10),
      number: 1,
      previousSeal: null,
      previousSize: 0,
      refused: 7,
      time: 5_000,
      clockSource: 'test',
      clockErrorMs: 3,
      policyDigest: fill(5),
    });
    expect(one.requests[0]?.binding).toEqual(bind(nodeCrypto, DOMAINS.seal, seal.statement));
    expect(one.leaves[0]?.references).toMatchObject({
      statement: nodeCrypto.sha256(seal.statement),
      evidence: nodeCrypto.sha256(seal.evidence),
    });
    expect(readU64(one.leaves[0]?.references['size'] as Uint8Array)).toBe(10);
    expect(one.sealer.latest()?.number).toBe(1);
    expect(one.sealer.count).toBe(1);
  });

  it('makes one seal of many requests, and one for all challenges of the time', async () => {
    const one = bench();
    for (let i = 0; i < 50; i++) one.sealer.request();
    const challenges = Array.from({ length: 20 }, (_, i) => fill(i + 1));
    const seals = await Promise.all(challenges.map((challenge) => one.sealer.challenged(challenge)));
    expect(one.requests).toHaveLength(1);
    const root = statementOf(seals[0] as KeptSeal).challengeRoot as Uint8Array;
    expect(one.requests[0]?.challenge).toEqual(root);
    seals.forEach(({ challenge }, i) => {
      const { index, count, path } = challenge as NonNullable<typeof challenge>;
      const hash = leafHash(nodeCrypto, challenges[i] as Uint8Array);
      verifyInclusion(nodeCrypto, { index, size: count, leafHash: hash, proof: path, root });
    });
    expect(one.sealer.latest()?.challenge).toBeNull();
  });

  it('seals what came while a seal was being quoted, and then rests', async () => {
    const one = bench({ every: { seconds: 0.02, leaves: 1_000 } });
    one.quoting = async (request) => {
      one.size += 5;
      one.quoting = answer;
      return answer(request);
    };
    one.sealer.request();
    await pause(150);
    expect(one.kept.map((seal) => statementOf(seal).treeSize)).toEqual([10, 16]);
    expect(one.size).toBe(17);
    requireChain(one.kept);
  });

  it('keeps its distance however often strangers ask, and lets them share', async () => {
    const { sealer, requests } = bench({ spacingMs: 200 });
    const started = performance.now();
    await sealer.challenged(fill(1));
    const late = await Promise.all([sealer.challenged(fill(2)), sealer.challenged(fill(3))]);
    expect(performance.now() - started).toBeGreaterThan(180);
    expect(late.map(({ number }) => number)).toEqual([2, 2]);
    expect(requests.length).toBe(2);
  });

  it('seals on the number of leaves, not before', async () => {
    const one = bench({ previous: { number: 4, digest: fill(8), size: 8 } });
    one.size = 108;
    one.sealer.onGrowth(one.size);
    await pause();
    expect(one.requests).toHaveLength(0);
    one.size = 109;
    one.sealer.onGrowth(one.size);
    one.sealer.onGrowth(one.size);
    await pause();
    expect(one.requests).toHaveLength(1);
    expect(statementOf(one.kept[0] as KeptSeal)).toMatchObject({
      number: 5,
      previousSeal: fill(8),
      previousSize: 8,
      treeSize: 109,
    });
  });

  it('never uses the number of an unanswered seal again, and keeps it with the next answered one', async () => {
    const one = bench();
    await one.sealer.challenged(fill(1));
    one.quoting = failing('QUOTE_UNAVAILABLE');
    await expect(one.sealer.challenged(fill(2))).toRejectWith('QUOTE_UNAVAILABLE');
    await expect(one.sealer.challenged(fill(3))).toRejectWith('QUOTE_UNAVAILABLE');
    expect(one.kept.map(({ number }) => number)).toEqual([1]);
    expect(one.sealer.latest()?.number).toBe(1);
    one.quoting = answer;
    const seal = await one.sealer.challenged(fill(4));
    expect(seal.number).toBe(4);
    expect(one.events.slice(3)).toEqual([
      'quote 2',
      'quote 3',
      'quote 4',
      'keep 2 without evidence',
      'keep 3 without evidence',
      'keep 4',
      'leaf 4',
    ]);
    requireChain(one.kept);
    expect(one.problems).toEqual(['QUOTE_UNAVAILABLE', 'QUOTE_UNAVAILABLE']);
  });

  it('submits the same bytes again rather than fill the memory while the device is gone', async () => {
    const one = bench();
    one.quoting = failing('NSM_REFUSED');
    for (let i = 0; i < 300; i++) await expect(one.sealer.challenged(fill(1))).toRejectWith('NSM_REFUSED');
    expect(one.sealer.count).toBe(256);
    expect(one.requests.at(-1)?.binding).toEqual(one.requests[255]?.binding);
    one.quoting = answer;
    const seal = await one.sealer.challenged(fill(2));
    expect(seal.number).toBe(257);
    requireChain(one.kept);
    expect(one.kept.filter(({ evidence }) => evidence !== null).map(({ number }) => number)).toEqual([
      256, 257,
    ]);
  });

  it('gives out no seal that the store does not take, and makes no other over the hole', async () => {
    const one = bench();
    one.keeping = failing('STORE_FULL');
    await expect(one.sealer.challenged(fill(1))).toRejectWith('STORE_FULL');
    await expect(one.sealer.challenged(fill(1))).toRejectWith('STORE_FULL');
    expect(one.requests).toHaveLength(1);
    expect(one.leaves).toHaveLength(0);
    expect(one.sealer.latest()).toBeNull();
    one.keeping = done;
    expect((await one.sealer.challenged(fill(1))).number).toBe(2);
    requireChain(one.kept);
    expect(one.events).toEqual(['quote 1', 'keep 1', 'quote 2', 'keep 2', 'leaf 2']);
  });

  it('gives out no seal whose leaf is not durable', async () => {
    const one = bench();
    one.appending = failing('LOG_UNAVAILABLE');
    await expect(one.sealer.challenged(fill(1))).toRejectWith('LOG_UNAVAILABLE');
    expect(one.sealer.latest()).toBeNull();
    expect(one.problems).toEqual(['LOG_UNAVAILABLE']);
    one.appending = done;
    expect((await one.sealer.challenged(fill(1))).number).toBe(2);
    requireChain(one.kept);
  });

  it('reports foreign failures under a code of ours', async () => {
    const one = bench();
    one.keeping = async () => {
      throw new TypeError('x');
    };
    await expect(one.sealer.challenged(fill(1))).rejects.toThrow(TypeError);
    expect(one.problems).toEqual(['QUOTE_UNAVAILABLE']);
  });

  it('takes challenges of 32 bytes only, a bounded number of them, and none after its end', async () => {
    const one = bench();
    await expect(one.sealer.challenged(fill(1, 31))).toRejectWith('CHALLENGE_INVALID');
    one.quoting = () => new Promise(() => undefined);
    one.sealer.request();
    await pause();
    const waiting = Array.from({ length: 4_096 }, () => one.sealer.challenged(fill(1)));
    await expect(one.sealer.challenged(fill(1))).toRejectWith('QUOTE_UNAVAILABLE');
    one.sealer.stop();
    for (const each of await Promise.allSettled(waiting)) expect(each.status).toBe('rejected');
    await expect(one.sealer.challenged(fill(1))).toRejectWith('QUOTE_UNAVAILABLE');
  });
});
