/**
 * A whole service whose store process meets fdatasync and fsync calls that fail. The calls are intercepted in the
 * process (fsync-shim.c), so that the store sees what a device that lost a write tells it. It must answer nothing
 * over such a write, open its folder again and read it again before it serves, and lose nothing acknowledged.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { SEED } from '../support/crash.ts';
import { Follower, Held } from '../support/held.ts';
import { testFolder } from '../support/ledger.ts';
import { Line, type Load, startLoad } from '../support/load.ts';
import { random } from '../support/mutate.ts';
import { startSystem, type TestSystem } from '../support/system.ts';

const ROUNDS = 8;
const NOTICED_MS = 5_000;
/** Answers that were on their way when the first call failed have arrived by then. */
const UNDERWAY_MS = 100;

/** Which files cannot be made durable, by a part of their path, and whether decisions need them. */
const FAILING = [
  { what: 'the staged batch', path: '/stage/', decides: false },
  { what: 'published tiles', path: '/log/', decides: true },
  { what: 'everything', path: '/store/', decides: false },
] as const;

interface Shim {
  readonly flag: string;
  readonly log: string;
  readonly environment: Readonly<Record<string, string>>;
}

function compileShim(folder: string): Shim {
  const library = join(folder, 'fsync-shim.so');
  const source = join(import.meta.dirname, 'fsync-shim.c');
  execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library, source, '-ldl']);
  const [flag, log] = [join(folder, 'fails'), join(folder, 'failed')];
  return { flag, log, environment: { LD_PRELOAD: library, FSYNC_FAILS: flag, FSYNC_FAILED: log } };
}

/** Programs inherit our environment; the enclave gets none. */
async function withEnvironment<T>(
  values: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<T> {
  Object.assign(process.env, values);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(values)) delete process.env[name];
  }
}

const failures = ({ log }: Shim): string[] =>
  existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];

/** The last segment of the stage, by number and inode: a reopened store has written it afresh. */
function lastSegment(store: string): string {
  const name =
    readdirSync(join(store, 'stage'))
      .filter((one) => one.endsWith('.wal'))
      .sort()
      .at(-1) ?? 'none';
  // A file system may give a new file the number of one that is gone; not its time of birth.
  const { ino, birthtimeNs } = statSync(join(store, 'stage', name), { bigint: true });
  return `${name} ${ino} ${birthtimeNs}`;
}

interface Scene {
  readonly target: TestSystem;
  readonly shim: Shim;
  readonly held: Held;
  readonly load: Load;
  readonly observer: Line;
  readonly next: () => number;
}

async function failOnce(scene: Scene, { path, decides }: (typeof FAILING)[number]): Promise<void> {
  const { target, shim, held, load, observer, next } = scene;
  load.pace = 0;
  await load.more(50);
  await sleep(next() * 60);
  const segment = lastSegment(target.store);
  writeFileSync(shim.flag, path);
  const deadline = performance.now() + NOTICED_MS;
  for (;;) {
    const { state, code } = await observer.with((client) => client.status());
    if (state === 'LOG_UNAVAILABLE') {
      expect(code).toBe('STORE_FSYNC_FAILED');
      break;
    }
    expect(performance.now(), `calls for ${path} fail, and Status says nothing`).toBeLessThan(deadline);
  }
  expect(failures(shim).at(-1)).toContain(path);
  load.pace = 20;
  await sleep(UNDERWAY_MS);
  const acknowledged = held.acknowledged.length;
  await sleep(next() * 300);
  if (!decides) expect(held.acknowledged.length, 'acknowledged while no sync succeeds').toBe(acknowledged);
  rmSync(shim.flag);
  await load.more(50);
  expect(lastSegment(target.store)).not.toBe(segment);
}

it(`loses nothing to ${ROUNDS * FAILING.length} failing syncs (seed ${SEED})`, {
  timeout: 300_000,
}, async () => {
  using folder = testFolder({ real: true });
  const shim = compileShim(folder.path);
  const target = await withEnvironment(shim.environment, () => startSystem(folder.path));
  const held = new Held();
  const load = startLoad(target, held, { lines: 2, callers: 24 });
  const observer = new Line(target.connect);
  const scene: Scene = { target, shim, held, load, observer, next: random(SEED) };
  try {
    const follower = new Follower(target.store);
    for (let round = 0; round < ROUNDS; round++)
      for (const failing of FAILING) {
        await failOnce(scene, failing);
        await follower.check(held);
      }
    await load.stop();
    expect([...load.errors.keys()]).toEqual(['LOG_UNAVAILABLE']);
    expect(new Set(held.epochs).size).toBe(1);
    // What survives is what is on the disk, not what a process remembers.
    await target.system.restart('store');
    await target.system.restart('hardware');
    const whole = new Follower(target.store);
    await whole.check(held);
    const report = await held.audit(target.store, join(folder.path, 'bundle'), target.trust);
    expect(report, JSON.stringify(report.findings)).toMatchObject({ verdict: 'trusted', code: null });
    console.log(
      `${failures(shim).length} syncs failed in ${ROUNDS * FAILING.length} spells, seed ${SEED}: ` +
        `${held.acknowledged.length} acknowledged, ${load.errors.get('LOG_UNAVAILABLE')} refused, ${report.size} logged`,
    );
  } finally {
    observer.close();
    await load.stop().catch(() => undefined);
    await target.system.stop();
  }
});
