/**
 * Proto3 messages from tables, over the protobufjs writer and our own strict reader.
 *
 * One message has one meaning: unknown fields, a second value for a field that is not repeated, and wrong wire
 * types are errors. Integers of 64 bits are JavaScript numbers of at most 2^53-1. Absent scalars are their proto3
 * default; an absent `optional` field is null; an absent message is an error.
 */
import protobuf from 'protobufjs/minimal.js';
import { fail, ParseError } from '../base/errors.ts';
import { type Kind, SCALARS, type ScalarTypes, type Writer } from './protobuf-kinds.ts';
import { bad, type Cursor, readLength, readVarint } from './protobuf-reader.ts';

export type { Writer } from './protobuf-kinds.ts';

export type FieldSpec = readonly [number: number, type: string, most?: number];
export type Tables = Readonly<Record<string, Readonly<Record<string, FieldSpec>>>>;

type SingleOf<T extends Tables, K> = K extends keyof ScalarTypes
  ? ScalarTypes[K]
  : K extends keyof T
    ? MessageOf<T, K>
    : never;

type ValueOf<T extends Tables, K> = K extends `repeated ${infer Item}`
  ? readonly SingleOf<T, Item>[]
  : K extends `optional ${infer Item}`
    ? SingleOf<T, Item> | null
    : SingleOf<T, K>;

/** The TypeScript type of message N. */
export type MessageOf<T extends Tables, N extends keyof T> = {
  readonly [F in keyof T[N]]: T[N][F] extends FieldSpec ? ValueOf<T, T[N][F][1]> : never;
};

export interface MessageCodec<M> {
  readonly name: string;
  /** Throws MESSAGE_VALUE_INVALID naming the field whose value does not fit. */
  readonly encode: (value: M) => Uint8Array;
  /** Appends the message, without a length, to a protobufjs writer. */
  readonly write: (value: M, writer: Writer) => void;
  /**
   * Throws ParseError: MESSAGE_INVALID, MESSAGE_FIELD_UNKNOWN, MESSAGE_FIELD_DUPLICATE, MESSAGE_FIELD_MISSING. The
   * value owns its bytes: keeping a nonce does not keep the frame it came in.
   */
  readonly decode: (bytes: Uint8Array) => M;
  /** As `decode`, but byte strings are views of the input. */
  readonly decodeView: (bytes: Uint8Array) => M;
}

type Value = Record<string, unknown>;

interface Field {
  readonly name: string;
  readonly path: string;
  readonly number: number;
  /** Field number and wire type, as written before each value. */
  readonly tag: number;
  readonly label: 'single' | 'optional' | 'repeated';
  /** A field that must be present: a message that is neither optional nor repeated. */
  readonly required: boolean;
  readonly most: number;
  readonly kind: Kind;
}

const MAX_DEPTH = 8;
/** Whether proto3 leaves the value out of a field without presence. */
function isDefault(value: unknown): boolean {
  return (
    value === 0 || value === '' || value === false || (value instanceof Uint8Array && value.length === 0)
  );
}

interface Shape {
  readonly name: string;
  readonly fields: readonly Field[];
  /** By field number. */
  readonly byNumber: readonly (Field | undefined)[];
  readonly template: Value;
}

function readMessage(shape: Shape, cursor: Cursor, path: string): Value {
  if (cursor.depth >= MAX_DEPTH) bad(cursor, path, `nested deeper than ${MAX_DEPTH}`);
  const out: Value = { ...shape.template };
  let seen = 0;
  while (cursor.at < cursor.end) {
    const start = cursor.at;
    const tag = readVarint(cursor, path);
    const field = tag < 0x1_0000_0000 ? shape.byNumber[tag >>> 3] : undefined;
    if (field === undefined)
      throw new ParseError(
        'MESSAGE_FIELD_UNKNOWN',
        `unknown field number ${Math.floor(tag / 8)}`,
        start,
        path,
      );
    if (field.tag !== tag) {
      cursor.at = start;
      bad(cursor, field.path, `wire type ${tag % 8} instead of ${field.kind.wire}`);
    }
    const bit = 1 << field.number;
    if (field.label === 'repeated') {
      const list = (seen & bit) === 0 ? [] : (out[field.name] as unknown[]);
      if (list.length >= field.most) bad(cursor, field.path, `more than ${field.most} items`);
      list.push(field.kind.read(cursor, field.path));
      out[field.name] = list;
    } else {
      if ((seen & bit) !== 0)
        throw new ParseError('MESSAGE_FIELD_DUPLICATE', 'appears a second time', start, field.path);
      out[field.name] = field.kind.read(cursor, field.path);
    }
    seen |= bit;
  }
  for (const field of shape.fields) {
    if (field.required && (seen & (1 << field.number)) === 0)
      throw new ParseError('MESSAGE_FIELD_MISSING', 'is missing', cursor.at, field.path);
  }
  return out;
}

