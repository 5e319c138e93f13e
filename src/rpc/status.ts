/**
 * Errors on the wire: a google.rpc.Status whose message is `CODE: text`. Only errors that Assay itself raised
 * carry text; anything else is a defect and says nothing about itself.
 */
import { CODES, type CodeKind } from '../base/codes/index.ts';
import { AssayError, type Code } from '../base/errors.ts';
import type { TtrpcStatus } from './messages.ts';

/** google.rpc.Code, for clients that know no Assay codes. */
const RPC_CODE: Readonly<Record<CodeKind, number>> = {
  malformed: 3, // INVALID_ARGUMENT
  refused: 9, // FAILED_PRECONDITION
  unacceptable: 9,
  undetermined: 14, // UNAVAILABLE
  unauthentic: 16, // UNAUTHENTICATED
};

const EXACT_CODE: Partial<Record<Code, number>> = {
  INTERNAL: 13,
  RPC_METHOD_UNKNOWN: 12, // UNIMPLEMENTED
  RPC_TIMEOUT: 4, // DEADLINE_EXCEEDED
  FRAME_TOO_LARGE: 8, // RESOURCE_EXHAUSTED
  STREAMS_EXCEEDED: 8,
  PRINCIPAL_UNKNOWN: 7, // PERMISSION_DENIED
};

const MAX_TEXT = 1_024;

export function statusOf(error: unknown): TtrpcStatus {
  const known = error instanceof AssayError && error.code !== 'INTERNAL';
  const code = known ? error.code : 'INTERNAL';
  const text = known ? error.message.slice(0, MAX_TEXT).toWellFormed() : 'a defect in the service';
  return { code: EXACT_CODE[code] ?? RPC_CODE[CODES[code].kind], message: `${code}: ${text}`, details: [] };
}

/** What a peer says is shown to people: bounded, and without characters that a terminal would obey. */
function printable(text: string): string {
  return text.slice(0, MAX_TEXT).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

/** The server's own code where it is catalogued, else RPC_REMOTE_ERROR with what it said. */
export function errorOf(status: TtrpcStatus): AssayError {
  const colon = status.message.indexOf(': ');
  const code = status.message.slice(0, Math.max(0, colon));
  if (Object.hasOwn(CODES, code))
    return new AssayError(code as Code, printable(status.message.slice(colon + 2)));
  return new AssayError('RPC_REMOTE_ERROR', `code ${status.code}: ${printable(status.message)}`);
}
