/** How commands end: one line for an error, and the exit status of design section 3, rule 2. */
import { catalogued, type CodeKind } from '../../src/base/codes/index.ts';
import { AssayError } from '../../src/base/errors.ts';
import type { Verdict } from '../../verifier/index.ts';
import type { Io } from './io.ts';

/** 0 is success. */
export const EXIT = { rejected: 1, malformed: 2, authentic: 3, undetermined: 4 } as const;

const BY_KIND: Readonly<Record<CodeKind, number>> = {
  malformed: EXIT.malformed,
  unauthentic: EXIT.rejected,
  unacceptable: EXIT.rejected,
  refused: EXIT.rejected,
  undetermined: EXIT.undetermined,
};

/** `assay: CODE: message; remedy` on one line. Anything that is not ours is INTERNAL, with its stack on demand. */
export function reportError(error: unknown, io: Io): number {
  const known =
    error instanceof AssayError ? error : new AssayError('INTERNAL', String(error), { cause: error });
  io.err(`assay: ${known.code}: ${printable(known.message)}; ${catalogued(known).remedy}\n`);
  if (process.env['ASSAY_DEBUG'] === '1' && error instanceof Error) io.err(`${error.stack}\n`);
  return BY_KIND[catalogued(known).kind];
}

/** `failure`: what decided the verdict; its kind tells bad bytes (2) from bad evidence (1). */
export function exitStatus(verdict: Verdict, failure: AssayError | null, authenticOnly: boolean): number {
  if (verdict.verdict === 'trusted') return 0;
  if (verdict.verdict === 'authentic') return authenticOnly ? 0 : EXIT.authentic;
  if (verdict.verdict === 'undetermined') return EXIT.undetermined;
  return failure === null ? EXIT.rejected : BY_KIND[catalogued(failure).kind];
}

/** Text from outside for a terminal: everything but printable ASCII is spelled out, so that nothing moves the cursor. */
export function printable(text: string): string {
  return text.replace(/[^ -~]/gu, (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`);
}
