/**
 * Evidence as people have it: a file, standard input, an address; raw CBOR, hexadecimal, base64 with or without line
 * breaks, or the JSON attestation file.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AssayError, fail } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import { fromBase64 } from '../../src/codec/base64.ts';
import { isObject } from '../../src/codec/json-shape.ts';
import { parseJson } from '../../src/codec/json.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { parseReceiptFile, RECEIPT_TYPE, type ReceiptFile } from '../../src/log/index.ts';
import { type Attestation, ATTESTATION_TYPE, parseAttestation } from '../../src/statement/attestation.ts';
import type { Io } from './io.ts';

const MAX_FILE = 16 * 1024 * 1024;
const PEM = '-----BEGIN CERTIFICATE-----';

export type Source =
  | { readonly kind: 'evidence'; readonly bytes: Uint8Array }
  | { readonly kind: 'attestation'; readonly attestation: Attestation }
  | { readonly kind: 'receipt'; readonly receipt: ReceiptFile }
  /** DER, in the order of the file. */
  | { readonly kind: 'certificates'; readonly certificates: readonly Uint8Array[] };

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

/** Recognises the form: a CBOR document begins above 0x7f, a report of little-endian fields has zeros, text neither. */
export function readSource(bytes: Uint8Array): Source {
  const first = bytes.find((byte) => !isSpace(byte));
  if (first === undefined) return fail('INPUT_UNRECOGNISED', 'the input is empty');
  if (first === 0x7b) return readJsonFile(bytes);
  // SEQUENCE with a length of more than one octet: no text, and no other evidence, begins so.
  if (bytes[0] === 0x30 && (bytes[1] ?? 0) >= 0x80) return { kind: 'certificates', certificates: [bytes] };
  if (first >= 0x80 || bytes.includes(0)) return { kind: 'evidence', bytes };
  const text = new TextDecoder('latin1').decode(bytes);
  if (text.includes(PEM))
    return { kind: 'certificates', certificates: parsePem(text, 'CERTIFICATE', 'input') };
  return { kind: 'evidence', bytes: decodeText(bytes) };
}

/** Our own files say what they are in `type`. */
function readJsonFile(bytes: Uint8Array): Source {
  const value = parseJson(bytes, { maxBytes: MAX_FILE, maxDepth: 32, path: 'input' });
  const type = isObject(value) ? value['type'] : undefined;
  if (type === ATTESTATION_TYPE) return { kind: 'attestation', attestation: parseAttestation(bytes) };
  if (type === RECEIPT_TYPE) return { kind: 'receipt', receipt: parseReceiptFile(bytes) };
  return fail('INPUT_UNRECOGNISED', `the JSON is neither ${ATTESTATION_TYPE} nor ${RECEIPT_TYPE}`);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** Hexadecimal if all of it could be, else base64 of either alphabet, padded or not. */
function decodeText(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder('latin1').decode(bytes.filter((byte) => !isSpace(byte)));
  if (/^(0x)?([0-9a-fA-F]{2})+$/.test(text)) return fromHex(text.startsWith('0x') ? text.slice(2) : text);
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  try {
    return fromBase64(standard.padEnd(Math.ceil(standard.length / 4) * 4, '='));
  } catch (cause) {
    return fail(
      'INPUT_UNRECOGNISED',
      'the input is neither evidence, hexadecimal, base64 nor an attestation file',
      {
        cause,
      },
    );
  }
}

/** Whether this is the address of a service and not a file. */
export function isAddress(text: string): boolean {
  return /^(assay|tcp|unix):/.test(text);
}
