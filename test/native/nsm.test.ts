/** The NSM device: typed errors on this machine's files, and the ioctl itself against a preloaded stand-in. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNsm } from '../../native/index.ts';
import { demandAddon, openDescriptors } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-nsm-'));
beforeAll(demandAddon);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the NSM device', () => {
  it('is NSM_MISSING where there is none, or it may not be opened', () => {
    expect(() => openNsm(join(folder, 'nsm'))).toFailWith('NSM_MISSING');
    expect(() => openNsm(folder)).toFailWith('NSM_MISSING');
  });

  it('says what a file that is no NSM answers', async () => {
    const before = openDescriptors();
    const device = openNsm('/dev/null');
    await expect(device.request(Uint8Array.of(1))).toRejectWith('NSM_FAILED');
    await expect(device.request(new Uint8Array(4097))).toRejectWith('NSM_REQUEST_TOO_LARGE');
    const last = expect(device.request(new Uint8Array(4096))).toRejectWith('NSM_FAILED');
    await device.close();
    await last;
    await expect(device.request(Uint8Array.of(1))).toRejectWith('NSM_FAILED');
    expect(openDescriptors()).toBe(before);
  });

  it('carries requests and responses whole, one at a time, off the event loop', () => {
    const shim = join(folder, 'shim.so');
    execFileSync('cc', [
      '-shared',
      '-fPIC',
      '-O1',
      '-o',
      shim,
      join(import.meta.dirname, 'nsm-shim.c'),
      '-ldl',
    ]);
    const native = resolve(import.meta.dirname, '../../native/index.ts');
    const program = `
      const { openNsm } = await import(${JSON.stringify(native)});
      const device = openNsm('/dev/null');
      const sizes = [0, 1, 2, 255, 4095, 4096];
      let ticks = 0;
      const timer = setInterval(() => { ticks += 1; }, 1);
      const started = performance.now();
      const inputs = sizes.map((size) => Uint8Array.from({ length: size }, (_, i) => (i * 7) % 251));
      const answers = Promise.all(inputs.map((input) => device.request(input)));
      for (const input of inputs) input.fill(9);
      const whole = (await answers).every((answer, n) => answer.length === sizes[n]
        && answer.every((byte, i) => byte === ((sizes[n] - 1 - i) * 7) % 251));
      const took = performance.now() - started;
      clearInterval(timer);
      const code = await device.request(Uint8Array.of(0xff)).catch((error) => error.code + ' ' + error.message);
      await device.close();
      console.log(JSON.stringify({ whole, ticks, took, code }));`;
    const child = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, LD_PRELOAD: shim },
    });
    expect(child.stderr).toBe('');
    const result = JSON.parse(child.stdout) as { whole: boolean; ticks: number; took: number; code: string };
    expect(result.whole).toBe(true);
    // Six requests of 20 ms each, one after the other, while timers ran.
    expect(result.took).toBeGreaterThanOrEqual(115);
    expect(result.ticks).toBeGreaterThan(20);
    expect(result.code).toMatch(/^NSM_FAILED .*EIO/);
  });
});
