/** Vectors are data files in test/vectors; this reads them. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CborValue } from '../../src/codec/cbor.ts';
import { fromHex } from '../../src/base/hex.ts';

export interface VectorFile<Case> {
  readonly source: string;
  readonly cases: readonly Case[];
}

export function vectors<Case>(file: string): VectorFile<Case> {
  const path = resolve(import.meta.dirname, '../vectors', file);
  return JSON.parse(readFileSync(path, 'utf8')) as VectorFile<Case>;
}

/** A CBOR value as vector files write it: `$bytes`, `$big`, `$map` and `$tag` stand for what JSON lacks. */
export function cborFromJson(value: unknown): CborValue {
  if (Array.isArray(value)) return value.map(cborFromJson);
  if (typeof value !== 'object' || value === null) return value as CborValue;
  const object = value as Record<string, unknown>;
  if ('$bytes' in object) return fromHex(object['$bytes'] as string);
  if ('$big' in object) return BigInt(object['$big'] as string);
  if ('$tag' in object) return { tag: object['$tag'] as number, value: cborFromJson(object['value']) };
  const pairs = object['$map'] as [string | number, unknown][];
  return new Map(pairs.map(([key, item]) => [key, cborFromJson(item)]));
}
