/** What our programs do alike: read files they are given, go with their parent, say their error. */
import { fstatSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { catalogued } from '../src/base/codes/index.ts';
import { AssayError } from '../src/base/errors.ts';

/** Throws USAGE naming the file. */
export function readInput(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new AssayError('USAGE', `cannot read ${path}`, { cause });
  }
}

/** One JSON object on a line of standard output. */
export function say(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Whoever started us through a pipe takes us along when it ends. */
export function onAbandoned(stop: () => void): void {
  const input = fstatSync(0, { throwIfNoEntry: false });
  if (input === undefined || !(input.isFIFO() || input.isSocket())) return;
  const { stdin } = process;
  stdin.on('error', stop).once('end', stop).resume();
  // The watch alone is no reason to go on. What is a FIFO or a socket is read through one.
  (stdin as unknown as Socket).unref();
}

/** Runs it; a refusal is `CODE: message` on standard error and status 2 for bad input, else 1. */
export async function asProgram(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const flags =
      error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
    const problem = flags ? new AssayError('USAGE', (error as Error).message) : error;
    if (!(problem instanceof AssayError)) throw problem;
    process.stderr.write(`${problem.code}: ${problem.message}\n`);
    process.exitCode = catalogued(problem).kind === 'malformed' ? 2 : 1;
  }
}
