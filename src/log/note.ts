/**
 * C2SP signed notes (c2sp.org/signed-note): text, a blank line, and signature lines
 * `— <key name> <base64(key ID ‖ signature)>`.
 *
 * Signatures of keys that the caller does not know are ignored; a known key's bad signature condemns the note.
 */
import { concat, equalBytes, utf8 } from '../base/bytes.ts';
import type { Crypto, Hashing, Signer } from '../base/crypto.ts';
import { ed25519Raw, ed25519Spki } from '../base/ed25519.ts';
import { AssayError, fail, ParseError } from '../base/errors.ts';
import { fromBase64, toBase64 } from '../codec/base64.ts';
import { fromHex, toHex } from '../base/hex.ts';

/** Signature types of c2sp.org/signed-note that are read here. */
export const NOTE_ED25519 = 0x01;
export const NOTE_COSIGNATURE = 0x04;
export const NOTE_MLDSA44 = 0x06;

export interface NoteSignature {
  readonly name: string;
  /** 4 bytes; a hint which key signed, not an authentication of it. */
  readonly keyId: Uint8Array;
  /** What follows the key ID. */
  readonly signature: Uint8Array;
}

export interface Note {
  /** What was signed; ends with a line feed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteKey {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly type: typeof NOTE_ED25519 | typeof NOTE_COSIGNATURE | typeof NOTE_MLDSA44;
  /** Raw: 32 bytes for types 01 and 04, 1,312 for type 06. */
  readonly publicKey: Uint8Array;
}

export interface VerifiedSignature {
  readonly key: NoteKey;
  /** POSIX seconds that a cosignature (type 04) asserts; null for other types. */
  readonly time: number | null;
}

export interface VerifiedNote {
  readonly text: string;
  /** One for each known key that signed; never empty. */
  readonly signatures: readonly VerifiedSignature[];
}

/** Signs notes under one name. */
export interface NoteSigner {
  readonly name: string;
  readonly keyId: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** The limits of golang.org/x/mod/sumdb/note; the specification asks for at least 16 signatures. */
const MAX_NOTE = 1_000_000;
const MAX_SIGNATURES = 100;
const MAX_NAME = 1_024;

const MARK = '— ';
const KEY_SIZES: ReadonlyMap<number, number> = new Map([
  [NOTE_ED25519, 32],
  [NOTE_COSIGNATURE, 32],
  [NOTE_MLDSA44, 1_312],
]);

/** Reads a note's bytes as text; `NOTE_INVALID` when they are not UTF-8. */
export function decodeNote(bytes: Uint8Array): string {
  if (bytes.length > MAX_NOTE) throw new ParseError('NOTE_INVALID', `longer than ${MAX_NOTE} bytes`, 0);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ParseError('NOTE_INVALID', 'not UTF-8', 0);
  }
}

/** Key names are non-empty, without Unicode white space and without `+`. */
export function isKeyName(name: string): boolean {
  return (
    name.length > 0 && name.length <= MAX_NAME && name.isWellFormed() && !/[\p{White_Space}+]/u.test(name)
  );
}

/** Throws `NOTE_INVALID` with the UTF-16 offset. Verifies nothing. */
export function parseNote(note: string): Note {
  if (note.length > MAX_NOTE) throw new ParseError('NOTE_INVALID', `longer than ${MAX_NOTE} bytes`, 0);
  if (!note.isWellFormed()) throw new ParseError('NOTE_INVALID', 'not well-formed Unicode', 0);
  const control = note.search(/[\0-\x09\x0b-\x1f]/);
  if (control >= 0) throw new ParseError('NOTE_INVALID', 'a control character', control);
  // The text may hold blank lines of its own, so only the last one separates it from the signatures.
  const blank = note.lastIndexOf('\n\n');
  if (blank < 0) throw new ParseError('NOTE_INVALID', 'no blank line before signatures', note.length);
  if (!note.endsWith('\n') || blank + 2 === note.length)
    throw new ParseError('NOTE_INVALID', 'no complete signature line at the end', note.length);
  const signatures: NoteSignature[] = [];
  let at = blank + 2;
  for (const line of note.slice(at, -1).split('\n')) {
    if (signatures.length === MAX_SIGNATURES)
      throw new ParseError('NOTE_INVALID', `more than ${MAX_SIGNATURES} signatures`, at);
    signatures.push(parseSignatureLine(line, at));
    at += line.length + 1;
  }
  return { text: note.slice(0, blank + 1), signatures };
}

