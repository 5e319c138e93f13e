/** A clock that only waiting moves, so that nothing is really waited for and every wait is seen. */
import type { Waiting } from '../../host/collateral/retry.ts';

export interface TestPatience extends Waiting {
  /** Milliseconds, in order. */
  readonly slept: number[];
  /** What was said of waits of a second or more. */
  readonly said: string[];
  set(at: number): void;
}

export function patience(start: number = Date.UTC(2026, 0), options: Partial<Waiting> = {}): TestPatience {
  const slept: number[] = [];
  const said: string[] = [];
  let at = start;
  return {
    slept,
    said,
    set: (next) => void (at = next),
    now: () => at,
    sleep: async (ms) => {
      slept.push(ms);
      at += ms;
    },
    random: () => 0,
    onWait: (text) => void said.push(text),
    maxWaitMs: 60_000,
    ...options,
  };
}
