/**
 * kill -9 of the enclave, the store and the relay of a whole service under load, at random moments. A supervisor
 * starts again what died. Nothing that a client was ever given a receipt for is lost or changed, no size of the log
 * has two roots, and the service says so while it cannot log.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { AssayClient } from '../../host/client/index.ts';
import type { System } from '../../host/launch/index.ts';
import { Follower, Held } from '../support/held.ts';
import { testFolder } from '../support/ledger.ts';
import { Line, type Load, startLoad } from '../support/load.ts';
import { random } from '../support/mutate.ts';
import { decide, startSystem, type TestSystem } from '../support/system.ts';
import { POINTS, SEED } from '../support/crash.ts';

type Victim = 'enclave' | 'store' | 'relay';

const CALLERS = 48;
const IN_FLIGHT = 16;
const LINES = 4;
/** The store's death is noticed by its closed connection, so at once; the rest is for a busy machine. */
const NOTICED_MS = 2_000;
const REFUSED_MS = 1_000;
const AUDIT_EVERY = 10;
/** How often a second part dies at the same moment; these come on top of the points. */
const TWICE = 0.12;
/** As a supervisor would: the enclave needs its store. */
const RESTARTS = ['store', 'enclave', 'relay'] as const;

interface Scene {
  readonly target: TestSystem;
  readonly held: Held;
  readonly load: Load;
  /** Asks for status and receipts. */
  readonly observer: Line;
  readonly next: () => number;
  readonly codes: Map<string, number>;
}

function shuffled(next: () => number): Victim[] {
  const victims = (['enclave', 'store', 'relay'] as const).flatMap((one) => Array<Victim>(POINTS).fill(one));
  for (let i = victims.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [victims[i], victims[j]] = [victims[j] as Victim, victims[i] as Victim];
  }
  return victims;
}

/** The enclave is killed itself; the simulated hardware around it ends with it. */
async function kill(system: System, victim: Victim): Promise<void> {
  if (victim === 'enclave') {
    process.kill(Number(system.hardware.ready['pid']), 'SIGKILL');
    const { status } = await system.hardware.ended;
    expect(status).toBe(1);
  } else await system[victim].kill('SIGKILL');
}

async function withoutStore({ observer, codes }: Scene): Promise<void> {
  const deadline = performance.now() + NOTICED_MS;
  for (;;) {
    const { state, code } = await observer.with((client) => client.status());
    if (state === 'LOG_UNAVAILABLE') {
      codes.set(code, (codes.get(code) ?? 0) + 1);
      break;
    }
    expect(performance.now(), 'the store is dead, and Status says nothing of it').toBeLessThan(deadline);
    await sleep(1);
  }
  const asked = performance.now();
  await expect(observer.with(decide)).toRejectWith('LOG_UNAVAILABLE');
  expect(performance.now() - asked).toBeLessThan(REFUSED_MS);
}

/** What was acknowledged before the kill comes back from the service itself, under its newest checkpoint. */
async function fetchAgain(scene: Scene, before: number): Promise<void> {
  const { held, next, observer } = scene;
  for (const at of [before - 1, Math.floor(next() * before)]) {
    const { index, leaf } = held.acknowledged[at] as (typeof held.acknowledged)[number];
    const receipt = await retrying(observer, (client) => client.receipt(index));
    expect(Buffer.compare(receipt.leaf, leaf), `leaf ${index}`).toBe(0);
    held.sawHead(receipt.checkpoint);
  }
}

/** The observer's own line may be one that died with the service. */
async function retrying<T>(line: Line, work: (client: AssayClient) => Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < 2; attempt++)
    await line.with((client) => client.status()).catch(() => undefined);
  return line.with(work);
}

/** The victim, and now and then another one. */
function dying(next: () => number, victim: Victim): ReadonlySet<Victim> {
  if (next() >= TWICE) return new Set([victim]);
  const others = RESTARTS.filter((one) => one !== victim);
  return new Set([victim, others[Math.floor(next() * others.length)] as Victim]);
}

