/** Clients that keep decisions in flight whatever happens to the service, and come back as soon as it does. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AssayClient } from '../../host/client/index.ts';
import { codeOf } from '../../src/base/errors.ts';
import type { Held } from './held.ts';
import { decide, type TestSystem } from './system.ts';

/** What a client may meet when a part of the service has died, and after which it tries again. */
const EXPECTED: ReadonlySet<string> = new Set([
  'LOG_UNAVAILABLE',
  'CONNECTION_LOST',
  'CONNECTION_REFUSED',
  'TLS_FAILED',
  'SESSION_EXPIRED',
]);
const RETRY_MS = 20;

/** One connection that many callers share and that is opened anew when it is lost. */
export class Line {
  readonly #open: () => Promise<AssayClient>;
  #client: Promise<AssayClient> | null = null;

  constructor(open: () => Promise<AssayClient>) {
    this.#open = open;
  }

  async with<T>(work: (client: AssayClient) => Promise<T>): Promise<T> {
    const mine = (this.#client ??= this.#open());
    try {
      return await work(await mine);
    } catch (error) {
      // A refusal came over a line that works.
      if (codeOf(error) !== 'LOG_UNAVAILABLE') this.#drop(mine);
      throw error;
    }
  }

  close(): void {
    if (this.#client !== null) this.#drop(this.#client);
  }

  #drop(client: Promise<AssayClient>): void {
    if (this.#client === client) this.#client = null;
    void client.then(
      (one) => one.close(),
      () => undefined,
    );
  }
}

export interface Load {
  /** Errors by code. */
  readonly errors: Map<string, number>;
  /** Decisions that wait for their answer. */
  readonly inFlight: () => number;
  /** Milliseconds that each caller rests after an answer. */
  pace: number;
  /** Resolves once `count` more decisions have been acknowledged; rejects when a caller met what it must not. */
  more(count: number): Promise<void>;
  stop(): Promise<void>;
}

const STALL_MS = 30_000;

export function startLoad(target: TestSystem, held: Held, options: { lines: number; callers: number }): Load {
  const lines = Array.from({ length: options.lines }, () => new Line(target.connect));
  const errors = new Map<string, number>();
  let going = true;
  let broken: unknown = null;
  let waiting = 0;
  const load: Load = {
    errors,
    inFlight: () => waiting,
    pace: 0,
    async more(count) {
      const wanted = held.acknowledged.length + count;
      const deadline = performance.now() + STALL_MS;
      while (held.acknowledged.length < wanted && broken === null) {
        if (performance.now() > deadline)
          throw new Error(`no ${count} decisions within ${STALL_MS} ms: ${JSON.stringify([...errors])}`);
        await sleep(2);
      }
      if (broken !== null) throw broken;
    },
    async stop() {
      going = false;
      await Promise.all(callers);
      for (const line of lines) line.close();
      if (broken !== null) throw broken;
    },
  };

  async function ask(line: Line): Promise<void> {
    try {
      await line.with(async (client) => {
        waiting++;
        try {
          const { decision, receipt } = await decide(client);
          if (decision !== 'allow') throw new Error(`decided ${decision}`);
          held.add(receipt, client);
        } finally {
          waiting--;
        }
      });
    } catch (error) {
      const code = codeOf(error) ?? String(error);
      errors.set(code, (errors.get(code) ?? 0) + 1);
      if (!EXPECTED.has(code)) broken ??= error;
      await sleep(RETRY_MS);
    }
  }

  const callers = Array.from({ length: options.callers }, async (_, i) => {
    while (going && broken === null) {
      await ask(lines[i % lines.length] as Line);
      if (load.pace > 0) await sleep(load.pace);
    }
  });
  return load;
}
