/**
 * Carries bytes between two streams and understands none of them: TLS passes through, so the relay can delay and
 * cut, and nothing else. Each side's end is passed on, so that a half-closed connection works.
 */
import type { Duplex } from 'node:stream';
import { performance } from 'node:perf_hooks';

export interface RelayLimits {
  readonly maxConnections: number;
  /** From accept until the far side is connected, in milliseconds. */
  readonly connectMs: number;
  /** Without a byte in either direction, in milliseconds. Longer than the server's, so that the server decides. */
  readonly idleMs: number;
  /** After one side has ended, without a byte in the other direction, in milliseconds. */
  readonly halfOpenMs: number;
}

export const RELAY_LIMITS: RelayLimits = {
  maxConnections: 1_024,
  connectMs: 5_000,
  idleMs: 90_000,
  halfOpenMs: 30_000,
};

export interface Relay {
  /** Takes over a stream; `allowHalfOpen` must be set on it. Never throws. */
  readonly accept: (near: Duplex) => void;
  readonly connections: () => number;
  readonly close: () => void;
}

interface Pair {
  readonly near: Duplex;
  far: Duplex | null;
  activeAt: number;
  /** Sides that have sent their end. */
  ended: number;
}

function cut({ near, far }: Pair): void {
  near.destroy();
  far?.destroy();
}

/** One direction: bytes with back-pressure, then the end. */
function carry(pair: Pair, from: Duplex, to: Duplex): void {
  from.on('data', (chunk) => {
    pair.activeAt = performance.now();
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => {
    pair.activeAt = performance.now();
    from.resume();
  });
  const ended = (): void => {
    pair.ended++;
    pair.activeAt = performance.now();
    to.end();
  };
  // An empty stream may have ended while the far side was being connected.
  if (from.readableEnded) ended();
  else from.once('end', ended);
}

class Pairs {
  readonly #connect: () => Promise<Duplex>;
  readonly #limits: RelayLimits;
  readonly #pairs = new Set<Pair>();
  readonly #timer: NodeJS.Timeout;
  #open = true;

  constructor(connect: () => Promise<Duplex>, limits: RelayLimits) {
    this.#connect = connect;
    this.#limits = limits;
    const period = Math.min(1_000, limits.connectMs / 4, limits.idleMs / 4, limits.halfOpenMs / 4);
    this.#timer = setInterval(() => this.#sweep(), Math.max(5, period));
    this.#timer.unref();
  }

  get size(): number {
    return this.#pairs.size;
  }

  accept(near: Duplex): void {
    const pair: Pair = { near, far: null, activeAt: performance.now(), ended: 0 };
    this.#watch(pair, near);
    if (!this.#open || this.#pairs.size >= this.#limits.maxConnections) return void near.destroy();
    this.#pairs.add(pair);
    this.#start(pair).catch(() => this.#remove(pair));
  }

  close(): void {
    this.#open = false;
    clearInterval(this.#timer);
    for (const pair of this.#pairs) this.#remove(pair);
  }

  async #start(pair: Pair): Promise<void> {
    const far = await this.#connect();
    pair.far = far;
    pair.activeAt = performance.now();
    this.#watch(pair, far);
    if (!this.#pairs.has(pair)) return cut(pair);
    carry(pair, pair.near, far);
    carry(pair, far, pair.near);
  }

  #remove(pair: Pair): void {
    this.#pairs.delete(pair);
    cut(pair);
  }

  #watch(pair: Pair, stream: Duplex): void {
    stream.on('error', () => this.#remove(pair));
    // A side that closes without an end was reset, and so the other side is. After both ends nothing is left.
    stream.once('close', () => {
      if (!stream.readableEnded || !stream.writableFinished || pair.ended === 2) this.#remove(pair);
    });
  }

  #sweep(): void {
    const now = performance.now();
    const { connectMs, halfOpenMs, idleMs } = this.#limits;
    for (const pair of this.#pairs) {
      const limit = pair.far === null ? connectMs : pair.ended > 0 ? halfOpenMs : idleMs;
      if (now - pair.activeAt > limit) this.#remove(pair);
    }
  }
}

/** `connect` opens the far side, half-open allowed. */
export function createRelay(connect: () => Promise<Duplex>, over: Partial<RelayLimits> = {}): Relay {
  const pairs = new Pairs(connect, { ...RELAY_LIMITS, ...over });
  return {
    accept: (near) => pairs.accept(near),
    connections: () => pairs.size,
    close: () => pairs.close(),
  };
}
