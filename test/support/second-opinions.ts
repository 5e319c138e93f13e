/** What other CBOR libraries make of the same bytes, in one comparable form. */
import { decode, Tagged } from 'cborg';
import { Decoder } from 'cbor-x';
import { toHex } from '../../src/base/hex.ts';

/** Integers as decimal text, bytes as hex, maps as sorted pairs: free of what the libraries differ in. */
export function plain(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'bigint') return `int ${value}`;
  if (value instanceof Uint8Array) return `bytes ${toHex(value)}`;
  if (typeof value === 'string') return `text ${value}`;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) {
    const pairs = [...value].map(([key, item]) => [String(plain(key)), plain(item)] as const);
    return pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  }
  if (typeof value === 'object' && value !== null && 'tag' in value && 'value' in value)
    return { tag: value.tag, value: plain(value.value) };
  return value;
}

/** The tag numbers in a decoded tree. */
export function tagsIn(value: unknown): readonly number[] {
  if (Array.isArray(value)) return value.flatMap(tagsIn);
  if (value instanceof Map) return [...value.values()].flatMap(tagsIn);
  if (typeof value === 'object' && value !== null && 'tag' in value && 'value' in value)
    return [value.tag as number, ...tagsIn(value.value)];
  return [];
}

/** cbor-x interprets dates, bignums and shared references by their tags, so it judges untagged values only. */
export function plainCborX(bytes: Uint8Array): unknown {
  return plain(new Decoder({ mapsAsObjects: false, useRecords: false }).decode(bytes));
}

/** `tags` are the numbers to expect; cborg refuses others. */
export function plainCborg(bytes: Uint8Array, tags: readonly number[] = []): unknown {
  return plain(
    decode(bytes, { useMaps: true, rejectDuplicateMapKeys: true, tags: Tagged.preserve(...new Set(tags)) }),
  );
}