function parseSignatureLine(line: string, at: number): NoteSignature {
  const space = line.indexOf(' ', MARK.length);
  if (!line.startsWith(MARK) || space < 0) throw new ParseError('NOTE_INVALID', 'not a signature line', at);
  const name = line.slice(MARK.length, space);
  if (!isKeyName(name)) throw new ParseError('NOTE_INVALID', 'not a key name', at + MARK.length);
  const bytes = signatureBytes(line.slice(space + 1), at + space + 1);
  return { name, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) };
}

function signatureBytes(text: string, at: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(text);
  } catch (cause) {
    throw new ParseError('NOTE_INVALID', 'a signature is not base64', at, '', { cause });
  }
  if (bytes.length < 5) throw new ParseError('NOTE_INVALID', 'a signature is too short', at);
  return bytes;
}

export function formatNote(note: Note): string {
  const lines = note.signatures.map(
    ({ name, keyId, signature }) => `${MARK}${name} ${toBase64(concat(keyId, signature))}\n`,
  );
  return `${note.text}\n${lines.join('')}`;
}

/** `SHA-256(name ‖ 0x0A ‖ type ‖ public key)[0..4]`. */
export function noteKey(
  hashing: Hashing,
  name: string,
  type: NoteKey['type'],
  publicKey: Uint8Array,
): NoteKey {
  if (!isKeyName(name)) fail('NOTE_KEY_INVALID', 'not a key name');
  if (publicKey.length !== KEY_SIZES.get(type))
    fail('NOTE_KEY_INVALID', `a key of type ${type} cannot have ${publicKey.length} bytes`);
  const keyId = hashing.sha256(utf8(`${name}\n`), Uint8Array.of(type), publicKey).slice(0, 4);
  return { name, keyId, type, publicKey };
}

/** `name+hex(key ID)+base64(type ‖ public key)`. */
export function formatVkey(key: NoteKey): string {
  return `${key.name}+${toHex(key.keyId)}+${toBase64(concat(Uint8Array.of(key.type), key.publicKey))}`;
}

/** Throws `NOTE_KEY_INVALID`, also for a key ID that is not of this name and key. */
export function parseVkey(hashing: Hashing, vkey: string): NoteKey {
  // Base64 may contain `+`, a name may not.
  const first = vkey.indexOf('+');
  const second = vkey.indexOf('+', first + 1);
  if (first < 1 || second < 0 || vkey.length > MAX_NOTE)
    fail('NOTE_KEY_INVALID', 'not of the form name+id+key');
  const id = vkey.slice(first + 1, second);
  let keyId: Uint8Array;
  let material: Uint8Array;
  try {
    keyId = fromHex(id);
    material = fromBase64(vkey.slice(second + 1));
  } catch (cause) {
    throw new AssayError('NOTE_KEY_INVALID', 'the key ID is not hex or the key is not base64', { cause });
  }
  const type = material[0];
  if (type !== NOTE_ED25519 && type !== NOTE_COSIGNATURE && type !== NOTE_MLDSA44)
    return fail('NOTE_KEY_INVALID', `signature type ${type ?? 'none'} is not supported`);
  const key = noteKey(hashing, vkey.slice(0, first), type, material.slice(1));
  if (id !== id.toLowerCase() || !equalBytes(keyId, key.keyId))
    fail('NOTE_KEY_INVALID', 'the key ID is not of this name and key');
  return key;
}

