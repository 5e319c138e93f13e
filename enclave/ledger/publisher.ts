/**
 * Publishes checkpoints behind the appends: one call at a time, the newest head only, and not more often than the
 * interval, because each publication syncs several files. A full disk is tried again; anything else is the
 * ledger's to handle, since the session with the store is then broken.
 */
import { AssayError, codeOf, fail } from '../../src/base/errors.ts';

export interface Head {
  readonly size: number;
  readonly root: Uint8Array;
  /** Signed note of this head. */
  readonly checkpoint: string;
}

export interface Publisher {
  /** The newest head to publish. */
  offer(head: Head): void;
  /** Resolves with the published head once it covers `size` leaves, which must have been offered; does not wait
   * for the interval. Rejects with LOG_UNAVAILABLE when publishing fails. */
  reach(size: number): Promise<Head>;
  /** Nothing is published until `resume`; whoever waits is refused. */
  suspend(error: AssayError): void;
  resume(): void;
  /** For good: a store that is cured later resumes nothing. */
  stop(): void;
}

export interface PublisherParts {
  readonly publish: (note: string) => Promise<number>;
  readonly everyMs: number;
  /** Told when the session with the store is broken. */
  readonly onFailure: (error: unknown) => void;
}

interface Waiting {
  readonly size: number;
  readonly resolve: (head: Head) => void;
  readonly reject: (error: AssayError) => void;
}

export function createPublisher({ publish, everyMs, onFailure }: PublisherParts): Publisher {
  let newest: Head | null = null;
  let published: Head | null = null;
  let waiting: Waiting[] = [];
  let timer: NodeJS.Timeout | null = null;
  let running = false;
  let suspended = false;
  let stopped = false;

  function settle(): void {
    const head = published;
    if (head === null) return;
    const ready = waiting.filter(({ size }) => size <= head.size);
    waiting = waiting.filter(({ size }) => size > head.size);
    for (const { resolve } of ready) resolve(head);
  }

  function refuse(error: AssayError): void {
    for (const { reject } of waiting.splice(0)) reject(error);
  }

  async function run(): Promise<void> {
    const head = newest;
    if (running || suspended || head === null || head === published) return;
    running = true;
    try {
      await publish(head.checkpoint);
      published = head;
      settle();
    } catch (error) {
      refuse(
        new AssayError('LOG_UNAVAILABLE', `the log cannot be published: ${codeOf(error)}`, { cause: error }),
      );
      if (codeOf(error) !== 'STORE_FULL') onFailure(error);
    } finally {
      running = false;
    }
    if (newest !== published) schedule(waiting.length > 0 ? 0 : everyMs);
  }

  function schedule(ms: number): void {
    if (suspended || (timer !== null && ms > 0)) return;
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      void run();
    }, ms);
  }

  return {
    offer(head) {
      newest = head;
      if (!running) schedule(waiting.length > 0 ? 0 : everyMs);
    },
    async reach(size) {
      if (published !== null && published.size >= size) return published;
      if (suspended) return fail('LOG_UNAVAILABLE', 'the store does not serve');
      return new Promise((resolve, reject) => {
        waiting.push({ size, resolve, reject });
        if (!running) schedule(0);
      });
    },
    suspend(error) {
      suspended = true;
      if (timer !== null) clearTimeout(timer);
      timer = null;
      refuse(error);
    },
    resume() {
      if (stopped) return;
      suspended = false;
      if (newest !== published) schedule(0);
    },
    stop() {
      stopped = true;
      this.suspend(new AssayError('LOG_CLOSED', 'the ledger has been closed'));
    },
  };
}
