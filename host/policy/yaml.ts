/** YAML as far as it is JSON: bounded, no aliases, no duplicate keys, no tags, no number that would be rounded. */
import { load } from 'js-yaml';
import { fail } from '../../src/base/errors.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';

const MAX_CHARACTERS = 1_048_576;
const MAX_DEPTH = 62;

/** Reads one YAML 1.2 document that is a mapping; `name` says which file in errors (POLICY_SOURCE_INVALID). */
export function parseYaml(text: string, name: string): JsonObject {
  if (text.length > MAX_CHARACTERS) fail('POLICY_SOURCE_INVALID', `${name}: is larger than 1 MiB`);
  let value: unknown;
  try {
    // Aliases could make a small file expand without end; nothing in a manifest needs them.
    value = load(text, { filename: name, maxAliases: 0, maxDepth: MAX_DEPTH });
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    return fail('POLICY_SOURCE_INVALID', `${name}: ${reason}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('POLICY_SOURCE_INVALID', `${name}: must be a mapping`);
  checkJson(value as JsonValue, name);
  return value as JsonObject;
}

/** js-yaml reads 20-digit integers as the nearest double without a word; infinities are not JSON at all. */
function checkJson(value: JsonValue, at: string): void {
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
      fail('POLICY_SOURCE_INVALID', `${at}: the number cannot be held exactly; write it as text`);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) checkJson(item as JsonValue, `${at}.${key}`);
  }
}
