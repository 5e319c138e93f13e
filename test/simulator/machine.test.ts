import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it } from 'vitest';
import { refuseBesideHardware, TEE_DEVICES } from '../../host/simulator/hardware-guard.ts';
import { keyPolicyFor } from '../../host/simulator/key-policy.ts';
import { prepareProgram, removeProgram } from '../../host/simulator/launch.ts';
import { setKeyPolicy } from '../../host/simulator/machine.ts';
import { buildProgram, measure, type ProgramContent, withChecksum } from '../../images/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-vm-'));
const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  for (const name of readdirSync(folder))
    if (statSync(join(folder, name)).isDirectory()) removeProgram(join(folder, name));
  rmSync(folder, { recursive: true, force: true });
});

const node = new Uint8Array(readFileSync(process.execPath));
const content: ProgramContent = {
  bundleFiles: new Map([['enclave.mjs', utf8('')]]),
  config: utf8('{"a":1}'),
  lockFile: utf8('{}'),
  addon: null,
  nodeFlags: ['--secure-heap=65536', '--no-warnings'],
  nodeSha384: nodeCrypto.sha384(node),
};
const imageOf = (script: string): Uint8Array =>
  buildProgram({ ...content, bundleFiles: new Map([['enclave.mjs', utf8(script)]]) });

/** Tells what it sees of its machine, then serves. */
const CURIOUS = `
import { createServer, connect } from 'node:net';
import { readFileSync } from 'node:fs';
const nsm = connect('dev/nsm');
nsm.write(Buffer.from('00000015a16b4465736372696265504352a165696e64657800', 'hex'));
nsm.once('data', (answer) => {
  const seen = { env: process.env, argv: process.argv.slice(2), flags: process.execArgv, cwd: process.cwd(),
    config: readFileSync(new URL('config.json', import.meta.url), 'utf8'), pcr0: answer.subarray(-48).toString('hex') };
  console.log(JSON.stringify({ event: 'seen', ...seen }));
  createServer().listen('vsock/enclave.5000', () => console.log(JSON.stringify({ event: 'serving', port: 5000 })));
});`;

interface Started {
  readonly child: ChildProcess;
  readonly lines: Record<string, unknown>[];
  readonly ready: Promise<Record<string, unknown>>;
  readonly ended: Promise<{ status: number | null; stderr: string }>;
}

function start(args: readonly string[]): Started {
  const main = resolve(import.meta.dirname, '../../host/simulator/main.ts');
  const child = spawn(process.execPath, ['--no-warnings', main, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  running.add(child);
  const lines: Record<string, unknown>[] = [];
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const ended = new Promise<{ status: number | null; stderr: string }>((done) =>
    child.once('close', (status) => {
      running.delete(child);
      done({ status, stderr });
    }),
  );
  const ready = new Promise<Record<string, unknown>>((done, failed) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const parsed = JSON.parse(line) as Record<string, unknown>;
      lines.push(parsed);
      if (parsed['ready'] === true) done(parsed);
    });
    void ended.then(({ stderr: said }) => failed(new Error(said)));
  });
  ready.catch(() => {});
  return { child, lines, ready, ended };
}

