/**
 * Paths of ACS 0.3.1-beta section 3: an explicit root, then `.name`, `[n]` and `["name"]` segments. Values are
 * read without coercion: a missing member is `path_missing`, a segment on the wrong type `path_type_mismatch`.
 */
import { isArray, isObject, type JsonObject, type JsonValue } from './json.ts';
import { deny } from './reasons.ts';

export type PathRoot = 'snap' | 'pi' | 'policy_target' | 'tool';

export interface Path {
  readonly text: string;
  readonly root: PathRoot;
  /** A string selects a member, a number an element. */
  readonly segments: readonly (string | number)[];
}

const MAX_TEXT = 1_024;
const MAX_SEGMENTS = 32;
const ROOTS: ReadonlyMap<string, PathRoot> = new Map([
  ['$', 'snap'],
  ['$snap', 'snap'],
  ['$pi', 'pi'],
  ['$policy_target', 'policy_target'],
  ['$tool', 'tool'],
]);
/** What ends a bare name. Brackets and quotes must be written as `["name"]`. */
const NAME_END = new Set(['.', '[', ']', '"', "'", '\\']);

/** Reads a path; null when it does not follow the grammar. */
export function parsePath(text: string): Path | null {
  if (text.length > MAX_TEXT || !text.isWellFormed()) return null;
  let at = nameEnd(text, 0);
  const root = ROOTS.get(text.slice(0, at));
  if (root === undefined) return null;
  const segments: (string | number)[] = [];
  while (at < text.length) {
    if (segments.length === MAX_SEGMENTS) return null;
    const read = text[at] === '.' ? readName(text, at + 1) : readBracket(text, at);
    if (read === null) return null;
    segments.push(read.segment);
    at = read.end;
  }
  return Object.freeze({ text, root, segments: Object.freeze(segments) });
}

interface Segment {
  readonly segment: string | number;
  readonly end: number;
}

function nameEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && !NAME_END.has(text[at] as string) && text.charCodeAt(at) > 0x20) at++;
  return at;
}

function readName(text: string, from: number): Segment | null {
  const end = nameEnd(text, from);
  return end === from ? null : { segment: text.slice(from, end), end };
}

function readBracket(text: string, from: number): Segment | null {
  if (text[from] !== '[') return null;
  if (text[from + 1] === '"') return readQuoted(text, from + 1);
  let at = from + 1;
  while (at < text.length && text[at] !== ']') at++;
  const digits = text.slice(from + 1, at);
  if (text[at] !== ']' || !/^(?:0|[1-9][0-9]{0,8})$/.test(digits)) return null;
  return { segment: Number(digits), end: at + 1 };
}

function readQuoted(text: string, quote: number): Segment | null {
  let at = quote + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  if (text[at] !== '"' || text[at + 1] !== ']') return null;
  try {
    return { segment: JSON.parse(text.slice(quote, at + 1)) as string, end: at + 2 };
  } catch {
    return null;
  }
}

/** Walks the segments from `value`, which is what the root stands for. */
export function resolvePath(path: Path, value: JsonValue): JsonValue {
  let current: JsonValue = value;
  for (const segment of path.segments) current = step(current, segment, path);
  return current;
}

function step(value: JsonValue, segment: string | number, path: Path): JsonValue {
  const next = lookUp(value, segment);
  if (next === undefined) deny('runtime_error:path_missing', `${path.text} does not resolve`);
  if (next === MISMATCH) deny('runtime_error:path_type_mismatch', `${path.text} meets another type`);
  return next as JsonValue;
}

const MISMATCH: unique symbol = Symbol('mismatch');

/** The value; undefined when absent; MISMATCH when the container is of another type. */
function lookUp(value: JsonValue, segment: string | number): JsonValue | undefined | typeof MISMATCH {
  if (typeof segment === 'number') {
    if (!isArray(value)) return MISMATCH;
    return value[segment];
  }
  if (!isObject(value)) return MISMATCH;
  return Object.hasOwn(value, segment) ? value[segment] : undefined;
}

/** True when the path leads somewhere; a wrong type on the way is an absence, as Cedar's `has` sees it. */
export function pathExists(path: Path, value: JsonValue): boolean {
  let current: JsonValue | undefined | typeof MISMATCH = value;
  for (const segment of path.segments) {
    current = lookUp(current as JsonValue, segment);
    if (current === undefined || current === MISMATCH) return false;
  }
  return true;
}

/** A copy of `value` with `replacement` at the path, which must already resolve; shares what it does not touch. */
export function replaceAt(path: Path, value: JsonValue, replacement: JsonValue): JsonValue {
  return replaceFrom(path, 0, value, replacement);
}

function replaceFrom(path: Path, index: number, value: JsonValue, replacement: JsonValue): JsonValue {
  const segment = path.segments[index];
  if (segment === undefined) return replacement;
  const inner = replaceFrom(path, index + 1, step(value, segment, path), replacement);
  if (isArray(value)) return value.map((item, at) => (at === segment ? inner : item));
  // defineProperty and not assignment: a member may be called __proto__.
  return Object.defineProperty({ ...(value as JsonObject) }, segment, {
    value: inner,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}
