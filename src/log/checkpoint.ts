/**
 * C2SP checkpoints (c2sp.org/tlog-checkpoint), and ours with two signatures.
 *
 * The log key outlives boots, so a custodian could leak it; the epoch key exists in one boot only, and hardware
 * vouches for it. What only the log key signed is therefore `NOT_HARDWARE_BOUND` (design section 4).
 */
import type { Crypto } from '../base/crypto.ts';
import { fail, ParseError } from '../base/errors.ts';
import { fromBase64, toBase64 } from '../codec/base64.ts';
import { HASH_SIZE, isSize } from './merkle.ts';
import {
  isKeyName,
  NOTE_ED25519,
  type Note,
  type NoteSigner,
  noteKey,
  parseNote,
  signNote,
  verifyNote,
} from './note.ts';

export interface TreeHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

export interface Checkpoint extends TreeHead {
  /** Lines after the root; this log writes none. */
  readonly extensions: readonly string[];
}

/** A checkpoint that both the log key and the named epoch's key signed. */
export interface VerifiedCheckpoint extends TreeHead {
  readonly epoch: number;
}

/** Which keys a checkpoint must carry; raw Ed25519, 32 bytes each. */
export interface CheckpointKeys {
  readonly origin: string;
  readonly logKey: Uint8Array;
  readonly epoch: number;
  readonly epochKey: Uint8Array;
}

const MAX_ORIGIN = 255;
const SIZE = /^(?:0|[1-9][0-9]{0,15})$/;

/** Whether a log of ours can have this name: it is also the name of its key. */
export function isOrigin(origin: string): boolean {
  return origin.length <= MAX_ORIGIN && isKeyName(origin) && !/[\0-\x1f\x7f]/.test(origin);
}

/** Name of the key that signs checkpoints during one boot. */
export function epochKeyName(origin: string, epoch: number): string {
  return `${origin}/epoch/${epoch}`;
}

/** The epoch that a key name speaks of; null when it is no epoch key of this origin. */
export function epochOfKeyName(origin: string, name: string): number | null {
  const prefix = `${origin}/epoch/`;
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return SIZE.test(digits) && isSize(Number(digits)) ? Number(digits) : null;
}

/** The note text of a head: three lines. */
export function formatCheckpoint({ origin, size, root }: TreeHead): string {
  if (!isOrigin(origin)) fail('CHECKPOINT_INVALID', 'not an origin');
  if (!isSize(size) || root.length !== HASH_SIZE)
    fail('CHECKPOINT_INVALID', 'a head has a size and a root of 32 bytes');
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** Reads a note's text. Throws `CHECKPOINT_INVALID`; `CHECKPOINT_ROOT_LENGTH` for a root of another hash. */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n'))
    throw new ParseError('CHECKPOINT_INVALID', 'no line feed at the end', text.length);
  const [origin, size, root, ...extensions] = text.slice(0, -1).split('\n');
  if (origin === undefined || size === undefined || root === undefined)
    throw new ParseError('CHECKPOINT_INVALID', 'fewer than three lines', text.length);
  if (origin === '') throw new ParseError('CHECKPOINT_INVALID', 'the origin is empty', 0);
  const sizeAt = origin.length + 1;
  // Decimal digits only: BigInt() and Number() would also take 0x10, 1e3, spaces and nothing at all.
  if (!SIZE.test(size) || !isSize(Number(size)))
    throw new ParseError('CHECKPOINT_INVALID', 'the size is not a decimal number', sizeAt);
  const rootAt = sizeAt + size.length + 1;
  const hash = rootHash(root, rootAt);
  if (extensions.includes(''))
    throw new ParseError('CHECKPOINT_INVALID', 'an extension line is empty', rootAt + root.length + 1);
  return { origin, size: Number(size), root: hash, extensions };
}

function rootHash(text: string, at: number): Uint8Array {
  let hash: Uint8Array;
  try {
    hash = fromBase64(text);
  } catch (cause) {
    throw new ParseError('CHECKPOINT_INVALID', 'the root is not base64', at, '', { cause });
  }
  if (hash.length !== HASH_SIZE)
    throw new ParseError('CHECKPOINT_ROOT_LENGTH', `the root has ${hash.length} bytes, not ${HASH_SIZE}`, at);
  return hash;
}

/** Signs a head with both keys: the signers' names are the origin and `epochKeyName(origin, epoch)`. */
export function signCheckpoint(
  head: TreeHead,
  signers: { readonly log: NoteSigner; readonly epoch: NoteSigner },
): string {
  const { log, epoch } = signers;
  if (log.name !== head.origin || epochOfKeyName(head.origin, epoch.name) === null)
    fail('CHECKPOINT_INVALID', 'the signers are not named after the origin and an epoch');
  return signNote(formatCheckpoint(head), [log, epoch]);
}

/** A checkpoint that is read but not verified, with the epochs that claim to have signed it. */
export interface OpenedCheckpoint extends TreeHead {
  readonly note: Note;
  /** Ascending, without duplicates; claims only. */
  readonly epochs: readonly number[];
}

/** Reads one of our checkpoints, so that the caller can find the epoch's key. Verifies nothing. */
export function openCheckpoint(text: string): OpenedCheckpoint {
  const note = parseNote(text);
  const { origin, size, root, extensions } = parseCheckpoint(note.text);
  // Extension lines are not auditable and this log writes none, so none was signed by the measured code.
  if (extensions.length > 0) fail('CHECKPOINT_INVALID', 'extension lines are not part of this log');
  const epochs = new Set<number>();
  for (const { name } of note.signatures) {
    const epoch = epochOfKeyName(origin, name);
    if (epoch !== null) epochs.add(epoch);
  }
  return { origin, size, root, note, epochs: [...epochs].sort((a, b) => a - b) };
}

/**
 * Verifies both signatures. Throws `CHECKPOINT_ORIGIN_MISMATCH`, `NOTE_SIGNATURE_INVALID`, `NOTE_UNSIGNED`,
 * `NOT_HARDWARE_BOUND` when the epoch key did not sign, `LOG_SIGNATURE_MISSING` when the log key did not.
 */
export async function verifyCheckpoint(
  checkpoint: OpenedCheckpoint,
  keys: CheckpointKeys,
  crypto: Crypto,
): Promise<VerifiedCheckpoint> {
  const { origin, size, root, note } = checkpoint;
  if (origin !== keys.origin)
    fail('CHECKPOINT_ORIGIN_MISMATCH', `a checkpoint of ${origin} is none of ${keys.origin}`);
  const logKey = noteKey(crypto, origin, NOTE_ED25519, keys.logKey);
  const epochKey = noteKey(crypto, epochKeyName(origin, keys.epoch), NOTE_ED25519, keys.epochKey);
  const { signatures } = await verifyNote(note, [logKey, epochKey], crypto);
  if (!signatures.some(({ key }) => key === epochKey))
    fail('NOT_HARDWARE_BOUND', `the key of epoch ${keys.epoch} did not sign: only the log key did`);
  if (!signatures.some(({ key }) => key === logKey))
    fail('LOG_SIGNATURE_MISSING', `the log key of ${origin} did not sign`);
  return { origin, size, root, epoch: keys.epoch };
}
