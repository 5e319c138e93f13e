/** Signed orders as JSON files, which people can read, mail and add a signature to. */
import { fail } from '../base/errors.ts';
import { toBase64 } from '../codec/base64.ts';
import { bytesOf, jsonArray, jsonBytes, jsonObject, jsonText } from '../codec/json-shape.ts';
import { parseJson } from '../codec/json.ts';
import { MAX_ORDER_BYTES, MAX_ORDER_SIGNATURES, type OrderKind, type SignedOrder } from './order.ts';

export const ORDER_FILE_TYPE = 'assay/order/v1';

/** The kind stands in the file for its reader; what counts is the domain that the signatures are over. */
export interface OrderFile {
  readonly kind: OrderKind;
  readonly signed: SignedOrder;
}

const MAX_BYTES = 65_536;
const MAX_DEPTH = 4;

export function formatOrderFile({ kind, signed }: OrderFile): string {
  const file = {
    type: ORDER_FILE_TYPE,
    kind,
    order: toBase64(signed.order),
    signatures: signed.signatures.map(({ key, signature }) => ({
      key: toBase64(key),
      signature: toBase64(signature),
    })),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Throws JSON_*, BASE64_INVALID, or ORDER_FILE_INVALID for a file of another type or kind. */
export function parseOrderFile(input: string | Uint8Array): OrderFile {
  const value = parseJson(input, { maxBytes: MAX_BYTES, maxDepth: MAX_DEPTH, path: 'order' });
  const file = jsonObject(value, 'order', ['type', 'kind', 'order', 'signatures']);
  if (jsonText(file, 'type', 'order') !== ORDER_FILE_TYPE)
    fail('ORDER_FILE_INVALID', `order.type: must be ${ORDER_FILE_TYPE}`);
  const kind = jsonText(file, 'kind', 'order');
  if (kind !== 'policy' && kind !== 'genesis')
    return fail('ORDER_FILE_INVALID', 'order.kind: must be policy or genesis');
  const signatures = jsonArray(file, 'signatures', 'order', MAX_ORDER_SIGNATURES, (entry, at) => {
    const signature = jsonObject(entry, at, ['key', 'signature']);
    return {
      key: bytesOf(signature['key'], `${at}.key`, 32),
      signature: bytesOf(signature['signature'], `${at}.signature`, 64),
    };
  });
  return {
    kind,
    signed: { order: jsonBytes(file, 'order', 'order', { min: 1, max: MAX_ORDER_BYTES }), signatures },
  };
}