/** A signer of type 01 for an Ed25519 key. */
export function noteSigner(hashing: Hashing, name: string, signer: Signer): NoteSigner {
  if (signer.algorithm !== 'Ed25519') fail('NOTE_KEY_INVALID', 'notes are signed with Ed25519');
  const { keyId } = noteKey(hashing, name, NOTE_ED25519, ed25519Raw(signer.spki));
  return { name, keyId, sign: (message) => signer.sign(message) };
}

/** `text` ends with a line feed; throws `NOTE_INVALID` for text that could not be read back. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  const message = utf8(text);
  const signatures = signers.map(({ name, keyId, sign }) => ({ name, keyId, signature: sign(message) }));
  const note = formatNote({ text, signatures });
  if (parseNote(note).text !== text) fail('NOTE_INVALID', 'the text cannot stand in a note');
  return note;
}

function sameKey(a: { name: string; keyId: Uint8Array }, b: { name: string; keyId: Uint8Array }): boolean {
  return a.name === b.name && equalBytes(a.keyId, b.keyId);
}

/**
 * Verifies every signature by a known key. Throws `NOTE_SIGNATURE_INVALID` if one of them is bad,
 * `NOTE_UNSIGNED` if no known key signed, `NOTE_KEY_AMBIGUOUS` if two known keys have one name and ID,
 * `NOTE_ALGORITHM_UNSUPPORTED` if a known key's signature is of a type that cannot be verified here (06).
 */
export async function verifyNote(
  note: Note,
  keys: readonly NoteKey[],
  crypto: Crypto,
): Promise<VerifiedNote> {
  keys.forEach((key, i) => {
    if (keys.slice(0, i).some((other) => sameKey(key, other)))
      fail('NOTE_KEY_AMBIGUOUS', `two known keys are named ${key.name}+${toHex(key.keyId)}`);
  });
  const verified: VerifiedSignature[] = [];
  for (const signature of note.signatures) {
    const key = keys.find((known) => sameKey(known, signature));
    if (key === undefined) continue;
    const time = await verifySignature(note.text, key, signature.signature, crypto);
    if (!verified.some((other) => other.key === key)) verified.push({ key, time });
  }
  if (verified.length === 0) fail('NOTE_UNSIGNED', 'no known key signed this note');
  return { text: note.text, signatures: verified };
}

async function verifySignature(
  text: string,
  key: NoteKey,
  signature: Uint8Array,
  crypto: Crypto,
): Promise<number | null> {
  if (key.type === NOTE_MLDSA44)
    fail('NOTE_ALGORITHM_UNSUPPORTED', `${key.name} signs with ML-DSA-44, which is not verified here`);
  const cosignature = key.type === NOTE_COSIGNATURE ? splitCosignature(key, signature) : null;
  // c2sp.org/tlog-cosignature: the cosigner signs a header with its time, then the whole note text.
  const message = cosignature === null ? text : `cosignature/v1\ntime ${cosignature.time}\n${text}`;
  try {
    const imported = await crypto.importKey('Ed25519', ed25519Spki(key.publicKey));
    await imported.verify(utf8(message), cosignature?.signature ?? signature);
  } catch (cause) {
    throw new AssayError('NOTE_SIGNATURE_INVALID', `the signature of ${key.name} does not verify`, { cause });
  }
  return cosignature?.time ?? null;
}

/** u64be POSIX seconds ‖ Ed25519 signature (c2sp.org/tlog-cosignature). */
function splitCosignature(key: NoteKey, bytes: Uint8Array): { time: number; signature: Uint8Array } {
  const time =
    bytes.length === 72 ? Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)) : Number.NaN;
  if (!Number.isSafeInteger(time))
    fail('NOTE_SIGNATURE_INVALID', `the cosignature of ${key.name} has another shape`);
  return { time, signature: bytes.subarray(8) };
}
