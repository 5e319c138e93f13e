/** CBOR as a tree of values, for tools and tests; formats are read with the cursor. */
import { type CborOptions, CborReader } from './cbor-reader.ts';

export interface CborTag {
  readonly tag: number;
  readonly value: CborValue;
}

/** Integers are numbers where that is exact, else bigints. */
export type CborValue =
  | number
  | bigint
  | string
  | Uint8Array
  | boolean
  | null
  | readonly CborValue[]
  | ReadonlyMap<string | number, CborValue>
  | CborTag;

/** Exactly one item, under all rules of the reader. */
export function decodeCbor(bytes: Uint8Array, options?: CborOptions): CborValue {
  const reader = new CborReader(bytes, options);
  const value = readValue(reader);
  reader.end();
  return value;
}

/** The next item of a cursor. */
export function readValue(reader: CborReader): CborValue {
  switch (reader.peek()) {
    case 'uint':
    case 'nint':
      return reader.integer();
    case 'bytes':
      return reader.bytes();
    case 'text':
      return reader.text();
    case 'bool':
      return reader.bool();
    case 'null':
      reader.skip();
      return null;
    case 'array': {
      const items: CborValue[] = [];
      reader.array(() => items.push(readValue(reader)));
      return Object.freeze(items);
    }
    case 'map': {
      const pairs = new Map<string | number, CborValue>();
      reader.map((key) => pairs.set(key, readValue(reader)));
      return pairs;
    }
    case 'tag':
      return reader.tagged((tag) => Object.freeze({ tag, value: readValue(reader) }));
  }
}
