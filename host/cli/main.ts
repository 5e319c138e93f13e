/** The program `assay`: picks a command, runs it, and turns whatever it throws into one line and an exit status. */
import { fail } from '../../src/base/errors.ts';
import { COMMANDS } from './commands.ts';
import { reportError } from './errors.ts';
import { type Io, processIo } from './io.ts';

/** The table that `assay --help` prints. */
export function helpText(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const rows = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`);
  return `Usage: assay COMMAND [options]\n\n${rows.join('')}\nassay COMMAND --help says more. Every command has --json.\n`;
}

/** Never throws; returns the exit status. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  try {
    if (name === undefined || name === '--help' || name === '-h') {
      io.out(helpText());
      return name === undefined ? 2 : 0;
    }
    const command = COMMANDS.find((candidate) => candidate.name === name);
    if (command === undefined) return fail('USAGE', `assay: no command ${JSON.stringify(name)}`);
    return await command.run(rest, io);
  } catch (error) {
    return reportError(error, io);
  }
}

// The exit code is set, not forced: what is still in the pipe of a slow reader must get out.
if (import.meta.main) {
  // A reader that has seen enough, as `head` has, is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  process.exitCode = await main(process.argv.slice(2), processIo());
}
