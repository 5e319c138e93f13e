/**
 * Collateral as dcap-qvl keeps it: one flat JSON object of texts. Of a statement it has the inner object alone and the
 * signature beside it; lists are hexadecimal, chains are PEM.
 */
import { utf8 } from '../base/bytes.ts';
import { fromHex } from '../base/hex.ts';
import { isObject } from '../codec/json-shape.ts';
import { type JsonObject, parseJson } from '../codec/json.ts';
import { invalid, memberOf } from './intel/fields.ts';
import { MAX_STATEMENT, SIGNATURE_HEX, STATEMENTS } from './signed-json.ts';

/** What a bundle holds, each part as its source served it. */
export interface DcapParts {
  /** Bodies of Intel's service, put together again. */
  readonly bodies: readonly Uint8Array[];
  /** Lists and chains: DER or PEM. */
  readonly others: readonly Uint8Array[];
}

const MAX_BUNDLE = 1_048_576;
/** One object, and room for a list in it that nobody reads. */
const MAX_DEPTH = 2;
const STATEMENT_MEMBERS = ['tcbInfo', 'enclaveIdentity'] as const;
const LISTS = ['root_ca_crl', 'pck_crl'] as const;
const CHAINS = [
  'pck_crl_issuer_chain',
  'tcb_info_issuer_chain',
  'qe_identity_issuer_chain',
  'pck_certificate_chain',
] as const;
const HEX = /^[0-9A-Fa-f]+$/;

/** What tells such a bundle from other JSON. */
export const DCAP_MARKS: readonly string[] = STATEMENT_MEMBERS.map(
  (member) => `"${STATEMENTS[member]}_signature"`,
);

/**
 * Null for JSON whose outermost object is no such bundle. Throws ParseError with a JSON_ code, or COLLATERAL_INVALID;
 * what the parts hold is not looked at.
 */
export function readDcapBundle(bytes: Uint8Array): DcapParts | null {
  const bundle = parseJson(bytes, { maxBytes: MAX_BUNDLE, maxDepth: MAX_DEPTH, path: 'bundle' });
  if (!isObject(bundle)) return null;
  const bodies = STATEMENT_MEMBERS.flatMap((member) => bodyOf(bundle, member));
  if (bodies.length === 0) return null;
  const lists = LISTS.flatMap((key) => partOf(bundle, key, listBytes));
  return { bodies, others: [...lists, ...CHAINS.flatMap((key) => partOf(bundle, key, utf8))] };
}

/** The body that the service would have answered: the text of the inner object is taken as it is. */
function bodyOf(bundle: JsonObject, member: (typeof STATEMENT_MEMBERS)[number]): readonly Uint8Array[] {
  const key = STATEMENTS[member];
  const signature = memberOf(bundle, `${key}_signature`);
  if (signature === undefined) return [];
  if (typeof signature !== 'string' || !SIGNATURE_HEX.test(signature))
    return invalid(`bundle.${key}_signature`, 'is not 64 bytes in hexadecimal');
  const inner = memberOf(bundle, key);
  if (typeof inner !== 'string' || inner.length > MAX_STATEMENT)
    return invalid(`bundle.${key}`, `is not text of at most ${MAX_STATEMENT} characters`);
  return [utf8(`{"${member}":${inner},"signature":"${signature}"}`)];
}

/** Parts may be left out, and some versions write null. */
function partOf(
  bundle: JsonObject,
  key: string,
  read: (text: string, path: string) => Uint8Array,
): readonly Uint8Array[] {
  const value = memberOf(bundle, key);
  if (value === undefined || value === null || value === '') return [];
  return typeof value === 'string' ? [read(value, `bundle.${key}`)] : invalid(`bundle.${key}`, 'is not text');
}

function listBytes(text: string, path: string): Uint8Array {
  if (text.startsWith('-----BEGIN ')) return utf8(text);
  return HEX.test(text) && text.length % 2 === 0
    ? fromHex(text)
    : invalid(path, 'is neither hexadecimal nor PEM');
}
