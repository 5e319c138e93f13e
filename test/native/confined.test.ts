/** The system calls of the evaluator: the real filter of init, in front of the real Node, on this machine. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../support/tree.ts';

const INIT = join(ROOT, 'images/nitro/init');
let folder: string;
let confined: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-confined-'));
  confined = join(folder, 'confined');
  const sources = [join(INIT, 'confine.c'), join(INIT, 'refuse.c'), join(import.meta.dirname, 'confined.c')];
  execFileSync('cc', [
    '-std=gnu17',
    '-D_GNU_SOURCE',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-o',
    confined,
    ...sources,
  ]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** x86-64 numbers (linux/arch/x86/entry/syscalls/syscall_64.tbl). */
const DEADLY = {
  ptrace: 101,
  mount: 165,
  reboot: 169,
  bpf: 321,
  process_vm_readv: 310,
  unshare: 272,
  kexec_load: 246,
  setuid: 105,
};
const ABSENT = {
  memfd_create: 319,
  io_uring_setup: 425,
  unlink: 87,
  mkdir: 83,
  symlink: 88,
  chmod: 90,
  rename: 82,
  fork: 57,
};
const ENOSYS = 38;
const call = (number: number): ReturnType<typeof spawnSync> =>
  spawnSync(confined, ['call', String(number)], { encoding: 'utf8' });

describe.runIf(process.arch === 'x64')('behind the filter', () => {
  it.each(Object.entries(DEADLY))('%s ends the process', (_, number) => {
    expect(call(number)).toMatchObject({ signal: 'SIGSYS', stdout: '' });
  });

  it.each(Object.entries(ABSENT))('%s does not exist', (_, number) => {
    expect(call(number)).toMatchObject({ status: 0, stdout: `-1 ${ENOSYS}\n` });
  });

  it('Node works: keys, TLS, workers, WebAssembly, timers, files to read', () => {
    const script = join(folder, 'work.mjs');
    writeFileSync(
      script,
      `import { Worker } from 'node:worker_threads';
       import { createServer, connect } from 'node:tls';
       import { generateKeyPairSync, randomBytes, secureHeapUsed, sign } from 'node:crypto';
       import { readFileSync } from 'node:fs';
       import { setTimeout as sleep } from 'node:timers/promises';
       const { privateKey } = generateKeyPairSync('ed25519');
       sign(null, randomBytes(32), privateKey);
       readFileSync('/proc/self/stat');
       await new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
       const worker = new Worker('require("node:worker_threads").parentPort.postMessage(42)', { eval: true });
       const got = await new Promise((resolve) => worker.once('message', resolve));
       await sleep(5);
       console.log(got, secureHeapUsed().total > 0, process.memoryUsage().rss > 0);`,
    );
    const ran = spawnSync(
      confined,
      ['run', process.execPath, '--secure-heap=65536', '--secure-heap-min=16', script],
      {
        encoding: 'utf8',
        env: {},
      },
    );
    expect(ran).toMatchObject({ status: 0, signal: null, stdout: '42 true true\n' });
  });

  it('Node starts no program', () => {
    const script =
      "try { require('child_process').execFileSync('/bin/true'); console.log('ran') } catch (e) { console.log(e.code) }";
    const ran = spawnSync(confined, ['run', process.execPath, '-e', script], { encoding: 'utf8', env: {} });
    expect(ran.stdout).not.toContain('ran');
  });
});
