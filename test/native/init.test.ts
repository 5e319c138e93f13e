/** The steps of the enclave's init, each by itself on this machine: what is not as it was measured is refused by name. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initSettings } from '../../images/nitro/image.ts';
import { refuseBesideHardware } from '../../host/simulator/index.ts';
import { ROOT } from '../support/tree.ts';
import { vectors } from '../support/vectors.ts';

const INIT = join(ROOT, 'images/nitro/init');
let folder: string;
let program: string;
beforeAll(() => {
  refuseBesideHardware();
  folder = mkdtempSync(join(tmpdir(), 'assay-init-'));
  program = join(folder, 'step');
  const steps = readdirSync(INIT).filter((name) => name.endsWith('.c') && name !== 'main.c');
  const sources = [
    ...steps.map((name) => join(INIT, name)),
    ...['init-step.c', 'init-machine.c'].map((name) => join(import.meta.dirname, name)),
  ];
  const wraps = ['open', 'chown', 'chmod', 'socket', 'connect', 'ioctl'].map((name) => `-Wl,--wrap=${name}`);
  const strict = ['-Wall', '-Wextra', '-Wconversion', '-Wshadow', '-Werror', '-fsanitize=address,undefined'];
  execFileSync('cc', ['-std=gnu17', '-D_GNU_SOURCE', '-g', ...strict, ...wraps, '-o', program, ...sources]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** `machine`: what init-machine.c pretends to be. */
function step(
  name: string,
  argument = '',
  machine: Readonly<Record<string, string>> = {},
): { status: number | null; out: string } {
  const { status, stdout, stderr } = spawnSync(program, [name, argument], {
    encoding: 'utf8',
    env: { ...process.env, ...machine },
  });
  return { status, out: `${stdout}${stderr}` };
}

function settingsFile(text: string): string {
  const path = join(folder, 'init.conf');
  writeFileSync(path, text);
  return path;
}

describe('the settings of init', () => {
  it('are read as the image builder writes them', () => {
    const machine = { clockSource: 'kvm-clock', parentCid: 3, memoryMib: 512 };
    const { status, out } = step(
      'settings',
      settingsFile(initSettings(machine, 'reboot=k quiet', ['--x=1'])),
    );
    expect(out).toBe('reboot=k quiet|kvm-clock|3|512|1000|/enclave/node|--x=1|/enclave/enclave.mjs\n');
    expect(status).toBe(0);
  });

  it.each(vectors<{ name: string; text: string; message: string }>('init-conf-malformed.json').cases)(
    'are not $name',
    ({ text, message }) => {
      const { status, out } = step('settings', settingsFile(text));
      expect(out).toContain('init: INIT_CONFIG_INVALID: ');
      expect(out).toContain(message);
      expect(status).toBe(1);
    },
  );

  it('are bounded', () => {
    const head = 'cmdline c\nclock-source tsc\nparent-cid 3\nmemory-mib 1\nuid 1\n';
    expect(step('settings', settingsFile(`${head}${'argument a\n'.repeat(33)}`)).out).toContain(
      'more than 32 arguments',
    );
    expect(step('settings', settingsFile('x'.repeat(9_000))).out).toContain('is too long');
    expect(step('settings', join(folder, 'absent')).out).toContain('INIT_CONFIG_INVALID');
  });
});

describe('init refuses a machine', () => {
  it('that was started with another command line', () => {
    const here = readFileSync('/proc/cmdline', 'utf8').trimEnd();
    expect(step('cmdline', here)).toEqual({ status: 0, out: '' });
    expect(step('cmdline', `${here}x`).out).toContain('init: CMDLINE_CHANGED: ');
    expect(step('cmdline', here.slice(0, -1)).out).toContain('init: CMDLINE_CHANGED: ');
    expect(step('cmdline', '').out).toContain('init: CMDLINE_CHANGED: ');
  });

  it('with too little memory', () => {
    expect(step('memory', '1')).toEqual({ status: 0, out: '' });
    expect(step('memory', '99999999')).toMatchObject({
      status: 1,
      out: expect.stringContaining('init: MEMORY_TOO_SMALL: '),
    });
  });

  it('that keeps time with another clock', () => {
    const path = '/sys/devices/system/clocksource/clocksource0/current_clocksource';
    expect(step('clock', readFileSync(path, 'utf8').trim())).toEqual({ status: 0, out: '' });
    expect(step('clock', 'sundial')).toMatchObject({
      status: 1,
      out: expect.stringContaining('init: CLOCK_SOURCE_WRONG: '),
    });
  });

  it('whose parent does not answer', () => {
    // CID 2 is the host; nobody listens, or there is no vsock at all.
    expect(step('heartbeat', '2')).toMatchObject({
      status: 1,
      out: expect.stringContaining('init: HEARTBEAT_MISSING: '),
    });
  });

  it.each([
    [{ BEAT: 'b7' }, ''],
    [{ BEAT: '00' }, 'init: HEARTBEAT_MISSING: was answered with 0x00\n'],
    [{ BEAT: 'end' }, 'init: HEARTBEAT_MISSING: was not answered\n'],
  ])('whose parent answers with something else: %j', (machine, out) => {
    expect(step('heartbeat', '3', machine)).toEqual({ status: out === '' ? 0 : 1, out });
  });

  it.each([
    [{ NSM: 'locks' }, ''],
    [{ NSM: 'open' }, 'init: PCRS_NOT_LOCKED: register 31\n'],
    [{ NSM: 'silent' }, 'init: NSM_MISSING: no answer: Input/output error\n'],
  ])('whose security module does not lock: %j', (machine, out) => {
    expect(step('nsm', '', machine)).toEqual({ status: out === '' ? 0 : 1, out });
  });

  it.each([
    [{}, 'tpm-rng-0 nsm-hwrng', ''],
    [{}, 'tpm-rng-0', 'the kernel has no generator nsm-hwrng'],
    [{ RANDOM: 'constant' }, 'nsm-hwrng', 'the module gave one byte 256 times'],
    [{ RANDOM: 'short' }, 'nsm-hwrng', 'the module gave no 256 random bytes'],
    [{ CREDIT: 'no' }, 'nsm-hwrng', 'cannot be credited: Operation not permitted'],
  ])('whose random numbers are none: %j, %s', (machine, available, detail) => {
    const RNG = join(folder, 'rng_available');
    writeFileSync(RNG, `${available}\n`);
    expect(step('entropy', '', { NSM: 'locks', RANDOM: 'good', ...machine, RNG })).toEqual({
      status: detail === '' ? 0 : 1,
      out: detail === '' ? '' : `init: ENTROPY_MISSING: ${detail}\n`,
    });
  });

  it('without a security module', () => {
    expect(step('nsm')).toMatchObject({ status: 1, out: expect.stringContaining('init: NSM_MISSING: ') });
  });

  it('on which the evaluator cannot be started, and when it has ended', () => {
    const { status, out } = step('run');
    expect(out.split('\n').filter((line) => line.startsWith('init: ') && !line.includes('started'))).toEqual([
      'init: INIT_SYSTEM: /enclave: No such file or directory',
      'init: EVALUATOR_ENDED: with status 1',
    ]);
    expect(status).toBe(1);
  });

  it('without random numbers of its hardware', () => {
    expect(step('entropy')).toMatchObject({
      status: 1,
      out: expect.stringContaining('init: ENTROPY_MISSING: '),
    });
  });
});