async function killOnce(scene: Scene, victims: ReadonlySet<Victim>): Promise<void> {
  const { target, held, load, next } = scene;
  const { system } = target;
  load.pace = 0;
  await load.more(CALLERS);
  await sleep(next() * 100);
  while (load.inFlight() < IN_FLIGHT) await setImmediate();
  const [before, epoch] = [held.acknowledged.length, Math.max(...held.epochs)];
  await Promise.all([...victims].map((victim) => kill(system, victim)));
  load.pace = 100;
  if (victims.has('store') && victims.size === 1) await withoutStore(scene);
  for (const victim of RESTARTS)
    if (victims.has(victim)) await system.restart(victim === 'enclave' ? 'hardware' : victim);
  // Those in flight may have been answered before the kill; one more was asked for after it.
  await load.more(CALLERS + 1);
  const since = epoch + (victims.has('enclave') ? 1 : 0);
  expect(Math.max(...held.epochs)).toBe(since);
  await fetchAgain(scene, before);
  const { state, epoch: now } = await retrying(scene.observer, (client) => client.status());
  expect({ state, epoch: now }).toEqual({ state: 'SERVING', epoch: since });
}

async function audit({ target, held }: Scene, folder: string): Promise<string> {
  const report = await held.audit(target.store, join(folder, 'bundle'), target.trust);
  expect(report, JSON.stringify(report.findings)).toMatchObject({ verdict: 'trusted', code: null });
  return `${report.size} leaves, ${report.receipts} receipts`;
}

it(`keeps every acknowledged receipt over ${POINTS} kills each of enclave, store and relay (seed ${SEED})`, {
  timeout: 1_200_000,
}, async () => {
  using folder = testFolder({ real: true });
  const next = random(SEED);
  const started = performance.now();
  const target = await startSystem(folder.path);
  const held = new Held();
  const load = startLoad(target, held, { lines: LINES, callers: CALLERS });
  const observer = new Line(target.connect);
  const scene: Scene = { target, held, load, observer, next, codes: new Map() };
  try {
    const follower = new Follower(target.store);
    let together = 0;
    const spent: Record<Victim, number> = { enclave: 0, store: 0, relay: 0 };
    for (const [i, victim] of shuffled(next).entries()) {
      const at = performance.now();
      const victims = dying(next, victim);
      if (victims.size > 1) together++;
      await killOnce(scene, victims);
      spent[victim] += performance.now() - at;
      await follower.check(held);
      if (i % AUDIT_EVERY === 0) await audit(scene, folder.path);
    }
    await load.stop();
    const audited = await audit(scene, folder.path);
    // From the first leaf on, as a stranger reads it.
    const whole = new Follower(target.store);
    await whole.check(held);
    expect(held.epochs.size).toBeGreaterThan(POINTS);
    const each = Object.entries(spent).map(([victim, ms]) => `${victim} ${Math.round(ms / POINTS)} ms`);
    console.log(
      `${POINTS} kills each, seed ${SEED}, ${Math.round((performance.now() - started) / 1_000)} s (${each.join(', ')} until it serves again), ${together} times two at once: ` +
        `${held.acknowledged.length} acknowledged, ${whole.size} logged, ${held.heads.size} heads, ${held.epochs.size} epochs; audited ${audited}; ` +
        `errors ${JSON.stringify(Object.fromEntries(load.errors))}; the store's codes ${JSON.stringify(Object.fromEntries(scene.codes))}`,
    );
  } finally {
    observer.close();
    await load.stop().catch(() => undefined);
    await target.system.stop();
  }
});

it('an enclave ends with its hypervisor, and the next one takes its log up', {
  timeout: 60_000,
}, async () => {
  using folder = testFolder({ real: true });
  const target = await startSystem(folder.path);
  const { system } = target;
  const held = new Held();
  const load = startLoad(target, held, { lines: 1, callers: IN_FLIGHT });
  try {
    await load.more(100);
    const pid = Number(system.hardware.ready['pid']);
    await system.hardware.kill('SIGKILL');
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 5_000 }).toBe(false);
    await system.restart('hardware');
    await load.more(100);
    await load.stop();
    expect([...held.epochs]).toEqual([1, 2]);
    await new Follower(target.store).check(held);
  } finally {
    await load.stop().catch(() => undefined);
    await system.stop();
  }
});
