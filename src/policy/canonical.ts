/**
 * The canonical form of ACS 0.3.1-beta section 8, and the identities of section 13.1 made from it.
 *
 * It is not RFC 8785: members sort by the UTF-8 bytes of their names (equal to code point order), where JCS
 * sorts UTF-16 units; they differ when a name outside the basic plane meets one in U+E000..U+FFFF. The
 * specification emits scalars unchanged, so an integer is an integer: the published Node SDK writes integers from
 * 2^32 on as floats (`4294967296.0`), and there we follow the specification.
 */
import type { Hashing } from '../base/crypto.ts';
import { utf8 } from '../base/bytes.ts';
import { toHex } from '../base/hex.ts';
import { isArray, type JsonObject, type JsonValue } from './json.ts';
import { LIMITS } from './limits.ts';
import { deny } from './reasons.ts';

/** Lifts surrogates above U+E000..U+FFFF, so that units compare as the code points (and UTF-8 bytes) they belong to. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Order of the UTF-8 encodings of two well-formed strings. */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** True when every character is printable ASCII without quote and backslash: such text needs no escape. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return false;
  }
  return true;
}

function quote(text: string): string {
  if (isPlain(text)) return `"${text}"`;
  if (!text.isWellFormed()) deny('runtime_error:request_invalid', 'text holds a lone surrogate');
  return JSON.stringify(text);
}

const FEW = 16;

/** Sorts in place. Plain names compare as JavaScript does; a few are fastest sorted by insertion. */
function sortKeys(keys: string[]): void {
  if (!keys.every(isPlain)) keys.sort(compareUtf8);
  else if (keys.length > FEW) keys.sort();
  else {
    for (let i = 1; i < keys.length; i++) {
      const key = keys[i] as string;
      let at = i;
      for (; at > 0 && (keys[at - 1] as string) > key; at--) keys[at] = keys[at - 1] as string;
      keys[at] = key;
    }
  }
}

/** A subtree whose text is already known, so that a policy target inside its snapshot is written once. */
export interface KnownText {
  readonly value: JsonValue;
  readonly text: string;
}

/**
 * Canonical text of a JSON value. What is not JSON (NaN, undefined, lone surrogates, functions) is
 * `runtime_error:request_invalid`; nesting beyond `maxDepth` is `runtime_error:resource_limit_exceeded`, found
 * before the stack is in danger, so cyclic values end there too.
 */
export function canonicalText(value: JsonValue, maxDepth: number, known?: KnownText): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      if (!Number.isFinite(value)) deny('runtime_error:request_invalid', 'a number is not finite');
      return value === 0 ? '0' : `${value}`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (known !== undefined && value === known.value) return known.text;
      if (maxDepth === 0) deny('runtime_error:resource_limit_exceeded', 'nested too deep');
      return isArray(value)
        ? arrayText(value, maxDepth - 1, known)
        : objectText(value as JsonObject, maxDepth - 1, known);
    default:
      return deny('runtime_error:request_invalid', `a ${typeof value} is not JSON`);
  }
}

function arrayText(value: readonly JsonValue[], maxDepth: number, known: KnownText | undefined): string {
  let out = '[';
  for (let i = 0; i < value.length; i++) {
    if (i > 0) out += ',';
    out += canonicalText(value[i] as JsonValue, maxDepth, known);
  }
  return `${out}]`;
}

function objectText(value: JsonObject, maxDepth: number, known: KnownText | undefined): string {
  const keys = Object.keys(value);
  if (keys.length > 1) sortKeys(keys);
  let out = '{';
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    out += `${i > 0 ? ',' : ''}${quote(key)}:${canonicalText(value[key] as JsonValue, maxDepth, known)}`;
  }
  return `${out}}`;
}

/** `runtime_error:resource_limit_exceeded` when the text is more than `max` bytes as UTF-8. */
export function boundText(text: string, max: number, what: string): void {
  if (text.length * 3 <= max) return;
  if (text.length > max || utf8(text).length > max)
    deny('runtime_error:resource_limit_exceeded', `${what} is larger than ${max} bytes`);
}

// Texts are hashed one at a time and before anything else runs, so one buffer serves them all.
const scratch = new Uint8Array(16_384);
const encoder = new TextEncoder();

/** `sha256:` and lower-case hex of the canonical text. */
export function identityOf(hashing: Hashing, text: string): string {
  // A UTF-16 unit is at most three bytes of UTF-8.
  const fits = text.length * 3 <= scratch.length;
  const bytes = fits ? scratch.subarray(0, encoder.encodeInto(text, scratch).written) : encoder.encode(text);
  return `sha256:${toHex(hashing.sha256(bytes))}`;
}

/** Identity of a whole policy input (ACS section 13.1); for clients that check an `enforced_identity` themselves. */
export function inputIdentity(hashing: Hashing, input: JsonValue): string {
  return identityOf(hashing, canonicalText(input, LIMITS.inputDepth));
}