function writeOne(field: Field, value: unknown, writer: Writer): void {
  if (!field.kind.fits(value)) fail('MESSAGE_VALUE_INVALID', `${field.path}: value does not fit its type`);
  writer.uint32(field.tag);
  field.kind.write(value as never, writer);
}

function writeMessage(shape: Shape, value: Value, writer: Writer): void {
  for (const field of shape.fields) {
    const item = value[field.name];
    if (field.label === 'repeated') {
      if (!Array.isArray(item) || item.length > field.most)
        fail('MESSAGE_VALUE_INVALID', `${field.path}: must be a list of at most ${field.most}`);
      for (const entry of item as unknown[]) writeOne(field, entry, writer);
    } else if (field.label === 'optional' ? item !== null : !isDefault(item)) {
      writeOne(field, item, writer);
    }
  }
}

/** A nested message: its own end, then the outer one again. */
function messageKind(shape: Shape): Kind {
  return {
    wire: 2,
    absent: null,
    read(cursor, path) {
      const size = readLength(cursor, path);
      const { end } = cursor;
      cursor.end = cursor.at + size;
      cursor.depth++;
      const value = readMessage(shape, cursor, path);
      cursor.depth--;
      cursor.end = end;
      return value;
    },
    write(value: Value, writer) {
      writer.fork();
      writeMessage(shape, value, writer);
      writer.ldelim();
    },
    fits: (value) => typeof value === 'object' && value !== null,
  };
}

const MAX_FIELD_NUMBER = 30;

function makeField(message: string, name: string, spec: FieldSpec, kindOf: (type: string) => Kind): Field {
  const [number, text, most] = spec;
  const [first, second] = text.split(' ') as [string, string?];
  const label = second === undefined ? 'single' : (first as 'optional' | 'repeated');
  const type = second ?? first;
  const kind = kindOf(type);
  if (number > MAX_FIELD_NUMBER || (label === 'repeated' && (most === undefined || kind.wire !== 2)))
    fail('INTERNAL', `table ${message}.${name} is not supported`);
  const required = label === 'single' && !Object.hasOwn(SCALARS, type);
  return {
    name,
    path: `${message}.${name}`,
    number,
    tag: number * 8 + kind.wire,
    label,
    required,
    most: most ?? 1,
    kind,
  };
}

const absentValue = ({ label, kind }: Field): unknown =>
  label === 'repeated' ? Object.freeze([]) : label === 'optional' ? null : kind.absent;

/** Makes the codecs of all messages of a set of tables; messages name each other in any order, without cycles. */
export function compileTables(tables: Tables): (name: string) => MessageCodec<Value> {
  const shapes = new Map<string, Shape>();
  const shapeOf = (name: string): Shape => {
    const known = shapes.get(name);
    if (known !== undefined) return known;
    const table = tables[name] ?? fail('INTERNAL', `no message ${name}`);
    const kindOf = (type: string): Kind =>
      Object.hasOwn(SCALARS, type) ? SCALARS[type as keyof ScalarTypes] : messageKind(shapeOf(type));
    const fields = Object.entries(table)
      .map(([field, spec]) => makeField(name, field, spec, kindOf))
      .sort((a, b) => a.number - b.number);
    const byNumber: (Field | undefined)[] = [];
    for (const field of fields) byNumber[field.number] = field;
    const template = Object.fromEntries(fields.map((field) => [field.name, absentValue(field)]));
    const shape = { name, fields, byNumber, template };
    shapes.set(name, shape);
    return shape;
  };
  return (name) => codecOf(shapeOf(name));
}

function codecOf(shape: Shape): MessageCodec<Value> {
  const decodeWith = (bytes: Uint8Array, copy: boolean): Value =>
    readMessage(shape, { bytes, copy, at: 0, end: bytes.length, depth: 0 }, shape.name);
  const write = (value: Value, writer: Writer): void => writeMessage(shape, value, writer);
  return {
    name: shape.name,
    write,
    encode(value) {
      const writer = new protobuf.Writer();
      write(value, writer);
      return writer.finish(true);
    },
    decode: (bytes) => decodeWith(bytes, true),
    decodeView: (bytes) => decodeWith(bytes, false),
  };
}
