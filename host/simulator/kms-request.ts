/** Requests of the custodian's protocol: their fields, and the service's names for what is wrong with them. */
import type { JsonValue } from '../../src/codec/json.ts';

export type Fields = { readonly [name: string]: JsonValue };

/** An awsJson error with the service's name for it. */
export class KmsFailure extends Error {
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

export const deny = (message: string): never => {
  throw new KmsFailure('AccessDeniedException', message);
};

export const invalid = (message: string): never => {
  throw new KmsFailure('ValidationException', message);
};

export function object(value: JsonValue | undefined, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return invalid(`${what} is not an object`);
  return value as Fields;
}

export function text(fields: Fields, name: string): string {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === 'string' ? value : invalid(`${name} is not text`);
}
