/** Time as an argument. Nothing on this floor reads a clock. */

/** Milliseconds since 1970-01-01T00:00:00Z, as an integer. */
export type Millis = number;

/** The last moment of the year 9999: what RFC 3339 can write. A time from outside is not read if it is later. */
export const MAX_TIME: Millis = 253_402_300_799_999;

/** RFC 3339 in UTC with whole seconds where the value has no milliseconds: `2026-11-20T00:00:00Z`. */
export function formatTime(at: Millis): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}
