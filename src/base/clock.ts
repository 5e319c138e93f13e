/** Time as an argument. Nothing on this floor reads a clock. */
import { fail } from './errors.ts';

/** Milliseconds since 1970-01-01T00:00:00Z, as an integer. */
export type Millis = number;

/** The last moment of the year 9999: what RFC 3339 can write. A time from outside is not read if it is later. */
export const MAX_TIME: Millis = 253_402_300_799_999;

/**
 * Throws EXPECTATION_MISSING unless this is a moment: of a text or NaN every comparison would be false, and whatever has
 * ended would hold.
 */
export function requireMoment(at: Millis, what: string): Millis {
  return Number.isSafeInteger(at) && at >= 0 && at <= MAX_TIME
    ? at
    : fail('EXPECTATION_MISSING', `${what} must be milliseconds since 1970`);
}

/** RFC 3339 in UTC with whole seconds where the value has no milliseconds: `2026-11-20T00:00:00Z`. */
export function formatTime(at: Millis): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}
