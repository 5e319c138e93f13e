/**
 * Intel's signed JSON as its service answers: `{"tcbInfo":{…},"signature":"…"}`. Signed are the bytes of the inner
 * object as they stand. They are cut out of the body by the pass that also reads the value, so no second reader can
 * see another object there; and they are never written anew, because nothing says how Intel's writer would.
 */
import { fromHex } from '../base/hex.ts';
import { isObject } from '../codec/json-shape.ts';
import { type JsonValue, parseJsonMembers } from '../codec/json.ts';
import { invalid, memberOf } from './intel/fields.ts';

/** A JSON statement of Intel's with the exact bytes that were signed, sliced from the body as served. */
export interface SignedDocument<T> {
  /** A view of the body. */
  readonly signed: Uint8Array;
  /** ECDSA P-256 over SHA-256: r and s, 32 bytes each, big-endian (IEEE P1363). */
  readonly signature: Uint8Array;
  readonly value: T;
}

/** The members that hold a statement, and what paths in errors begin with. */
export const STATEMENTS = {
  tcbInfo: 'tcb_info',
  enclaveIdentity: 'qe_identity',
  tcbEvaluationDataNumbers: 'tcb_evaluation_numbers',
} as const;

export type StatementName = keyof typeof STATEMENTS;

export interface SignedJson extends SignedDocument<JsonValue> {
  readonly name: StatementName;
  readonly path: string;
}

/** Several times the longest that Intel serves, and what hostile text can make of it in memory stays small. */
export const MAX_STATEMENT = 131_072;
/** Real statements are 6 deep. */
const MAX_DEPTH = 16;
const NAMES = Object.keys(STATEMENTS) as readonly StatementName[];
export const SIGNATURE_HEX: RegExp = /^[0-9A-Fa-f]{128}$/;

/**
 * Null for JSON whose outermost object has none of the members. Others beside the statement and its signature are
 * passed over: they are not signed, and not read. Throws ParseError with a JSON_ code, or COLLATERAL_INVALID.
 */
export function readSignedJson(body: Uint8Array): SignedJson | null {
  const limits = { maxBytes: MAX_STATEMENT, maxDepth: MAX_DEPTH, path: 'body' };
  const { value, slices } = parseJsonMembers(body, NAMES, limits);
  const [name, second] = NAMES.filter((one) => slices.has(one));
  if (name === undefined || !isObject(value)) return null;
  const path = STATEMENTS[name];
  if (second !== undefined) invalid(path, `stands beside ${second}, and one signature signs one statement`);
  const signature = memberOf(value, 'signature');
  if (typeof signature !== 'string' || !SIGNATURE_HEX.test(signature))
    return invalid(`${path}.signature`, 'is not 64 bytes in hexadecimal');
  return {
    name,
    path,
    signed: slices.get(name) as Uint8Array,
    signature: fromHex(signature),
    value: value[name] as JsonValue,
  };
}
