/**
 * Joins a manifest with its parents (ACS 0.3.1-beta section 2.2): additive, and a name defined twice must mean
 * the same both times. Reading the files is the host's; this is only the algebra.
 */
import { fail } from '../base/errors.ts';
import { canonicalText } from '../codec/jcs.ts';
import { isObject, member, type JsonObject, type JsonValue } from './json.ts';

/** Members that are maps of named definitions. */
const MAPS: ReadonlySet<string> = new Set(['policies', 'intervention_points', 'tools', 'annotators']);

/** Merges documents in order, parents first; the result has no `extends`. Throws POLICY_EXTENDS_INVALID. */
export function mergeManifests(documents: readonly JsonObject[]): JsonObject {
  let merged: JsonObject = {};
  for (const { extends: _parents, ...document } of documents) merged = mergeTwo(merged, document);
  return merged;
}

function mergeTwo(a: JsonObject, b: JsonObject): JsonObject {
  return mergeMembers(a, b, (key, left, right) => {
    if (key === 'metadata') return mergeDeep(left, right, 'manifest.metadata');
    if (!MAPS.has(key) || !isObject(left) || !isObject(right))
      return identical(left, right, `manifest.${key}`);
    const at = `manifest.${key}`;
    return mergeMembers(left, right, (name, x, y) =>
      key === 'intervention_points' ? mergePoint(x, y, `${at}.${name}`) : identical(x, y, `${at}.${name}`),
    );
  });
}

/** Of an intervention point only the annotations may differ, and they are joined. */
function mergePoint(a: JsonValue, b: JsonValue, at: string): JsonValue {
  if (!isObject(a) || !isObject(b)) return identical(a, b, at);
  const { annotations: left, ...restA } = a;
  const { annotations: right, ...restB } = b;
  identical(restA, restB, at);
  if (left === undefined && right === undefined) return a;
  const annotations = mergeDeep(left ?? {}, right ?? {}, `${at}.annotations`);
  return { ...restA, annotations };
}

function mergeDeep(a: JsonValue, b: JsonValue, at: string): JsonValue {
  if (!isObject(a) || !isObject(b)) return identical(a, b, at);
  return mergeMembers(a, b, (key, x, y) => mergeDeep(x, y, `${at}.${key}`));
}

function mergeMembers(
  a: JsonObject,
  b: JsonObject,
  both: (key: string, left: JsonValue, right: JsonValue) => JsonValue,
): JsonObject {
  const entries = new Map(Object.entries(a));
  for (const [key, value] of Object.entries(b)) {
    const left = member(a, key);
    entries.set(key, left === undefined ? value : both(key, left, value));
  }
  return Object.fromEntries(entries);
}

function identical(a: JsonValue, b: JsonValue, at: string): JsonValue {
  if (canonicalText(a) !== canonicalText(b))
    fail('POLICY_EXTENDS_INVALID', `${at}: is defined differently in two manifests`);
  return a;
}
