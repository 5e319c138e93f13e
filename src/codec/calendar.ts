/** The Gregorian calendar in UTC, for formats that write a time out. */
import type { Millis } from '../base/clock.ts';

const DAYS: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** After so many years, and milliseconds, every date has the same day again. */
const CYCLE_YEARS = 400;
const CYCLE = 12_622_780_800_000;

/** The moment of a date (year 0 to 9999, month and day from 1) and a time; null for one that does not exist. */
export function momentOf(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): Millis | null {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && leap ? 29 : (DAYS[month - 1] ?? 0);
  if (day < 1 || day > days || hour > 23 || minute > 59 || second > 59) return null;
  // Date.UTC takes a year below 100 for one of the twentieth century.
  return Date.UTC(year + CYCLE_YEARS, month - 1, day, hour, minute, second) - CYCLE;
}
