/** Runs build tools: each to its end, its output in a bounded tail or a file, its environment only what is given. */
import { type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fail } from '../src/base/errors.ts';

export interface Ran {
  readonly status: number;
  /** The last bytes of standard output and standard error. */
  readonly output: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Gets the whole output in place of the tail. */
  readonly log?: string;
  readonly timeoutMs?: number;
}

const TAIL = 65_536;
const DEFAULT_TIMEOUT_MS = 3_600_000;
/** Locale, time zone and the user's settings change what some tools write. */
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC' };

/** Resolves with the status, 127 for a program that is not there; never rejects for a status. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<Ran> {
  const log = options.log === undefined ? null : openSync(options.log, 'a');
  const spawning: SpawnOptions = {
    cwd: options.cwd,
    env: { ...ENVIRONMENT, ...options.env },
    stdio: log === null ? ['ignore', 'pipe', 'pipe'] : ['ignore', log, log],
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  };
  try {
    return await new Promise((resolve) => {
      let output = '';
      const child = spawn(program, args, spawning);
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding('utf8').on('data', (text: string) => {
          output = (output + text).slice(-TAIL);
        });
      child.once('error', () => resolve({ status: 127, output: `${program} cannot be started` }));
      child.once('close', (status) => resolve({ status: status ?? 1, output }));
    });
  } finally {
    if (log !== null) closeSync(log);
  }
}

export const lastLine = (text: string): string => text.trim().split('\n').pop()?.slice(0, 200) ?? '';

/** Throws BUILD_FAILED with the tool's last line, or where its log is. */
export async function mustRun(
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<string> {
  const { status, output } = await runProgram(program, args, options);
  if (status === 127) fail('TOOL_MISSING', `${program} is not installed`);
  if (status !== 0)
    fail('BUILD_FAILED', `${program} ${args[0] ?? ''}: ${options.log ?? lastLine(output)}`.trim());
  return output;
}