let machines = 0;
function place(image: Uint8Array, state = 'state'): { args: string[]; vm: string } {
  const name = String(machines++);
  const file = join(folder, `${name}.img`);
  writeFileSync(file, image);
  const vm = join(folder, name);
  return { vm, args: ['--state', join(folder, state), '--image', file, '--vm', vm] };
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('the simulated machine', () => {
  it('starts the enclave on exactly the measured bytes, with nothing else', async () => {
    const image = imageOf(CURIOUS);
    const { vm, args } = place(image);
    const { child, lines, ready, ended } = start(args);
    const line = await ready;
    const measured = measure(nodeCrypto, image, node);
    expect(line).toMatchObject({
      simulated: true,
      measurements: { PCR0: toHex(measured.pcr0), PCR1: toHex(measured.pcr1), PCR2: toHex(measured.pcr2) },
      root: { platform: 'nitro', name: 'assay-sim.nitro-enclaves' },
    });
    expect(lines.find(({ event }) => event === 'seen')).toMatchObject({
      env: {},
      argv: [],
      flags: content.nodeFlags,
      cwd: vm,
      config: '{"a":1}',
      pcr0: toHex(measured.pcr0),
    });
    const program = join(vm, 'program');
    expect(statSync(program).mode & 0o777).toBe(0o500);
    const modes = Object.fromEntries(
      readdirSync(program).map((name) => [name, (statSync(join(program, name)).mode & 0o777).toString(8)]),
    );
    expect(modes).toEqual({
      'enclave.mjs': '400',
      'config.json': '400',
      'package-lock.json': '400',
      cmdline: '400',
      node: '500',
    });
    expect(readFileSync(join(program, 'node')).equals(node)).toBe(true);
    child.kill('SIGTERM');
    expect((await ended).status).toBe(0);
    expect(alive(line['pid'] as number)).toBe(false);
    expect(existsSync(program)).toBe(false);
  });

  it('gives a patched copy other registers, and a corrupted one no start', async () => {
    const image = imageOf(CURIOUS);
    const patched = image.slice();
    patched[Buffer.from(patched).indexOf('serving')]! ^= 0x20;
    const corrupted = place(patched);
    const refused = await start(corrupted.args).ended;
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringMatching(/^EIF_CRC_MISMATCH: /) });
    const [before, after] = [
      measure(nodeCrypto, image, node),
      measure(nodeCrypto, withChecksum(patched), node),
    ];
    expect(after.pcr0).not.toEqual(before.pcr0);
    expect(after.pcr1).toEqual(before.pcr1);
    expect(after.pcr2).not.toEqual(before.pcr2);
  });

  it('ends with what the enclave said last when that ends by itself', async () => {
    const { args } = place(
      imageOf(`process.stderr.write('KEYRING_MISSING: locked\\n'); process.exitCode = 1;`),
    );
    const { ended, lines } = start(args);
    expect(await ended).toEqual({ status: 1, stderr: 'KEYRING_MISSING: locked\n' });
    expect(lines).toContainEqual({ event: 'enclave-ended', status: 1, signal: null });
  });

  it('goes when the program that started it is gone, and takes the enclave along', async () => {
    const { args } = place(imageOf(CURIOUS));
    const { child, ready, ended } = start(args);
    const { pid } = (await ready) as { pid: number };
    child.stdin?.end();
    expect((await ended).status).toBe(0);
    expect(alive(pid)).toBe(false);
  });

  it('refuses flags, faults and files that it does not know, with one line and status 2', async () => {
    const { args } = place(imageOf(CURIOUS));
    const cases: [string[], string][] = [
      [[], 'USAGE'],
      [[...args, '--debug'], 'USAGE'],
      [[...args, '--clock-offset-ms', 'soon'], 'USAGE'],
      [[...args, '--fault', 'gremlin'], 'SIMULATOR_FAULT_UNKNOWN'],
      [['--state', folder, '--image', join(folder, 'none'), '--vm', folder], 'USAGE'],
    ];
    for (const [flags, code] of cases) {
      const { status, stderr } = await start(flags).ended;
      expect([status, stderr.split(':')[0]], flags.join(' ')).toEqual([2, code]);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });
});

describe('the hypervisor', () => {
  it('does not start another Node than the image names', () => {
    const { vm } = place(new Uint8Array(0));
    const other = join(folder, 'other-node');
    writeFileSync(other, 'not node');
    const image = imageOf('');
    expect(() => prepareProgram(image, other, vm)).toFailWith('VM_START_FAILED'); // there is no VM folder
    const here = mkdtempSync(join(folder, 'vm-'));
    expect(() => prepareProgram(image, other, here)).toFailWith('PROGRAM_RUNTIME_MISMATCH');
    expect(readdirSync(here)).toEqual([]);
  });

  it('refuses to run beside real confidential hardware', () => {
    expect(TEE_DEVICES).toEqual([
      '/dev/nsm',
      '/dev/tdx_guest',
      '/dev/sev-guest',
      '/sys/kernel/config/tsm/report',
    ]);
    const device = join(folder, 'tdx_guest');
    refuseBesideHardware([device]);
    writeFileSync(device, '');
    expect(() => refuseBesideHardware(['/nowhere', device])).toFailWith('SIMULATOR_ON_HARDWARE');
  });

  it('makes the key for the image that is first, and asks the owner about every other one', async () => {
    const first = imageOf(CURIOUS);
    const other = imageOf(`${CURIOUS} // changed`);
    const path = join(folder, 'owner-state', 'key-policy.json');
    const [own, changed] = [first, other].map((image) => keyPolicyFor(measure(nodeCrypto, image, node))) as [
      string,
      string,
    ];
    for (const image of [first, other]) {
      const { child, ready, ended } = start(place(image, 'owner-state').args);
      await ready;
      expect(readFileSync(path, 'utf8')).toBe(own);
      child.kill('SIGTERM');
      await ended;
    }
    expect(() => setKeyPolicy(join(folder, 'owner-state'), utf8('{}'))).toFailWith('KEY_POLICY_INVALID');
    expect(readFileSync(path, 'utf8')).toBe(own);
    setKeyPolicy(join(folder, 'owner-state'), utf8(changed));
    expect(readFileSync(path, 'utf8')).toBe(changed);
  });
});
