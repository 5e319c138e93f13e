/**
 * The JSON files in which seals and receipts travel. Byte strings are base64; unknown members are errors.
 * Nothing in them is believed before the verifier has judged it.
 */
import { fail } from '../base/errors.ts';
import { toBase64 } from '../codec/base64.ts';
import { type JsonObject, type JsonValue, parseJson } from '../codec/json.ts';
import { jsonBytes, jsonObject, jsonText } from '../codec/json-shape.ts';
import { type Attestation, attestationFromJson, attestationToJson } from '../statement/attestation.ts';
import { formatReceipt, parseReceipt, type Receipt } from './receipt.ts';

export const SEAL_TYPE = 'assay/seal/v1';
export const RECEIPT_TYPE = 'assay/receipt/v1';

/** A seal as it is kept; `evidence` is null when the hardware never answered. */
export interface SealFile {
  /** The bytes of a seal statement. */
  readonly statement: Uint8Array;
  /** Hardware evidence that binds the statement under `seal`. */
  readonly evidence: Uint8Array | null;
}

/** A receipt with what is needed to judge it offline. */
export interface ReceiptFile {
  readonly receipt: Receipt;
  readonly attestation: Attestation;
  readonly seal: SealFile | null;
}

/** Bytes of a receipt file: the largest note and leaf fit. */
const MAX_RECEIPT_FILE = 4_194_304;
const MAX_SEAL_FILE = 1_048_576;
const MAX_EVIDENCE = 262_144;
const MAX_RECEIPT_TEXT = 1_500_000;

const write = (value: JsonObject): string => `${JSON.stringify(value, null, 2)}\n`;

function sealToJson({ statement, evidence }: SealFile): JsonObject {
  return {
    type: SEAL_TYPE,
    statement: toBase64(statement),
    evidence: evidence === null ? null : toBase64(evidence),
  };
}

function sealFromJson(value: JsonValue, path: string): SealFile {
  const object = jsonObject(value, path, ['type', 'statement', 'evidence']);
  if (object['type'] !== SEAL_TYPE) fail('JSON_SHAPE', `${path}.type: not ${SEAL_TYPE}`);
  return Object.freeze({
    statement: jsonBytes(object, 'statement', path, { min: 1, max: 65_535 }),
    evidence:
      object['evidence'] === null ? null : jsonBytes(object, 'evidence', path, { min: 1, max: MAX_EVIDENCE }),
  });
}

export function formatSealFile(seal: SealFile): string {
  return write(sealToJson(seal));
}

/** Throws JSON_*, BASE64_INVALID or `JSON_SHAPE` naming the member. */
export function parseSealFile(input: string | Uint8Array): SealFile {
  return sealFromJson(parseJson(input, { maxBytes: MAX_SEAL_FILE, maxDepth: 4, path: 'seal' }), 'seal');
}

export function formatReceiptFile({ receipt, attestation, seal }: ReceiptFile): string {
  return write({
    type: RECEIPT_TYPE,
    receipt: formatReceipt(receipt),
    attestation: attestationToJson(attestation),
    ...(seal === null ? {} : { seal: sealToJson(seal) }),
  });
}

/** Throws JSON_*, BASE64_INVALID, `JSON_SHAPE` naming the member, or what `parseReceipt` throws. */
export function parseReceiptFile(input: string | Uint8Array): ReceiptFile {
  const value = parseJson(input, { maxBytes: MAX_RECEIPT_FILE, maxDepth: 10, path: 'receipt' });
  const object = jsonObject(value, 'receipt', ['type', 'receipt', 'attestation'], ['seal']);
  if (object['type'] !== RECEIPT_TYPE) fail('JSON_SHAPE', `receipt.type: not ${RECEIPT_TYPE}`);
  const text = jsonText(object, 'receipt', 'receipt', { min: 1, max: MAX_RECEIPT_TEXT });
  return Object.freeze({
    receipt: parseReceipt(text),
    attestation: attestationFromJson(object['attestation'] as JsonValue, 'receipt.attestation'),
    seal: object['seal'] === undefined ? null : sealFromJson(object['seal'], 'receipt.seal'),
  });
}
