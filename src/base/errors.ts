/**
 * Typed errors. A caller tells failures apart by `code`, never by message: codes are stable and catalogued in
 * `codes/`, with what each means and what to do about it; the catalogue is not needed to judge. Messages never hold keys, plaintext or other secrets.
 */
import type { Code } from './codes/index.ts';
import { UNDETERMINED } from './undetermined.ts';

export type { Code };

/** Any failure that Assay itself found. */
export class AssayError extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AssayError';
    this.code = code;
  }

  /** Whether something needed is missing, rather than something wrong: no verdict but `undetermined` follows. */
  get undetermined(): boolean {
    return UNDETERMINED.has(this.code);
  }
}

/** Bytes that are not what they should be; says where. */
export class ParseError extends AssayError {
  /** Byte offset (for text: UTF-16 offset) in the outermost input where reading stopped. */
  readonly offset: number;
  /** What was being read, as `document.payload.pcrs[4]`; empty at the top. */
  readonly path: string;

  constructor(code: Code, message: string, offset: number, path = '', options?: ErrorOptions) {
    super(code, `${path === '' ? '' : `${path}: `}${message} (at byte ${offset})`, options);
    this.name = 'ParseError';
    this.offset = offset;
    this.path = path;
  }
}

/** Throws; usable as an expression: `map.get(k) ?? fail('NITRO_FIELD_MISSING', 'no module_id')`. */
export function fail(code: Code, message: string, options?: ErrorOptions): never {
  throw new AssayError(code, message, options);
}

/** The code of any thrown value; a foreign exception is a defect of ours. */
export function codeOf(error: unknown): Code {
  return error instanceof AssayError ? error.code : 'INTERNAL';
}
