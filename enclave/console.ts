/**
 * The console: one JSON object a line, from an allow-list of fields. It never carries a snapshot, an argument, a
 * message of a dependency, or anything else that a caller or a key could have put into it.
 */
import { AssayError } from '../src/base/errors.ts';

export interface Line {
  readonly event:
    | 'booting'
    | 'measured'
    | 'keyring'
    | 'recovered'
    | 'booted'
    | 'serving'
    | 'sealed'
    | 'policy'
    | 'problem'
    | 'refused'
    | 'stopped';
  readonly code?: string;
  readonly detail?: string;
  readonly origin?: string;
  readonly epoch?: number;
  readonly size?: number;
  readonly number?: number;
  readonly ms?: number;
  readonly port?: number;
  /** Resident memory of the evaluator. */
  readonly rssMib?: number;
}

export type Console = (line: Line) => void;

export function createConsole(write: (text: string) => void): Console {
  return (line) => write(`${JSON.stringify(line)}\n`);
}

/** Our own errors may be shown: their messages hold no secrets. Foreign ones are named, not quoted. */
export function problemLine(event: 'problem' | 'refused', error: unknown): Line {
  if (error instanceof AssayError) return { event, code: error.code, detail: error.message };
  return { event, code: 'INTERNAL', detail: error instanceof Error ? error.name : 'unknown' };
}
