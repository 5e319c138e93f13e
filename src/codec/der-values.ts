/**
 * The content octets of object identifiers, times and strings, from `from` to `to` of some bytes; what they cannot be is
 * null or a reason.
 */
import type { Millis } from '../base/clock.ts';
import { momentOf } from './calendar.ts';
import { asciiText } from './utf8.ts';

const MAX_OID = 64;

interface KnownOid {
  readonly octets: Uint8Array;
  readonly text: string;
}

/**
 * The identifiers last met, each in the place that its octets give it. A few come again in every certificate, and
 * writing them out took a third of the time of reading one. The same octets have the same text with it and without.
 */
const KNOWN_OIDS: (KnownOid | undefined)[] = Array.from({ length: 512 });

/** Dotted decimal, or null when the octets are not a shortest-form OBJECT IDENTIFIER (X.690 section 8.19). */
export function readOid(bytes: Uint8Array, from: number, to: number): string | null {
  const length = to - from;
  if (length === 0 || length > MAX_OID) return null;
  let place = length;
  for (let i = from; i < to; i++) place = (place * 31 + (bytes[i] as number)) % KNOWN_OIDS.length;
  const known = KNOWN_OIDS[place];
  if (known !== undefined && sameOctets(known.octets, bytes, from, length)) return known.text;
  const octets = bytes.slice(from, to);
  const text = dotted(octets);
  if (text !== null) KNOWN_OIDS[place] = { octets, text };
  return text;
}

function sameOctets(octets: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (octets.length !== length) return false;
  for (let i = 0; i < length; i++) if (octets[i] !== bytes[from + i]) return false;
  return true;
}

function dotted(content: Uint8Array): string | null {
  if ((content[content.length - 1] as number) >= 0x80) return null;
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

/**
 * YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ. Returns what is wrong as text. A year before 2050 in GeneralizedTime is an
 * error: RFC 5280 section 4.1.2.5 gives each moment one form.
 */
export function readTime(bytes: Uint8Array, from: number, to: number, utc: boolean): Millis | string {
  const digits = utc ? 12 : 14;
  if (to - from !== digits + 1 || bytes[to - 1] !== 0x5a) return 'not in the form that ends in seconds and Z';
  for (let i = from; i < to - 1; i++) {
    const octet = bytes[i] as number;
    if (octet < 0x30 || octet > 0x39) return 'not a digit';
  }
  const two = (at: number): number =>
    ((bytes[at] as number) - 0x30) * 10 + ((bytes[at + 1] as number) - 0x30);
  const at = to - 11;
  const year = utc ? two(from) + (two(from) < 50 ? 2000 : 1900) : two(from) * 100 + two(from + 2);
  if (!utc && year < 2050) return 'GeneralizedTime before 2050';
  return (
    momentOf(year, two(at), two(at + 2), two(at + 4), two(at + 6), two(at + 8)) ?? 'impossible date or time'
  );
}

/** BMPString is UCS-2: two octets a character, no surrogates. */
export function readBmp(bytes: Uint8Array, from: number, to: number): string | null {
  if ((to - from) % 2 !== 0) return null;
  let out = '';
  for (let i = from; i < to; i += 2) {
    const unit = ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
    if (unit >= 0xd800 && unit <= 0xdfff) return null;
    out += String.fromCharCode(unit);
  }
  return out;
}

type ReadText = (bytes: Uint8Array, from: number, to: number) => string | null;

/** What has no octet but those that are allowed, all of ASCII. */
const asciiOf =
  (allowed: (octet: number) => boolean): ReadText =>
  (bytes, from, to) => {
    for (let i = from; i < to; i++) if (!allowed(bytes[i] as number)) return null;
    return asciiText(bytes, from, to);
  };

const PRINTABLE = new Uint8Array(256);
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
  PRINTABLE[c.charCodeAt(0)] = 1;

export const readPrintable: ReadText = asciiOf((octet) => PRINTABLE[octet] === 1);
export const readNumeric: ReadText = asciiOf((octet) => octet === 0x20 || (octet >= 0x30 && octet <= 0x39));
/** The graphic characters of ASCII and the space. */
export const readVisible: ReadText = asciiOf((octet) => octet >= 0x20 && octet <= 0x7e);
export const readIa5: ReadText = asciiOf((octet) => octet <= 0x7f);
