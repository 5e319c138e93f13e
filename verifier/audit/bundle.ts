/**
 * The audit bundle: a folder that needs no network and no service to be judged.
 *
 *     index.json          which epochs and seals to look for; a hint, authenticated by nothing
 *     log/checkpoint      the newest signed head
 *     log/tile/…          the log in C2SP tlog-tiles layout, entries and hashes
 *     epochs/<n>          attestation of each boot (assay/attestation/v1)
 *     seals/<n>           each seal with its evidence (assay/seal/v1)
 *     objects/<sha256>    orders, policies and collateral by content
 *
 * What is acceptable is the auditor's own trust policy and never comes from the bundle.
 */
import { AssayError, fail } from '../../src/base/errors.ts';
import { parseJson } from '../../src/codec/json.ts';
import { jsonArray, jsonObject, jsonUint } from '../../src/codec/json-shape.ts';
import { decodeNote, MAX_BUNDLE, parseSealFile, type SealFile } from '../../src/log/index.ts';
import { type Attestation, parseAttestation } from '../../src/statement/attestation.ts';

/** Reads one file of a bundle; null when there is none. Rejects when it is longer than `maxBytes`. */
export interface AuditReader {
  read(path: string, maxBytes: number): Promise<Uint8Array | null>;
}

export interface BundleIndex {
  /** Epoch numbers, ascending. */
  readonly epochs: readonly number[];
  /** Number of the last seal; they count from 1. 0 when there is none. */
  readonly seals: number;
}

export const BUNDLE_TYPE = 'assay/audit-bundle/v1';
export const INDEX_PATH = 'index.json';
export const CHECKPOINT_PATH = 'log/checkpoint';

const MAX_INDEX = 4_194_304;
const MAX_EPOCHS = 262_144;
const MAX_CHECKPOINT = 1_000_000;
const MAX_FILE = 1_048_576;
const MAX_TILE = 8_192;

export const epochPath = (epoch: number): string => `epochs/${epoch}`;
export const sealPath = (number: number): string => `seals/${number}`;

export function formatBundleIndex({ epochs, seals }: BundleIndex): string {
  return `${JSON.stringify({ type: BUNDLE_TYPE, epochs, seals }, null, 2)}\n`;
}

/** Throws `AUDIT_BUNDLE_INVALID`. */
export async function readIndex(reader: AuditReader): Promise<BundleIndex> {
  const bytes = await required(reader, INDEX_PATH, MAX_INDEX);
  return readable(INDEX_PATH, () => {
    const value = parseJson(bytes, { maxBytes: MAX_INDEX, maxDepth: 3, path: INDEX_PATH });
    const object = jsonObject(value, INDEX_PATH, ['type', 'epochs', 'seals']);
    if (object['type'] !== BUNDLE_TYPE) fail('JSON_SHAPE', `type: not ${BUNDLE_TYPE}`);
    const epochs = jsonArray(object, 'epochs', INDEX_PATH, MAX_EPOCHS, (item, path) =>
      jsonUint({ item }, 'item', path),
    );
    if (epochs.some((epoch, i) => i > 0 && epoch <= (epochs[i - 1] as number)))
      fail('JSON_SHAPE', 'epochs: not ascending');
    return { epochs, seals: jsonUint(object, 'seals', INDEX_PATH) };
  });
}

export async function readCheckpoint(reader: AuditReader): Promise<string> {
  return decodeNote(await required(reader, CHECKPOINT_PATH, MAX_CHECKPOINT));
}

/** The attestation and its bytes, which the epoch's first leaf names. Throws `EPOCH_UNATTESTED` when there is none. */
export async function readEpoch(
  reader: AuditReader,
  epoch: number,
): Promise<{ readonly attestation: Attestation; readonly bytes: Uint8Array }> {
  const bytes = await reader.read(epochPath(epoch), MAX_FILE);
  if (bytes === null) return fail('EPOCH_UNATTESTED', `${epochPath(epoch)} is not in the bundle`);
  return readable(epochPath(epoch), () => ({ attestation: parseAttestation(bytes), bytes }));
}

/** Throws `SEAL_MISSING` when there is none. */
export async function readSeal(reader: AuditReader, number: number): Promise<SealFile> {
  const bytes = await reader.read(sealPath(number), MAX_FILE);
  if (bytes === null) return fail('SEAL_MISSING', `${sealPath(number)} is not in the bundle`);
  return readable(sealPath(number), () => parseSealFile(bytes));
}

/** An entry bundle or a hash tile, by its path in the log; null when it is not there. */
export function readLogFile(reader: AuditReader, path: string): Promise<Uint8Array | null> {
  return reader.read(`log/${path}`, path.startsWith('tile/entries/') ? MAX_BUNDLE : MAX_TILE);
}

async function required(reader: AuditReader, path: string, maxBytes: number): Promise<Uint8Array> {
  const bytes = await reader.read(path, maxBytes);
  return bytes ?? fail('AUDIT_BUNDLE_INVALID', `${path} is not in the bundle`);
}

/** Names the file that could not be read. */
function readable<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof AssayError)) throw cause;
    throw new AssayError('AUDIT_BUNDLE_INVALID', `${path}: ${cause.code}: ${cause.message}`, { cause });
  }
}
