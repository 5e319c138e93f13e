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

/** `connect` opens the far side, half-open allowed. */
export function createRelay(connect: () => Promise<Duplex>, over: Partial<RelayLimits> = {}): Relay {
  const limits: RelayLimits = { ...RELAY_LIMITS, ...over };
  const pairs = new Set<Pair>();
  let open = true;

  function cut(pair: Pair): void {
    pairs.delete(pair);
    pair.near.destroy();
    pair.far?.destroy();
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

  function watch(pair: Pair, stream: Duplex): void {
    stream.on('error', () => cut(pair));
    // A side that closes without an end was reset, and so the other side is. After both ends nothing is left.
    stream.once('close', () => {
      if (!stream.readableEnded || !stream.writableFinished || pair.ended === 2) cut(pair);
    });
  }

  async function start(pair: Pair): Promise<void> {
    const far = await connect();
    if (!pairs.has(pair)) return void far.destroy();
    pair.far = far;
    pair.activeAt = performance.now();
    watch(pair, far);
    carry(pair, pair.near, far);
    carry(pair, far, pair.near);
  }

  function sweep(): void {
    const now = performance.now();
    for (const pair of pairs) {
      const limit = pair.far === null ? limits.connectMs : pair.ended > 0 ? limits.halfOpenMs : limits.idleMs;
      if (now - pair.activeAt > limit) cut(pair);
    }
  }

  const period = Math.min(1_000, limits.connectMs / 4, limits.idleMs / 4, limits.halfOpenMs / 4);
  const timer = setInterval(sweep, Math.max(5, period));
  timer.unref();

  return {
    accept(near) {
      const pair: Pair = { near, far: null, activeAt: performance.now(), ended: 0 };
      watch(pair, near);
      if (!open || pairs.size >= limits.maxConnections) return void near.destroy();
      pairs.add(pair);
      start(pair).catch(() => cut(pair));
    },
    connections: () => pairs.size,
    close() {
      open = false;
      clearInterval(timer);
      for (const pair of pairs) cut(pair);
    },
  };
}
