/** The frame of the story: numbered steps, lines with a result, and the account of what did not hold. */
import { styleText } from 'node:util';
import { AssayError, type Code, codeOf } from '../../src/base/errors.ts';
import type { Io } from '../cli/io.ts';

export interface Teller {
  step(title: string): void;
  /** A result with a short reason; `ok` says whether it is what must happen. */
  line(ok: boolean, result: string, text: string): void;
  note(text: string): void;
  /** Runs an attack: it must be refused with one of these codes. */
  refused(text: string, expected: readonly Code[], attack: () => Promise<unknown>): Promise<void>;
  readonly broken: readonly string[];
}

const WIDTH = 30;

export function createTeller(io: Io): Teller {
  const broken: string[] = [];
  let step = 0;
  const colour = (style: 'green' | 'red' | 'bold' | 'dim', text: string): string =>
    io.isTty ? styleText(style, text) : text;

  function line(ok: boolean, result: string, text: string): void {
    if (!ok) broken.push(`${result}: ${text}`);
    io.out(
      `   ${colour(ok ? 'green' : 'red', result.padEnd(WIDTH))} ${text}${ok ? '' : '   <- NOT AS IT MUST BE'}\n`,
    );
  }

  return {
    line,
    broken,
    step(title) {
      step++;
      io.out(`\n${colour('bold', `${step}. ${title}`)}\n`);
    },
    note: (text) => io.out(`   ${colour('dim', text)}\n`),
    async refused(text, expected, attack) {
      let code: Code | null = null;
      let why = '';
      try {
        await attack();
      } catch (error) {
        code = codeOf(error);
        why = error instanceof AssayError ? '' : ` (${String(error)})`;
      }
      if (code === null) line(false, 'NOT REFUSED', text);
      else line(expected.includes(code), code, `${text}${why}`);
    },
  };
}
