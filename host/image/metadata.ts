/** Which fields of an image's metadata differ. The metadata is not measured: nothing in it is proof of anything. */
import { AssayError } from '../../src/base/errors.ts';
import { isObject } from '../../src/codec/json-shape.ts';
import { type JsonValue, parseJson } from '../../src/codec/json.ts';

const MAX_SHOWN = 8;

/** `BuildMetadata.BuildTime, ImageName`; null when one of them is no JSON. */
export function metadataChanges(before: Uint8Array, after: Uint8Array): string | null {
  const [a, b] = [read(before), read(after)];
  if (a === undefined || b === undefined) return null;
  const paths = changes(a, b, '');
  if (paths.length === 0) return 'the same values, written otherwise';
  const more = paths.length - MAX_SHOWN;
  return paths.slice(0, MAX_SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function read(bytes: Uint8Array): JsonValue | undefined {
  try {
    return parseJson(bytes, { maxBytes: 1_048_576, maxDepth: 16, path: 'metadata' });
  } catch (error) {
    if (error instanceof AssayError) return undefined;
    throw error;
  }
}

function changes(a: JsonValue | undefined, b: JsonValue | undefined, path: string): readonly string[] {
  if (a !== undefined && b !== undefined && isObject(a) && isObject(b)) {
    const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
    return names.flatMap((name) =>
      changes(field(a, name), field(b, name), path === '' ? name : `${path}.${name}`),
    );
  }
  return JSON.stringify(a) === JSON.stringify(b) ? [] : [path === '' ? 'all' : path];
}

const field = (object: { readonly [name: string]: JsonValue }, name: string): JsonValue | undefined =>
  Object.hasOwn(object, name) ? object[name] : undefined;
