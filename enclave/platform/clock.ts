/**
 * The enclave's clock (design section 5): a hardware-rate counter anchored by the signed time of the
 * platform's own documents. The host's wall clock is never read. It never runs backwards, also across boots:
 * `floor` is the last logged time.
 */
import type { Millis } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';

export interface EnclaveClock {
  /** Milliseconds since the epoch; never less than any earlier answer. */
  now(): Millis;
  readonly source: string;
  /** How far `now` may be off, in milliseconds: round trip of the anchor plus drift since. */
  errorMs(): number;
  /** Takes a newer anchor; an anchor behind what was already said is kept out, never followed back. */
  anchor(time: Millis, roundTripMs: number): void;
  /** Refuses to run before `floor`: `CLOCK_BEFORE_LOG`. */
  requireAtLeast(floor: Millis): void;
}

/** Allowed difference between the anchor and the last logged time, for the granularity of the anchor. */
const TOLERANCE_MS = 5_000;
/** Quartz and kvm-clock drift well under this; it is the bound that is sealed, not an estimate. */
const DRIFT_PPM = 200;

export function createClock(
  source: string,
  monotonicNs: () => bigint,
  first: Millis,
  roundTripMs: number,
): EnclaveClock {
  let base = first;
  let taken = monotonicNs();
  let error = roundTripMs;
  let last = first;
  const elapsedMs = (): number => Number((monotonicNs() - taken) / 1_000n) / 1_000;

  return {
    source,
    now(): Millis {
      last = Math.max(last, Math.floor(base + elapsedMs()));
      return last;
    },
    errorMs(): number {
      return Math.ceil(error + (elapsedMs() * DRIFT_PPM) / 1e6);
    },
    anchor(time: Millis, newRoundTripMs: number): void {
      base = time;
      taken = monotonicNs();
      error = newRoundTripMs;
    },
    requireAtLeast(floor: Millis): void {
      if (base + elapsedMs() + TOLERANCE_MS < floor) {
        fail(
          'CLOCK_BEFORE_LOG',
          `the hardware's time is ${Math.round(floor - base)} ms before the last logged decision`,
        );
      }
      last = Math.max(last, floor);
    },
  };
}
