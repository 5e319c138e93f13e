/** The content octets of object identifiers, times and strings; what they cannot be is null or a reason. */
import type { Millis } from '../base/clock.ts';

const MAX_OID = 64;

/** Dotted decimal, or null when the octets are not a shortest-form OBJECT IDENTIFIER (X.690 section 8.19). */
export function readOid(content: Uint8Array): string | null {
  if (content.length === 0 || content.length > MAX_OID || (content[content.length - 1] as number) >= 0x80)
    return null;
  let out = '';
  let arc = 0;
  let wide: bigint | null = null;
  let fresh = true;
  for (const octet of content) {
    if (fresh && octet === 0x80) return null;
    fresh = octet < 0x80;
    if (wide === null && arc < 2 ** 45) arc = arc * 128 + (octet & 0x7f);
    else wide = ((wide ?? BigInt(arc)) << 7n) | BigInt(octet & 0x7f);
    if (!fresh) continue;
    out += out === '' ? firstArcs(wide ?? arc) : `.${wide ?? arc}`;
    arc = 0;
    wide = null;
  }
  return out;
}

/** The first subidentifier is 40 times the first arc (0, 1 or 2) plus the second. */
function firstArcs(value: number | bigint): string {
  if (typeof value === 'bigint') return `2.${value - 80n}`;
  if (value < 40) return `0.${value}`;
  return value < 80 ? `1.${value - 40}` : `2.${value - 80}`;
}

const DAYS: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ. Returns what is wrong as text. A year before 2050 in GeneralizedTime is an
 * error: RFC 5280 section 4.1.2.5 gives each moment one form.
 */
export function readTime(content: Uint8Array, utc: boolean): Millis | string {
  const digits = utc ? 12 : 14;
  if (content.length !== digits + 1 || content[digits] !== 0x5a)
    return 'not in the form that ends in seconds and Z';
  for (let i = 0; i < digits; i++) {
    const octet = content[i] as number;
    if (octet < 0x30 || octet > 0x39) return 'not a digit';
  }
  const two = (at: number): number =>
    ((content[at] as number) - 0x30) * 10 + ((content[at + 1] as number) - 0x30);
  const year = utc ? (two(0) < 50 ? 2000 + two(0) : 1900 + two(0)) : two(0) * 100 + two(2);
  const at = utc ? 2 : 4;
  const [month, day, hour, minute, second] = [two(at), two(at + 2), two(at + 4), two(at + 6), two(at + 8)];
  if (!utc && year < 2050) return 'GeneralizedTime before 2050';
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && leap ? 29 : (DAYS[month - 1] ?? 0);
  if (day < 1 || day > days || hour > 23 || minute > 59 || second > 59) return 'impossible date or time';
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** BMPString is UCS-2: two octets a character, no surrogates. */
export function readBmp(content: Uint8Array): string | null {
  if (content.length % 2 !== 0) return null;
  let out = '';
  for (let i = 0; i < content.length; i += 2) {
    const unit = ((content[i] as number) << 8) | (content[i + 1] as number);
    if (unit >= 0xd800 && unit <= 0xdfff) return null;
    out += String.fromCharCode(unit);
  }
  return out;
}

export function readNumeric(content: Uint8Array): string | null {
  return ascii(content, isNumeric);
}

export function readPrintable(content: Uint8Array): string | null {
  return ascii(content, isPrintable);
}

/** The graphic characters of ASCII and the space. */
export function readVisible(content: Uint8Array): string | null {
  return ascii(content, isVisible);
}

export function readIa5(content: Uint8Array): string | null {
  return ascii(content, isIa5);
}

function ascii(content: Uint8Array, allowed: (octet: number) => boolean): string | null {
  let out = '';
  for (const octet of content) {
    if (!allowed(octet)) return null;
    out += String.fromCharCode(octet);
  }
  return out;
}

const PRINTABLE: ReadonlySet<number> = new Set(
  Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?", (c) =>
    c.charCodeAt(0),
  ),
);

function isPrintable(octet: number): boolean {
  return PRINTABLE.has(octet);
}

function isNumeric(octet: number): boolean {
  return octet === 0x20 || (octet >= 0x30 && octet <= 0x39);
}

function isVisible(octet: number): boolean {
  return octet >= 0x20 && octet <= 0x7e;
}

function isIa5(octet: number): boolean {
  return octet <= 0x7f;
}
