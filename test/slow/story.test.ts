/**
 * `assay run --story --once` as a user runs it, on a copy of this installation: the copy has the same keys and the
 * same image, and a store of its own. It must hold twice in a row, and fail where the image is another one.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { devHome } from '../../host/launch/index.ts';
import { withChecksum } from '../../images/index.ts';
import { SEED } from '../support/crash.ts';
import { type TestFolder, testFolder } from '../support/ledger.ts';
import { random } from '../support/mutate.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** The most that the whole story may take, after installation. */
const STORY_MS = 60_000;
const FLIPS = 12;
/** Bytes of an EIF before its sections. */
const HEADER = 548;
const NOT_HELD = /NOT AS IT MUST BE|NOT REFUSED/;

let folder: TestFolder;
const running = new Set<ChildProcess>();

beforeAll(() => {
  const home = devHome();
  folder = testFolder({ real: true });
  for (const part of ['bin', 'dist', 'build', 'package.json'])
    cpSync(join(ROOT, part), join(folder.path, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'));
  const own = join(folder.path, 'var');
  mkdirSync(own, { mode: 0o700 });
  for (const name of readdirSync(home.folder))
    if (!name.startsWith('store')) cpSync(join(home.folder, name), join(own, name), { recursive: true });
});

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  folder[Symbol.dispose]();
});

interface Told {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
}

function tell(platform?: string): Told {
  const started = performance.now();
  const environment = Object.entries(process.env).filter(([name]) => name !== 'ASSAY_HOME');
  const { status, stdout, stderr } = spawnSync(join(folder.path, 'bin/assay'), tellingOf(platform), {
    cwd: folder.path,
    env: Object.fromEntries(environment),
    encoding: 'utf8',
    timeout: 2 * STORY_MS,
  });
  return { status, out: stdout, err: stderr, ms: performance.now() - started };
}

const tellingOf = (platform?: string): string[] => [
  'run',
  '--story',
  '--once',
  ...(platform === undefined ? [] : ['--platform', platform]),
];

/** Steps by number, and the lines below them. */
function stepsOf(out: string): { readonly steps: number; readonly lines: number } {
  const lines = out.split('\n');
  return {
    steps: lines.filter((line) => /^\d+\. /.test(line)).length,
    lines: lines.filter((line) => /^ {3}[A-Z]/.test(line)).length,
  };
}

describe('the story', () => {
  it.for(['on a new store', 'again, on the same store'])(
    'holds %s',
    { timeout: 3 * STORY_MS },
    (_, { expect }) => {
      const { status, out, err, ms } = tell();
      expect(err).toBe('');
      expect(status, out).toBe(0);
      expect(out).not.toMatch(NOT_HELD);
      const { steps, lines } = stepsOf(out);
      expect(steps).toBeGreaterThanOrEqual(5);
      expect(lines).toBeGreaterThanOrEqual(25);
      expect(ms).toBeLessThan(STORY_MS);
      console.log(`the story: ${steps} steps, ${lines} lines held, ${(ms / 1_000).toFixed(1)} s`);
    },
  );

  it.for(['tdx-simulated', 'snp-simulated'])(
    'holds on %s, where evidence needs endorsements and has no time',
    { timeout: 3 * STORY_MS },
    (platform, { expect }) => {
      const { status, out, err, ms } = tell(platform);
      expect(err).toBe('');
      expect(status, out).toBe(0);
      expect(out).not.toMatch(NOT_HELD);
      expect(out).toContain('grades: VERIFIED, CLOCK_UNANCHORED, UNWITNESSED');
      const { steps, lines } = stepsOf(out);
      expect(steps).toBeGreaterThanOrEqual(5);
      expect(lines).toBeGreaterThanOrEqual(29);
      expect(ms).toBeLessThan(STORY_MS);
      console.log(`the story on ${platform}: ${lines} lines held, ${(ms / 1_000).toFixed(1)} s`);
    },
  );

  it('holds at a fixed address too, and serves there until it is stopped', {
    timeout: 2 * STORY_MS,
  }, async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    const environment = Object.entries(process.env).filter(([name]) => name !== 'ASSAY_HOME');
    const child = spawn(join(folder.path, 'bin/assay'), ['run', '--story', '--listen', `127.0.0.1:${port}`], {
      cwd: folder.path,
      env: Object.fromEntries(environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    const ended = once(child, 'close') as Promise<[number | null]>;
    let [out, err] = ['', ''];
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const serving = new Promise<void>((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text;
        if (out.includes(`Serving at assay://127.0.0.1:${port}`)) resolve();
      });
    });
    await Promise.race([serving, ended]);
    expect(err).toBe('');
    expect(out).toContain('Every step held.');
    const { status } = spawnSync(join(folder.path, 'bin/assay'), ['status', `assay://127.0.0.1:${port}`]);
    expect(status).toBe(0);
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
  });

  it(`does not hold with a flipped bit in the image (seed ${SEED})`, { timeout: 3 * STORY_MS }, () => {
    const image = join(folder.path, 'build/assay-simulated.img');
    const genuine = readFileSync(image);
    const next = random(SEED);
    const codes = new Map<string, number>();
    for (let i = 0; i < FLIPS; i++) {
      const tampered = Buffer.from(genuine);
      const at = HEADER + Math.floor(next() * (genuine.length - HEADER));
      tampered[at] = (tampered[at] as number) ^ (1 << Math.floor(next() * 8));
      // Half as an accident, half by one who knows that the checksum finds accidents only.
      writeFileSync(image, i % 2 === 0 ? tampered : withChecksum(tampered));
      const { status, out, err } = tell();
      expect(status, `byte ${at} flipped: ${out}`).not.toBe(0);
      expect(status).not.toBeNull();
      expect(out, 'nothing is told about a service that is not ours').not.toMatch(/^1\. /m);
      expect(err, `byte ${at} flipped`).not.toContain('INTERNAL');
      const code = /\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/.exec(err)?.[1] ?? `none in ${err}`;
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    writeFileSync(image, genuine);
    expect(tell().status, 'the genuine image serves again').toBe(0);
    console.log(`${FLIPS} flipped bits, seed ${SEED}: ${JSON.stringify(Object.fromEntries(codes))}`);
  });
});
