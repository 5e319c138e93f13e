/**
 * Bytes of a stage segment: leaves that are durable but not yet in tiles.
 *
 *   segment  magic (16) ‖ salt (16) ‖ CRC-32 of both ‖ records
 *   record   salt (16) ‖ first index u64be ‖ leaves u32be ‖ note length u32be ‖ entries length u32be
 *            ‖ CRC-32 of note and entries ‖ CRC-32 of the header before it ‖ note ‖ entries
 *
 * The salt is random for each segment, so that nothing inside a leaf can pass for a record. A record says: the
 * log is everything before its first index, followed by its leaves. So a later record replaces the unacknowledged
 * leaves of an earlier one, and nothing is ever erased in place.
 */
import { crc32 } from 'node:zlib';

const MAGIC: Uint8Array = new TextEncoder().encode('assay/stage/v1\n\0');
export const SALT_BYTES = 16;
export const SEGMENT_HEADER: number = MAGIC.length + SALT_BYTES + 4;
export const RECORD_HEADER: number = SALT_BYTES + 8 + 4 + 4 + 4 + 4 + 4;

/** One batch as it was staged. */
export interface Batch {
  readonly first: number;
  readonly count: number;
  /** What the enclave signed about this batch; opaque here. */
  readonly note: Uint8Array;
  /** Leaves as an entry bundle of any length: u16be length ‖ leaf, repeated (C2SP tlog-tiles). */
  readonly entries: Uint8Array;
}

/** Where a record lies. */
export interface RecordPlace {
  readonly first: number;
  readonly count: number;
  readonly noteLength: number;
  readonly entriesLength: number;
  readonly bodyCrc: number;
}

/** Longest note and entries that a record may claim; one frame is shorter. */
const MAX_NOTE_LENGTH = 65_536;
const MAX_ENTRIES_LENGTH = 1_048_576;

export function recordLength(place: RecordPlace): number {
  return RECORD_HEADER + place.noteLength + place.entriesLength;
}

export function encodeRecordHeader(salt: Uint8Array, batch: Batch): Uint8Array {
  const out = new Uint8Array(RECORD_HEADER);
  out.set(salt);
  const view = new DataView(out.buffer);
  view.setBigUint64(16, BigInt(batch.first));
  view.setUint32(24, batch.count);
  view.setUint32(28, batch.note.length);
  view.setUint32(32, batch.entries.length);
  view.setUint32(36, crc32(batch.entries, crc32(batch.note)));
  view.setUint32(40, crc32(out.subarray(0, 40)));
  return out;
}

export function encodeSegmentHeader(salt: Uint8Array): Uint8Array {
  const out = new Uint8Array(SEGMENT_HEADER);
  out.set(MAGIC);
  out.set(salt, MAGIC.length);
  new DataView(out.buffer).setUint32(SEGMENT_HEADER - 4, crc32(out.subarray(0, SEGMENT_HEADER - 4)));
  return out;
}

/** The salt of a segment, or null when the bytes start none: a segment is never visible without its header. */
export function readSalt(bytes: Uint8Array): Uint8Array | null {
  const salt = bytes.slice(MAGIC.length, MAGIC.length + SALT_BYTES);
  if (bytes.length < SEGMENT_HEADER) return null;
  return encodeSegmentHeader(salt).every((byte, at) => byte === bytes[at]) ? salt : null;
}

/** The record whose header starts at `at`, or null when there is none. Its body has not been looked at. */
export function readRecordHeader(bytes: Uint8Array, at: number, salt: Uint8Array): RecordPlace | null {
  if (at + RECORD_HEADER > bytes.length) return null;
  for (let i = 0; i < SALT_BYTES; i++) if (bytes[at + i] !== salt[i]) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_HEADER);
  if (view.getUint32(40) !== crc32(bytes.subarray(at, at + 40))) return null;
  const first = Number(view.getBigUint64(16));
  const count = view.getUint32(24);
  const noteLength = view.getUint32(28);
  const entriesLength = view.getUint32(32);
  if (
    !Number.isSafeInteger(first + count) ||
    noteLength > MAX_NOTE_LENGTH ||
    entriesLength > MAX_ENTRIES_LENGTH
  )
    return null;
  return { first, count, noteLength, entriesLength, bodyCrc: view.getUint32(36) };
}

/** Whether the body (note ‖ entries) is the one that the header was written for. */
export function bodyHolds(place: RecordPlace, body: Uint8Array): boolean {
  return body.length === place.noteLength + place.entriesLength && crc32(body) === place.bodyCrc;
}

/** A whole record at `at`: its place, or null when header or body is not intact. */
export function readRecord(bytes: Uint8Array, at: number, salt: Uint8Array): RecordPlace | null {
  const place = readRecordHeader(bytes, at, salt);
  if (place === null) return null;
  return bodyHolds(place, bytes.subarray(at + RECORD_HEADER, at + recordLength(place))) ? place : null;
}

/** Where the next intact record starts at or after `from`, or -1. */
export function findRecord(bytes: Uint8Array, from: number, salt: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = buffer.indexOf(salt, from); at >= 0; at = buffer.indexOf(salt, at + 1)) {
    if (readRecord(bytes, at, salt) !== null) return at;
  }
  return -1;
}

/** Whether a batch can be written: within bounds, and exactly `count` length-prefixed leaves. */
export function isBatch({ note, entries, count }: Batch): boolean {
  if (count < 1 || note.length > MAX_NOTE_LENGTH || entries.length > MAX_ENTRIES_LENGTH) return false;
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 2 > entries.length) return false;
    at += 2 + (((entries[at] as number) << 8) | (entries[at + 1] as number));
  }
  return at === entries.length;
}
