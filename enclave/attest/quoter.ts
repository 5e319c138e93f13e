/**
 * One quote at a time, seals first (design section 4): stock TDX and SNP give about one a second and stall for
 * up to a minute, so requests wait in two queues and a slow device delays evidence, never a decision.
 */
import type { Platform, Quote, QuoteRequest } from '../platform/index.ts';
import { AssayError, fail } from '../../src/base/errors.ts';

export type Priority = 'seal' | 'identity';

export interface Quoter {
  quote(priority: Priority, request: QuoteRequest): Promise<Quote>;
}

interface Waiting {
  readonly request: QuoteRequest;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (quote: Quote) => void;
  readonly reject: (error: unknown) => void;
}

/** More waiting than this means that the device is gone; asking for more would only grow the heap. */
const MAX_WAITING = 64;
/** Twice the longest stall that was seen on a public cloud. */
const PATIENCE_MS = 120_000;

/**
 * `observe` sees each quote with its round trip, so that its signed time can anchor the clock. Who waits longer
 * than `patienceMs` is told so; a device that hangs is not asked again until it answers.
 */
export function createQuoter(
  platform: Platform,
  monotonicNs: () => bigint,
  observe: (quote: Quote, roundTripMs: number) => void,
  patienceMs: number = PATIENCE_MS,
): Quoter {
  const queues: Record<Priority, Waiting[]> = { seal: [], identity: [] };
  let busy = false;

  async function work(): Promise<void> {
    busy = true;
    for (let next = queues.seal.shift() ?? queues.identity.shift(); next !== undefined; ) {
      const started = monotonicNs();
      try {
        const quote = await platform.quote(next.request);
        observe(quote, Number(monotonicNs() - started) / 1e6);
        next.resolve(quote);
      } catch (error) {
        next.reject(
          error instanceof AssayError
            ? error
            : new AssayError('QUOTE_UNAVAILABLE', 'the device failed', { cause: error }),
        );
      }
      clearTimeout(next.timer);
      next = queues.seal.shift() ?? queues.identity.shift();
    }
    busy = false;
  }

  return {
    async quote(priority, request) {
      const queue = queues[priority];
      if (queue.length >= MAX_WAITING)
        fail('QUOTE_UNAVAILABLE', `${MAX_WAITING} ${priority} quotes are waiting`);
      return new Promise<Quote>((resolve, reject) => {
        const timer = setTimeout(() => {
          const at = queue.indexOf(waiting);
          if (at !== -1) queue.splice(at, 1);
          reject(new AssayError('QUOTE_UNAVAILABLE', `no quote within ${patienceMs} ms`));
        }, patienceMs);
        const waiting: Waiting = { request, timer, resolve, reject };
        queue.push(waiting);
        if (!busy) void work();
      });
    },
  };
}
