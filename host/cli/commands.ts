/** The table of commands. Each is loaded when it runs, so that `assay verify` starts without the rest. */
import type { Io } from './io.ts';

export interface Command {
  readonly name: string;
  /** One line for --help. */
  readonly summary: string;
  /** Returns the exit status; throws AssayError for what it cannot do. */
  readonly run: (args: readonly string[], io: Io) => Promise<number>;
}

export const COMMANDS: readonly Command[] = [
  {
    name: 'verify',
    summary: 'judges evidence in a file or of a running service',
    run: async (args, io) => (await import('./verify.ts')).run(args, io),
  },
  {
    name: 'inspect',
    summary: 'shows what evidence says, without judging it',
    run: async (args, io) => (await import('./inspect.ts')).run(args, io),
  },
  {
    name: 'trust',
    summary: 'makes, shows and checks trust policies',
    run: async (args, io) => (await import('./trust.ts')).run(args, io),
  },
  {
    name: 'policy',
    summary: 'builds, checks and signs policy bundles',
    run: async (args, io) => (await import('./policy.ts')).run(args, io),
  },
];
