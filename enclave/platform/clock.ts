/**
 * The enclave's clock (design section 5): a hardware-rate counter anchored by the signed time of the
 * platform's own documents. The host's wall clock is never read. Where the platform signs no time, the guest's own
 * clock starts the counter, and its error is all that a time can be. It never runs backwards, also across boots:
 * `floor` is the last logged time.
 */
import { MAX_TIME, type Millis } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';

export interface EnclaveClock {
  /** Milliseconds since the epoch; never less than any earlier answer. */
  now(): Millis;
  readonly source: string;
  /** How far `now` may be off, in milliseconds: round trip of the anchor, drift since, what was said too early. */
  errorMs(): number;
  /**
   * Takes a newer anchor. One behind what was already said is never followed back: the counter goes on from what
   * was said, and the distance stands in the error.
   */
  anchor(time: Millis, roundTripMs: number): void;
  /** Refuses to run before `floor`: `CLOCK_BEFORE_LOG`. */
  requireAtLeast(floor: Millis): void;
}

/**
 * Error of a clock that nothing anchors: any time at all may be the right one, so a rule that needs a better clock than
 * this has none.
 */
export const UNBOUNDED_ERROR_MS: Millis = MAX_TIME;

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
  const errorMs = (): number => Math.ceil(error + (elapsedMs() * DRIFT_PPM) / 1e6);

  function now(): Millis {
    last = Math.max(last, Math.floor(base + elapsedMs()));
    return last;
  }

  function goOn(from: Millis, newError: number): void {
    base = from;
    taken = monotonicNs();
    error = newError;
  }

  return {
    source,
    now,
    errorMs,
    anchor(time: Millis, newRoundTripMs: number): void {
      const said = now();
      goOn(Math.max(time, said), newRoundTripMs + Math.max(0, said - time));
    },
    requireAtLeast(floor: Millis): void {
      if (base + elapsedMs() + TOLERANCE_MS < floor) {
        fail(
          'CLOCK_BEFORE_LOG',
          `the hardware's time is ${Math.round(floor - base - elapsedMs())} ms before the last logged decision`,
        );
      }
      const ahead = floor - now();
      if (ahead > 0) goOn(floor, errorMs() + ahead);
    },
  };
}
