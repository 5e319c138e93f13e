/** The store program, started and killed by tests. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

export const STORE_MAIN = resolve(import.meta.dirname, '../../host/store/main.ts');

export interface StoreProcess {
  readonly socket: string;
  readonly ready: Readonly<Record<string, unknown>>;
  /** Resolves with the exit status once the process has ended; null when a signal ended it. */
  stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>;
  /** Closes our end of its input, as the end of this process would. Resolves as `stop`. */
  abandon(): Promise<number | null>;
}

/** Starts it on a folder, with its socket beside it unless said; resolves when it listens. */
export async function startStore(
  dir: string,
  options: readonly string[] = [],
  socket: string = `${dir}.sock`,
): Promise<StoreProcess> {
  const args = ['--no-warnings', STORE_MAIN, '--dir', dir, '--listen', `unix:${socket}`, ...options];
  // A pipe to its input takes it along if this test fails before it stops it.
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((done) => child.once('exit', (status) => done(status)));
  const lines = createInterface({ input: child.stdout });
  const ready = await Promise.race([
    new Promise<Record<string, unknown>>((done) => {
      lines.on('line', (line) => done(JSON.parse(line) as Record<string, unknown>));
    }),
    ended.then((status) => {
      throw new Error(`the store ended with status ${status} before it listened`);
    }),
  ]);
  return {
    socket,
    ready,
    stop(signal) {
      child.kill(signal);
      return ended;
    },
    abandon() {
      child.stdin.end();
      return ended;
    },
  };
}
