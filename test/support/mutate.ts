/**
 * Seeded mutation of valid inputs. `ASSAY_MUTATIONS` is how many a format (default 2000), `ASSAY_SEED` repeats a
 * run. A failure names seed and number and shows the bytes, so that it can be kept as a vector.
 */
import { toHex } from '../../src/base/hex.ts';
import { ParseError } from '../../src/base/errors.ts';

export const MUTATIONS: number = setting('ASSAY_MUTATIONS') ?? 2000;
export const SEED: number = setting('ASSAY_SEED') ?? Math.floor(Math.random() * 0x100000000);

/** A mistyped setting would otherwise mean that nothing runs, silently. */
function setting(name: string): number | null {
  const text = process.env[name];
  if (text === undefined || text === '') return null;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name}=${text} is not a positive integer`);
  return value;
}

/** Half-open range of bytes that is one item of the format. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Mutation {
  readonly bytes: Uint8Array;
  /** How it was made: `truncate 17`, `flip 203.5`. */
  readonly how: string;
}

export interface MutationOptions {
  readonly count?: number;
  readonly seed?: number;
  /** Finds items for structure-aware splices; without it ranges are random. */
  readonly spans?: (bytes: Uint8Array) => readonly Span[];
}

/** mulberry32: small, fast, good enough to scatter edits; values of [0, 1). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
  };
}

/**
 * A quarter truncations, a quarter bit flips (every one when the share suffices), the rest edits and splices.
 * A mutation may equal its sample again; the caller compares where that matters.
 */
export function* mutations(
  samples: readonly Uint8Array[],
  options: MutationOptions = {},
): Generator<Mutation> {
  const count = options.count ?? MUTATIONS;
  const next = random(options.seed ?? SEED);
  const share = Math.max(1, Math.floor(count / 4 / samples.length));
  let made = 0;
  for (const sample of samples) {
    for (const length of spread(sample.length, share, next)) {
      made++;
      yield { bytes: sample.slice(0, length), how: `truncate ${length}` };
    }
    for (const bit of spread(8 * sample.length, share, next)) {
      made++;
      const bytes = sample.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      yield { bytes, how: `flip ${bit >> 3}.${bit & 7}` };
    }
  }
  for (; made < count; made++) {
    const sample = samples[Math.floor(next() * samples.length)] as Uint8Array;
    yield next() < 0.5 ? edit(sample, next) : splice(sample, samples, next, options.spans);
  }
}

/** All of 0..size-1 when they fit into `share`, else that many at random. */
function spread(size: number, share: number, next: () => number): readonly number[] {
  if (size <= share) return Array.from({ length: size }, (_, i) => i);
  return Array.from({ length: share }, () => Math.floor(next() * size));
}

/** Bytes that mean much in CBOR, DER and text. */
const TELLING: readonly number[] = [
  0x00, 0x01, 0x18, 0x1b, 0x1f, 0x22, 0x2c, 0x30, 0x31, 0x5b, 0x5c, 0x5f, 0x7b, 0x7d, 0x7f, 0x80, 0x82, 0x84,
  0x9f, 0xa0, 0xa3, 0xbf, 0xc0, 0xd2, 0xf4, 0xf6, 0xf7, 0xfb, 0xff,
];

function edit(sample: Uint8Array, next: () => number): Mutation {
  const bytes = sample.slice();
  const edits = 1 + Math.floor(next() * 4);
  const places: number[] = [];
  for (let i = 0; i < edits && bytes.length > 0; i++) {
    const at = Math.floor(next() * bytes.length);
    const telling = TELLING[Math.floor(next() * TELLING.length)] as number;
    bytes[at] = next() < 0.5 ? telling : Math.floor(next() * 256);
    places.push(at);
  }
  return { bytes, how: `edit ${places.join(',')}` };
}

function splice(
  sample: Uint8Array,
  samples: readonly Uint8Array[],
  next: () => number,
  spans: MutationOptions['spans'],
): Mutation {
  const donor = samples[Math.floor(next() * samples.length)] as Uint8Array;
  const into = pick(sample, next, spans);
  const from = pick(donor, next, spans);
  const part = donor.subarray(from.from, from.to);
  const verb = ['replace', 'insert', 'delete'][Math.floor(next() * 3)] as string;
  const end = verb === 'insert' ? into.from : into.to;
  const middle = verb === 'delete' ? new Uint8Array(0) : part;
  const bytes = new Uint8Array(into.from + middle.length + sample.length - end);
  bytes.set(sample.subarray(0, into.from));
  bytes.set(middle, into.from);
  bytes.set(sample.subarray(end), into.from + middle.length);
  return { bytes, how: `${verb} ${into.from}..${into.to} by ${from.from}..${from.to}` };
}

function pick(bytes: Uint8Array, next: () => number, spans: MutationOptions['spans']): Span {
  const known = spans?.(bytes) ?? [];
  if (known.length > 0 && next() < 0.8) return known[Math.floor(next() * known.length)] as Span;
  const from = Math.floor(next() * (bytes.length + 1));
  return { from, to: Math.min(bytes.length, from + Math.floor(next() * 64)) };
}

/** The items of CBOR, nested ones too, found by a tolerant walk that stops at what it does not know. */
export function cborSpans(bytes: Uint8Array): readonly Span[] {
  const spans: Span[] = [];
  const walk = (at: number, depth: number): number => {
    const first = bytes[at];
    if (first === undefined || depth > 20) return bytes.length;
    const major = first >> 5;
    const info = first & 31;
    const width = info >= 24 && info <= 27 ? 1 << (info - 24) : 0;
    let value = width === 0 ? info : 0;
    for (let i = 1; i <= width; i++) value = value * 256 + (bytes[at + i] ?? 0);
    let end = at + 1 + width;
    if ((major === 2 || major === 3) && info !== 31) end += value;
    if (major === 4 || major === 5) {
      const items = info === 31 ? Number.POSITIVE_INFINITY : value * (major - 3);
      for (let i = 0; i < items && end < bytes.length; i++) {
        if (info === 31 && bytes[end] === 0xff) break;
        end = walk(end, depth + 1);
      }
      if (info === 31) end++;
    }
    if (major === 6) end = walk(end, depth + 1);
    end = Math.min(end, bytes.length);
    spans.push({ from: at, to: end });
    return end;
  };
  walk(0, 0);
  return spans;
}

/** The elements of DER, nested ones too. */
export function derSpans(bytes: Uint8Array): readonly Span[] {
  const spans: Span[] = [];
  const walk = (start: number, end: number): void => {
    for (let at = start; at + 2 <= end; ) {
      const first = bytes[at + 1] as number;
      const count = first > 0x80 && first <= 0x84 ? first & 0x7f : 0;
      let length = count === 0 ? first & 0x7f : 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0);
      const content = at + 2 + count;
      const next = Math.min(content + length, end);
      spans.push({ from: at, to: next });
      if (((bytes[at] as number) & 0x20) !== 0) walk(content, next);
      at = Math.max(next, at + 2);
    }
  };
  walk(0, bytes.length);
  return spans;
}

/** Runs `check` on every mutation; whatever it throws is reported with seed, number and bytes. */
export function mutate(
  name: string,
  samples: readonly Uint8Array[],
  check: (mutation: Mutation, number: number) => void,
  options: MutationOptions = {},
): number {
  let number = 0;
  for (const mutation of mutations(samples, options)) {
    try {
      check(mutation, number);
    } catch (error) {
      throw described(name, mutation, number, error);
    }
    number++;
  }
  return number;
}

/** The same for a check that is asynchronous. */
export async function mutateAsync(
  name: string,
  samples: readonly Uint8Array[],
  check: (mutation: Mutation, number: number) => Promise<void>,
  options: MutationOptions = {},
): Promise<number> {
  let number = 0;
  for (const mutation of mutations(samples, options)) {
    try {
      await check(mutation, number);
    } catch (error) {
      throw described(name, mutation, number, error);
    }
    number++;
  }
  return number;
}

function described(name: string, mutation: Mutation, number: number, error: unknown): Error {
  const shown = toHex(mutation.bytes.subarray(0, 8192));
  const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new Error(`${name}: mutation ${number} of ASSAY_SEED=${SEED} (${mutation.how}): ${why}\n${shown}`, {
    cause: error,
  });
}

/** The value, or null when the input was refused as it should be; any other exception passes through. */
export function parsed<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ParseError) return null;
    throw error;
  }
}
