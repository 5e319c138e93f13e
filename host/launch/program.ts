/** Starts one of our programs as a process of its own and waits for its ready line (one JSON object on stdout). */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { existsSync } from 'node:fs';
import { CODES } from '../../src/base/codes/index.ts';
import { AssayError, type Code, fail } from '../../src/base/errors.ts';
import { CHECKOUT } from './home.ts';

export interface Program {
  readonly name: string;
  readonly child: ChildProcess;
  /** The ready line. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Resolves when the process is gone, with its last words. */
  readonly ended: Promise<{
    readonly status: number | null;
    readonly signal: string | null;
    readonly stderr: string;
  }>;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

const READY_MS = 30_000;
/** What does not go when it is told to, goes without being asked. */
const GOODBYE_MS = 10_000;
const STDERR_KEPT = 8_192;
const MAX_MESSAGE = 400;
const running = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Programs are always the compiled ones. */
function pathOf(program: string): string {
  const path = join(CHECKOUT, 'dist', program);
  return existsSync(path) ? path : fail('NOT_BUILT', `${path} is absent; run 'make build'`);
}

/** A program that refuses says `CODE: message` on stderr, perhaps with a hint after it; that becomes the error. */
function refusal(name: string, stderr: string): AssayError {
  const lines = stderr.trim().split('\n');
  for (const line of lines.toReversed()) {
    const [, code, message] = /\b([A-Z][A-Z0-9_]{3,}): (.*)$/.exec(line) ?? [];
    if (code !== undefined && message !== undefined && Object.hasOwn(CODES, code))
      return new AssayError(code as Code, message.slice(0, MAX_MESSAGE));
  }
  const last = (lines.at(-1) ?? '').slice(0, MAX_MESSAGE);
  return new AssayError('PROGRAM_FAILED', `${name} ended before it was ready: ${last}`);
}

export interface StartOptions {
  /** Sees each line of stdout after the ready line. */
  readonly onLine?: (line: string) => void;
  /** How long it may take to be ready; 30 s unless told. */
  readonly readyMs?: number;
}

export async function startProgram(
  name: string,
  program: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Program> {
  const child = spawn(process.execPath, ['--no-warnings', pathOf(program), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: false,
  });
  running.add(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT);
  });
  const ended = new Promise<Awaited<Program['ended']>>((resolve) => {
    child.once('close', (status, signal) => {
      running.delete(child);
      resolve({ status, signal, stderr });
    });
  });
  const lines = createInterface({ input: child.stdout });
  let timer: NodeJS.Timeout | undefined;
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const readyMs = options.readyMs ?? READY_MS;
    timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new AssayError('PROGRAM_FAILED', `${name} was not ready within ${readyMs} ms`));
    }, readyMs);
    child.once('error', (cause) =>
      reject(new AssayError('PROGRAM_FAILED', `${name} cannot be started`, { cause })),
    );
    void ended.then(({ stderr: last }) => reject(refusal(name, last)));
    lines.on('line', (line) => {
      const parsed = parseLine(line);
      if (parsed !== null && isReady(parsed)) resolve(parsed);
      else options.onLine?.(line);
    });
  }).finally(() => clearTimeout(timer));
  return {
    name,
    child,
    ready,
    ended,
    async kill(signal = 'SIGTERM') {
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), GOODBYE_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Programs say `"ready": …` or `"event": "ready"`. */
function isReady(line: Readonly<Record<string, unknown>>): boolean {
  return Object.hasOwn(line, 'ready') || line['event'] === 'ready';
}

function parseLine(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}
