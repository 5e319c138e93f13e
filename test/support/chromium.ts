/**
 * Debian's Chromium, without a window, with a profile of its own and no way to any address but the test's own server.
 * It is not among what a fresh machine must have; `.ci/run` installs it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = 'chromium';

/** What it calls itself, or null when this machine has none. */
export function chromiumVersion(): string | null {
  const { status, stdout } = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8', timeout: 60_000 });
  return status === 0 ? stdout.trim() : null;
}

const QUIET = [
  '--headless=new',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
  '--no-first-run',
  '--no-default-browser-check',
  '--metrics-recording-only',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/** Opens a page of ours and resolves with what `work` does; rejects when the browser ends before. */
export async function withPage<T>(url: string, work: () => Promise<T>): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), 'assay-chromium-'));
  // Its sandbox wants a user other than root. Nothing is opened here but our own page.
  const root = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const child = spawn(PROGRAM, [...QUIET, ...root, `--user-data-dir=${profile}`, url], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-2_000)));
  try {
    return await Promise.race([work(), endOf(child, () => said)]);
  } finally {
    await stop(child);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

async function endOf(child: ChildProcess, said: () => string): Promise<never> {
  const failed = once(child, 'error').then(([error]) => Promise.reject(error as Error));
  const [code] = (await Promise.race([once(child, 'close'), failed])) as [number | null];
  throw new Error(`chromium ended with ${code}: ${said()}`);
}

/** With all of its processes: they are a group of their own. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const closed = once(child, 'close');
  process.kill(-child.pid, 'SIGKILL');
  await closed;
}
