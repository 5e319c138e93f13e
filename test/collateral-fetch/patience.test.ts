/** What is asked for again, how long is waited, and the distance that all processes of a machine keep together. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHttpGet } from '../../host/collateral/http.ts';
import { createPace } from '../../host/collateral/pace.ts';
import { getPatiently, type Retrying } from '../../host/collateral/retry.ts';
import { AssayError } from '../../src/base/errors.ts';
import { patience } from '../support/patience.ts';
import { ROOT } from '../support/tree.ts';
import { serveAnswers, type VendorServer } from '../support/vendor-server.ts';

const get = createHttpGet({ named: [], authorities: null, timeoutMs: 2_000 });

describe('asking again', () => {
  let server: VendorServer;
  beforeAll(async () => {
    server = await serveAnswers((url) => (url === '/here' ? { body: 'collateral' } : null));
  });
  afterAll(() => server.close());

  const limited: number[] = [];
  beforeEach(() => {
    limited.length = 0;
    server.asked.length = 0;
  });
  const ask = (waiting: ReturnType<typeof patience>, path = '/here', more: Partial<Retrying> = {}) =>
    getPatiently(get, `${server.origin}${path}`, {
      ...waiting,
      attempts: 4,
      before: async () => {},
      onLimited: async (ms) => void limited.push(ms),
      ...more,
    });

  it('is not needed when the first answer is good', async () => {
    const waiting = patience();
    expect((await ask(waiting)).status).toBe(200);
    expect([waiting.slept, server.asked.length]).toEqual([[], 1]);
  });

  it('waits longer each time, with a part taken away at random', async () => {
    const overloaded = [500, 502, 503].map((status) => ({ status }));
    server.next('/here', ...overloaded);
    const waiting = patience();
    expect((await ask(waiting)).status).toBe(200);
    expect(waiting.slept).toEqual([1_000, 2_000, 4_000]);
    expect(waiting.said[2]).toMatch(/\/here answers 503; trying again in 4 s$/);
    server.next('/here', ...overloaded);
    const hasty = patience(0, { random: () => 0.5 });
    await ask(hasty);
    expect(hasty.slept).toEqual([750, 1_500, 3_000]);
  });

  it('goes on after a connection that broke', async () => {
    server.next('/here', (request) => void request.socket.destroy());
    expect((await ask(patience())).status).toBe(200);
  });

  it('ends after the last attempt, with what the server said last', async () => {
    server.always('/here', { status: 503 });
    await expect(ask(patience())).toRejectWith('COLLATERAL_UNREACHABLE');
    expect(server.asked).toHaveLength(4);
    server.always('/here', { status: 429 });
    await expect(ask(patience())).toRejectWith('COLLATERAL_RATE_LIMITED');
    server.always('/here', null);
  });

  it('waits as long as the server asks', async () => {
    server.next('/here', { status: 429, headers: { 'retry-after': '17' } });
    const waiting = patience();
    await ask(waiting);
    expect([waiting.slept, limited]).toEqual([[17_000], [17_000]]);
    server.next('/here', { status: 503, headers: { 'retry-after': '0' } });
    const ready = patience();
    await ask(ready);
    expect([ready.slept, ready.said]).toEqual([[0], []]);
  });

  it('does not wait for what the server asks beyond measure, or cannot say', async () => {
    server.next('/here', { status: 429, headers: { 'retry-after': '3600' } });
    const waiting = patience();
    await expect(ask(waiting)).toRejectWith('COLLATERAL_RATE_LIMITED');
    expect([waiting.slept, limited]).toEqual([[], [3_600_000]]);
    server.next('/here', { status: 429, headers: { 'retry-after': 'Wed, 21 Oct 2099 07:28:00 GMT' } });
    const doubting = patience();
    await ask(doubting);
    expect(doubting.slept).toEqual([1_000]);
  });

  it.each([400, 401, 403, 404, 410, 461, 204, 304])('does not ask again after %i', async (status) => {
    server.next('/here', { status });
    await expect(ask(patience())).toRejectWith('COLLATERAL_NOT_SERVED');
    expect(server.asked).toHaveLength(1);
  });

  it('does not ask again for a name that nobody has', async () => {
    const cause = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    const waiting = patience();
    const asking = getPatiently(
      async () => Promise.reject(new AssayError('COLLATERAL_UNREACHABLE', 'nobody.invalid', { cause })),
      'https://nobody.invalid/',
      { ...waiting, attempts: 4, before: async () => {}, onLimited: async () => {} },
    );
    await expect(asking).toRejectWith('COLLATERAL_UNREACHABLE');
    expect(waiting.slept).toEqual([]);
  });

  it('does not ask again after an answer that breaks the rules', async () => {
    server.next('/here', { headers: { 'content-encoding': 'br' } });
    await expect(ask(patience())).toRejectWith('COLLATERAL_ANSWER_INVALID');
    expect(server.asked).toHaveLength(1);
  });
});

describe('keeping a distance', () => {
  const url = 'https://kds.example/vcek/v1/Milan/00';
  let folder = '';
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'assay-pace-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const turns = (): string[] => readdirSync(join(folder, 'turns'));

  it('lets the first go at once and the next after the distance, for each server', async () => {
    const waiting = patience();
    const pace = createPace(folder, 10_000, waiting);
    await pace.turn(url);
    await pace.turn(`${url}/other`);
    await pace.turn('https://other.example/');
    expect(waiting.slept).toEqual([10_000]);
    expect(waiting.said[0]).toBe('kds.example wants its distance; asking in 10 s');
    waiting.set(waiting.now() + 60_000);
    await pace.turn(url);
    expect(waiting.slept).toEqual([10_000]);
    expect(turns()).toHaveLength(2);
    expect(turns().map((name) => statSync(join(folder, 'turns', name)).mode & 0o777)).toEqual([0o600, 0o600]);
  });

  it('does not queue for longer than may be waited, and takes no turn then', async () => {
    const waiting = patience(0, { maxWaitMs: 15_000 });
    const pace = createPace(folder, 10_000, { ...waiting, sleep: async () => {} });
    await pace.turn(url);
    await pace.turn(url);
    await expect(pace.turn(url)).toRejectWith('COLLATERAL_RATE_LIMITED');
    waiting.set(6_000);
    await pace.turn(url);
  });

  it('leaves the server alone when that was asked, for everybody', async () => {
    const waiting = patience();
    await createPace(folder, 10_000, waiting).postpone(url, 30_000);
    await createPace(folder, 10_000, waiting).turn(url);
    expect(waiting.slept).toEqual([30_000]);
  });

  it('forgets turns that a clock since set back has written, and what is no turn', async () => {
    const waiting = patience();
    const pace = createPace(folder, 10_000, waiting);
    await pace.turn(url);
    waiting.set(waiting.now() - 86_400_000);
    await pace.turn(url);
    for (const broken of ['', '-1', 'NaN', '9'.repeat(100)]) {
      writeFileSync(join(folder, 'turns', turns()[0] as string), broken);
      await pace.turn(url);
    }
    expect(waiting.slept).toEqual([]);
  });

  it('is kept by several processes that begin together', async () => {
    const program = `
      import { createPace } from ${JSON.stringify(`${ROOT}/host/collateral/pace.ts`)};
      const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      const waiting = { now: Date.now, sleep, random: Math.random, onWait() {}, maxWaitMs: 60_000 };
      const pace = createPace(${JSON.stringify(folder)}, 100, waiting);
      for (let i = 0; i < 3; i++) { await pace.turn(${JSON.stringify(url)}); console.log(Date.now()); }`;
    const outputs = await Promise.all([1, 2, 3].map(() => runProgram(program)));
    const times = outputs.flatMap((output) => output.trim().split('\n').map(Number)).sort((a, b) => a - b);
    expect(times).toHaveLength(9);
    // Timers are late, never early, so the whole takes eight distances although two may come close to each other.
    expect((times[8] as number) - (times[0] as number)).toBeGreaterThan(700);
    expect(readdirSync(join(folder, 'turns')).filter((name) => name.includes('.lock'))).toEqual([]);
  });
});

function runProgram(program: string): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (part: Buffer) => void (output += part.toString()));
  return new Promise((resolve, reject) => {
    child.on('close', (status) =>
      status === 0 ? resolve(output) : reject(new Error(`ended with ${status}`)),
    );
  });
}
