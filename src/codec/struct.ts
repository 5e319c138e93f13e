/**
 * Fixed binary layouts as a table of `[name, kind, offset, length, rule]` that can be compared line by line with a
 * vendor's specification. The table must cover every byte once: a gap or an overlap is found when it is defined.
 */
import { fail, ParseError } from '../base/errors.ts';

export type StructKind = 'u8' | 'u16le' | 'u16be' | 'u32le' | 'u32be' | 'u64le' | 'u64be' | 'bytes';

/** `mustBeZero` fields are checked and left out of the value. */
export type StructRow =
  | readonly [name: string, kind: StructKind, offset: number, length: number]
  | readonly [name: string, kind: 'bytes', offset: number, length: number, rule: 'mustBeZero'];

type ValueOf<K> = K extends 'bytes' ? Uint8Array : K extends 'u64le' | 'u64be' ? bigint : number;

export type StructOf<Table extends readonly StructRow[]> = {
  readonly [Row in Table[number] as Row extends readonly [string, StructKind, number, number]
    ? Row[0]
    : never]: ValueOf<Row[1]>;
};

export interface Struct<Table extends readonly StructRow[]> {
  readonly name: string;
  readonly size: number;
  readonly table: Table;
  /** Exactly `size` bytes. Throws ParseError STRUCT_LENGTH or STRUCT_NOT_ZERO. */
  readonly read: (bytes: Uint8Array, options?: StructOptions) => StructOf<Table>;
}

export interface StructOptions {
  readonly path?: string;
  /** Where these bytes begin in the outermost input. */
  readonly base?: number;
}

const WIDTHS: Readonly<Record<Exclude<StructKind, 'bytes'>, number>> = {
  u8: 1,
  u16le: 2,
  u16be: 2,
  u32le: 4,
  u32be: 4,
  u64le: 8,
  u64be: 8,
};

export function struct<const Table extends readonly StructRow[]>(
  name: string,
  size: number,
  table: Table,
): Struct<Table> {
  let at = 0;
  for (const [field, kind, offset, length] of table) {
    if (offset !== at || length <= 0 || (kind !== 'bytes' && length !== WIDTHS[kind]))
      fail('INTERNAL', `layout ${name}: ${field} leaves a gap, overlaps or has the wrong width`);
    at += length;
  }
  if (at !== size) fail('INTERNAL', `layout ${name}: rows cover ${at} of ${size} bytes`);
  return Object.freeze({
    name,
    size,
    table,
    read: (bytes: Uint8Array, options: StructOptions = {}) =>
      read(name, size, table, bytes, options) as StructOf<Table>,
  });
}

function read(
  name: string,
  size: number,
  table: readonly StructRow[],
  bytes: Uint8Array,
  options: StructOptions,
): Readonly<Record<string, number | bigint | Uint8Array>> {
  const path = options.path ?? name;
  const base = options.base ?? 0;
  if (bytes.length !== size)
    throw new ParseError('STRUCT_LENGTH', `${bytes.length} bytes, not ${size}`, base, path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out: Record<string, number | bigint | Uint8Array> = {};
  for (const [field, kind, offset, length, rule] of table) {
    if (rule !== 'mustBeZero') out[field] = value(view, kind, offset, length);
    else {
      for (let i = offset; i < offset + length; i++)
        if (bytes[i] !== 0)
          throw new ParseError('STRUCT_NOT_ZERO', 'reserved byte', base + i, `${path}.${field}`);
    }
  }
  return Object.freeze(out);
}

function value(
  view: DataView,
  kind: StructKind,
  offset: number,
  length: number,
): number | bigint | Uint8Array {
  switch (kind) {
    case 'u8':
      return view.getUint8(offset);
    case 'u16le':
      return view.getUint16(offset, true);
    case 'u16be':
      return view.getUint16(offset);
    case 'u32le':
      return view.getUint32(offset, true);
    case 'u32be':
      return view.getUint32(offset);
    case 'u64le':
      return view.getBigUint64(offset, true);
    case 'u64be':
      return view.getBigUint64(offset);
    case 'bytes':
      return new Uint8Array(view.buffer, view.byteOffset + offset, length);
  }
}
