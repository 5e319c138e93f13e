/** Reads the shape of documents: known members only, required ones present, each of its type, named in the error. */
import { fail, type Code } from '../base/errors.ts';
import { isArray, isObject, member, type JsonObject, type JsonValue } from './json.ts';

export interface Shape {
  fail(at: string, problem: string): never;
  object(value: JsonValue | undefined, at: string): JsonObject;
  /** An object that has no other members than these. */
  closed(value: JsonValue | undefined, at: string, allowed: ReadonlySet<string>): JsonObject;
  /** A non-empty string of at most `max` UTF-16 units, 1,024 unless told. */
  text(value: JsonValue | undefined, at: string, max?: number): string;
  array(value: JsonValue | undefined, at: string, max: number): readonly JsonValue[];
  /** The members of a map with non-empty names, at most `max` of them. */
  entries(value: JsonValue | undefined, at: string, max: number): readonly (readonly [string, JsonValue])[];
}

const MAX_NAME = 256;

/** A reader for one kind of document: every problem is `code` with the place, as `manifest.tools.search`. */
export function shapeOf(code: Code): Shape {
  const shape: Shape = {
    fail: (at, problem) => fail(code, `${at}: ${problem}`),
    object(value, at) {
      if (value === undefined) shape.fail(at, 'is missing');
      if (!isObject(value)) shape.fail(at, 'must be an object');
      return value;
    },
    closed(value, at, allowed) {
      const object = shape.object(value, at);
      for (const key of Object.keys(object)) {
        if (!allowed.has(key)) shape.fail(`${at}.${key}`, 'is not a known member');
      }
      return object;
    },
    text(value, at, max = 1_024) {
      if (value === undefined) shape.fail(at, 'is missing');
      if (typeof value !== 'string') shape.fail(at, 'must be a string');
      if (value.length === 0 || value.length > max) shape.fail(at, `must have 1 to ${max} characters`);
      return value;
    },
    array(value, at, max) {
      if (value === undefined) shape.fail(at, 'is missing');
      if (!isArray(value)) shape.fail(at, 'must be a list');
      if (value.length > max) shape.fail(at, `must have at most ${max} entries`);
      return value;
    },
    entries(value, at, max) {
      const object = shape.object(value, at);
      const names = Object.keys(object);
      if (names.length > max) shape.fail(at, `must have at most ${max} entries`);
      return names.map((name) => {
        if (name.length === 0 || name.length > MAX_NAME)
          shape.fail(at, `names have 1 to ${MAX_NAME} characters`);
        return [name, member(object, name) as JsonValue] as const;
      });
    },
  };
  return Object.freeze(shape);
}
