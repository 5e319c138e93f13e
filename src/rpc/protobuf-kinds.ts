/** The scalar types of proto3 that we use: how each is read, written and checked. */
import type protobuf from 'protobufjs/minimal.js';
import { utf8 } from '../base/bytes.ts';
import { bad, type Cursor, readBytes, readSigned, readText, readVarint } from './protobuf-reader.ts';

export type Writer = protobuf.Writer;

export interface ScalarTypes {
  readonly string: string;
  readonly bytes: Uint8Array;
  readonly bool: boolean;
  readonly uint32: number;
  readonly uint64: number;
  readonly int32: number;
  readonly int64: number;
}

/** How one type is read, written and checked. */
export interface Kind {
  readonly wire: 0 | 2;
  readonly absent: unknown;
  readonly read: (cursor: Cursor, path: string) => unknown;
  readonly write: (value: never, writer: Writer) => void;
  readonly fits: (value: unknown) => boolean;
}

const integerWithin =
  (min: number, max: number) =>
  (value: unknown): boolean =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;

function readWithin(read: typeof readVarint, min: number, max: number): Kind['read'] {
  return (cursor, path) => {
    const start = cursor.at;
    const value = read(cursor, path);
    if (value >= min && value <= max) return value;
    cursor.at = start;
    return bad(cursor, path, `must be an integer of ${min} to ${max}`);
  };
}

/**
 * protobufjs writes text a character at a time. All receipts of a batch carry one checkpoint, so the last long text
 * is kept as bytes; a string and its UTF-8 bytes are the same on the wire.
 */
const LONG_TEXT = 128;
let lastText = '';
let lastBytes: Uint8Array = new Uint8Array(0);

function longText(value: string): Uint8Array {
  if (value !== lastText) {
    lastBytes = utf8(value);
    lastText = value;
  }
  return lastBytes;
}

const SAFE = Number.MAX_SAFE_INTEGER;

export const SCALARS: Readonly<Record<keyof ScalarTypes, Kind>> = {
  string: {
    wire: 2,
    absent: '',
    read: readText,
    write: (value: string, writer) =>
      void (value.length < LONG_TEXT ? writer.string(value) : writer.bytes(longText(value))),
    // A lone surrogate has no UTF-8; protobufjs would write bytes that no strict reader takes.
    fits: (value) => typeof value === 'string' && value.isWellFormed(),
  },
  bytes: {
    wire: 2,
    absent: new Uint8Array(0),
    read: readBytes,
    write: (value: Uint8Array, writer) => void writer.bytes(value),
    fits: (value) => value instanceof Uint8Array,
  },
  bool: {
    wire: 0,
    absent: false,
    read: (cursor, path) => readWithin(readVarint, 0, 1)(cursor, path) === 1,
    write: (value: boolean, writer) => void writer.bool(value),
    fits: (value) => typeof value === 'boolean',
  },
  uint32: {
    wire: 0,
    absent: 0,
    read: readWithin(readVarint, 0, 0xffff_ffff),
    write: (value: number, writer) => void writer.uint32(value),
    fits: integerWithin(0, 0xffff_ffff),
  },
  uint64: {
    wire: 0,
    absent: 0,
    read: readVarint,
    write: (value: number, writer) => void writer.uint64(value),
    fits: integerWithin(0, SAFE),
  },
  int32: {
    wire: 0,
    absent: 0,
    read: readWithin(readSigned, -0x8000_0000, 0x7fff_ffff),
    write: (value: number, writer) => void writer.int32(value),
    fits: integerWithin(-0x8000_0000, 0x7fff_ffff),
  },
  int64: {
    wire: 0,
    absent: 0,
    read: readSigned,
    write: (value: number, writer) => void writer.int64(value),
    fits: integerWithin(-SAFE, SAFE),
  },
};
