/**
 * Evidence as people have it: a file, a folder of configfs-tsm, standard input, an address; as the hardware returned it,
 * in hexadecimal, base64 with or without line breaks, or in a JSON file. And collateral, which is shown and not judged.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AssayError, fail } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import { isObject } from '../../src/codec/json-shape.ts';
import { parseJson } from '../../src/codec/json.ts';
import { type CollateralFile, type CollateralItem, recogniseCollateral } from '../../src/collateral/index.ts';
import { isIntelQuote } from '../../src/evidence/intel/index.ts';
import { isSnpReport } from '../../src/evidence/snp/index.ts';
import { parseReceiptFile, RECEIPT_TYPE, type ReceiptFile } from '../../src/log/index.ts';
import { type Attestation, ATTESTATION_TYPE, parseAttestation } from '../../src/statement/attestation.ts';
import { withoutNote } from './input-quote.ts';
import { fromAnyBase64, isTsmFolder, readTsmFolder, readTsmJson } from './input-tsm.ts';
import type { Io } from './io.ts';

const MAX_FILE = 16 * 1024 * 1024;

export type Source =
  | {
      readonly kind: 'evidence';
      readonly bytes: Uint8Array;
      /** What came beside it and may be collateral, unread. */
      readonly collateral?: readonly CollateralFile[];
    }
  | { readonly kind: 'attestation'; readonly attestation: Attestation }
  | { readonly kind: 'receipt'; readonly receipt: ReceiptFile }
  /** At least one, in the order of the file. */
  | { readonly kind: 'collateral'; readonly items: readonly CollateralItem[] };

/** What a path, or standard input for `-`, holds; FILE_UNREADABLE, and as `readSource`. */
export async function readSourceAt(path: string, io: Io): Promise<Source> {
  return path !== '-' && isTsmFolder(path)
    ? { kind: 'evidence', ...readTsmFolder(path, readFile) }
    : readSource(await readInput(path, io));
}

/** Reads a file of at most `max` bytes (16 MiB), or standard input for `-`. FILE_UNREADABLE names the path. */
export async function readInput(path: string, io: Io, max: number = MAX_FILE): Promise<Uint8Array> {
  if (path === '-') {
    const bytes = await io.stdin();
    return bytes.length <= max ? bytes : tooLong('standard input', max);
  }
  return readFile(path, max);
}

export function readFile(path: string, max: number = MAX_FILE): Uint8Array {
  try {
    return readWhole(path, max);
  } catch (error) {
    if (error instanceof AssayError) throw error;
    const { code } = error as { code?: string };
    return fail('FILE_UNREADABLE', `${path}: ${code ?? 'cannot be read'}`, { cause: error });
  }
}

/** By descriptor, so that what is measured and what is read are one file. */
function readWhole(path: string, max: number): Uint8Array {
  const descriptor = openSync(path, 'r');
  try {
    const { size } = fstatSync(descriptor);
    if (size > max) tooLong(path, max);
    const parts: Uint8Array[] = [];
    let length = 0;
    // A pipe or a device has no size, so the end is where reading stops.
    for (;;) {
      const part = new Uint8Array(65_536);
      const count = readSync(descriptor, part);
      if (count === 0) return new Uint8Array(Buffer.concat(parts));
      parts.push(part.subarray(0, count));
      length += count;
      if (length > max) tooLong(path, max);
    }
  } finally {
    closeSync(descriptor);
  }
}

function tooLong(path: string, max: number): never {
  return fail('FILE_UNREADABLE', `${path}: longer than ${max} bytes`);
}

/** COSE_Sign1 (RFC 9052 section 4.2): an array of four, or the tag 18 before it. */
const COSE_SIGN1: readonly number[] = [0x84, 0xd2];

/**
 * Recognises the form by content. Evidence goes first: quotes have certificates inside them, and what an enclave was
 * given to sign could look like anything. Throws INPUT_UNRECOGNISED, and what the readers of JSON and of collateral
 * throw for what has their form and is broken.
 */
export function readSource(bytes: Uint8Array): Source {
  const first = bytes.find((byte) => !isSpace(byte));
  if (first === undefined) return fail('INPUT_UNRECOGNISED', 'the input is empty');
  if (isSnpReport(bytes) || isIntelQuote(bytes) || COSE_SIGN1.includes(first))
    return { kind: 'evidence', bytes: withoutNote(bytes) };
  if (first === 0x7b) return readJsonFile(bytes);
  const items = recogniseCollateral({ name: 'input', bytes });
  if (items.length > 0) return { kind: 'collateral', items };
  // Text has neither: this is evidence that its reader will explain.
  if (first >= 0x80 || bytes.includes(0)) return { kind: 'evidence', bytes };
  return { kind: 'evidence', bytes: decodeText(bytes) };
}

/** Our own files say what they are in `type`. */
function readJsonFile(bytes: Uint8Array): Source {
  const value = parseJson(bytes, { maxBytes: MAX_FILE, maxDepth: 32, path: 'input' });
  const type = isObject(value) ? value['type'] : undefined;
  if (type === ATTESTATION_TYPE) return { kind: 'attestation', attestation: parseAttestation(bytes) };
  if (type === RECEIPT_TYPE) return { kind: 'receipt', receipt: parseReceiptFile(bytes) };
  const report = isObject(value) ? readTsmJson(value) : null;
  if (report !== null) return { kind: 'evidence', ...report };
  const items = recogniseCollateral({ name: 'input', bytes });
  if (items.length > 0) return { kind: 'collateral', items };
  return fail(
    'INPUT_UNRECOGNISED',
    `the JSON is neither ${ATTESTATION_TYPE} nor ${RECEIPT_TYPE}, no report of configfs-tsm and no collateral`,
  );
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** Hexadecimal if all of it could be, else base64 of either alphabet, padded or not. */
function decodeText(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder('latin1').decode(bytes.filter((byte) => !isSpace(byte)));
  if (/^(0x)?([0-9a-fA-F]{2})+$/.test(text)) return fromHex(text.startsWith('0x') ? text.slice(2) : text);
  try {
    return fromAnyBase64(text);
  } catch (cause) {
    return fail(
      'INPUT_UNRECOGNISED',
      'the input is neither evidence nor collateral, hexadecimal, base64 nor an attestation file',
      { cause },
    );
  }
}

/** Whether this is the address of a service and not a file. */
export function isAddress(text: string): boolean {
  return /^(assay|tcp|unix):/.test(text);
}
