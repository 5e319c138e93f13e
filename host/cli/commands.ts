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
    name: 'run',
    summary: 'starts an enclave with its relay on embedded defaults',
    run: async (args, io) => (await import('./run.ts')).run(args, io),
  },
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
    name: 'decide',
    summary: 'asks for one decision; the first line is ALLOW or DENY',
    run: async (args, io) => (await import('./decide.ts')).run(args, io),
  },
  {
    name: 'status',
    summary: 'shows the state of a service',
    run: async (args, io) => (await import('./status.ts')).run(args, io),
  },
  {
    name: 'policy',
    summary: 'builds, checks, signs and loads policy bundles',
    run: async (args, io) => (await import('./policy.ts')).run(args, io),
  },
  {
    name: 'audit',
    summary: 'exports a log as one folder, and judges it offline',
    run: async (args, io) => (await import('./audit.ts')).run(args, io),
  },
  {
    name: 'receipt',
    summary: 'judges a receipt offline, and whether it lets an action happen',
    run: async (args, io) => (await import('./receipt.ts')).run(args, io),
  },
  {
    name: 'image',
    summary: 'builds, measures, compares and signs enclave images',
    run: async (args, io) => (await import('./image.ts')).run(args, io),
  },
  {
    name: 'collateral',
    summary: 'fetches from Intel and AMD what evidence is judged with, as one bundle',
    run: async (args, io) => (await import('./collateral.ts')).run(args, io),
  },
  {
    name: 'simulate',
    summary: 'writes evidence of simulated hardware, to test verifiers with',
    run: async (args, io) => (await import('./simulate.ts')).run(args, io),
  },
];
