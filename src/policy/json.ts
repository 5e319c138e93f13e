/** Small helpers over parsed JSON. Members are read only when the object itself has them, never its prototype. */
import type { JsonObject, JsonValue } from '../codec/json.ts';

export type { JsonObject, JsonValue };

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** The member, or undefined when the object does not have it as its own. */
export function member(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Freezes a parsed tree; its depth is bounded by the reader that made it. */
export function freezeJson<T extends JsonValue>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const key of Object.keys(value)) freezeJson((value as JsonObject)[key] as JsonValue);
  }
  return value;
}
