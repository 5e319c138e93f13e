/** The walls around the evaluator, tried from inside: who it is, what it can write, start, reach and find. */
import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Case } from '../native/support.ts';

const USER = 1_000;
const FLAGS = ['ro', 'rw', 'nosuid', 'nodev', 'noexec'];
/** Folders of the kernel's, not of the image; it makes an empty one for root, too, that nobody else may look into. */
const KERNEL_FOLDERS = ['/proc', '/sys', '/root'];

/** A field of /proc/self/status. */
function statusOf(field: string): string {
  const line = readFileSync('/proc/self/status', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${field}:`));
  return line?.slice(field.length + 1).trim() ?? '';
}

function walk(folder: string): { folders: string[]; files: string[] } {
  const [folders, files] = [[folder], [] as string[]];
  for (let i = 0; i < folders.length; i++)
    for (const name of readdirSync(folders[i] as string)) {
      const path = join(folders[i] as string, name);
      if (KERNEL_FOLDERS.includes(path)) continue;
      (lstatSync(path).isDirectory() ? folders : files).push(path);
    }
  return { folders, files };
}

export const confinementCases: readonly Case[] = [
  {
    name: 'is a user without rights, under a filter, and can never get more',
    async run() {
      for (const field of ['Uid', 'Gid']) strictEqual(statusOf(field), `${USER}\t`.repeat(4).trim());
      strictEqual(statusOf('Groups'), '');
      for (const field of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
        strictEqual(Number(`0x${statusOf(field)}`), 0);
      strictEqual(statusOf('NoNewPrivs'), '1');
      // Mode 2: a filter (seccomp(2)).
      strictEqual(statusOf('Seccomp'), '2');
      deepStrictEqual(Object.keys(process.env), []);
    },
  },
  {
    name: 'cannot write anywhere',
    async run() {
      const { folders, files } = walk('/');
      ok(folders.length > 3 && files.length > 5);
      for (const folder of folders) {
        throws(() => writeFileSync(join(folder, 'x'), 'x'), folder);
      }
      for (const file of files.filter((path) => !path.startsWith('/dev/'))) {
        throws(() => writeFileSync(file, 'x', { flag: 'r+' }), file);
      }
      throws(() => readdirSync('/root'));
      for (const path of [
        '/root/x',
        '/proc/sys/kernel/core_pattern',
        '/sys/kernel/mm/transparent_hugepage/enabled',
      ])
        throws(() => writeFileSync(path, 'x'), path);
    },
  },
  {
    name: 'has every folder mounted as little as it needs',
    async run() {
      const flags = new Map(
        readFileSync('/proc/mounts', 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.split(' '))
          .map(([, at, , options]) => [at, options?.split(',').filter((word) => FLAGS.includes(word))]),
      );
      deepStrictEqual(Object.fromEntries(flags), {
        '/': ['ro', 'nosuid', 'nodev'],
        '/dev': ['rw', 'nosuid', 'noexec'],
        '/proc': ['rw', 'nosuid', 'nodev', 'noexec'],
        '/sys': ['ro', 'nosuid', 'nodev', 'noexec'],
      });
    },
  },
  {
    name: 'finds nothing to start but itself',
    async run() {
      const programs = walk('/').files.filter(
        (path) =>
          lstatSync(path).isFile() && (lstatSync(path).mode & 0o111) !== 0 && !/\.so(\.\d+)*$/.test(path),
      );
      // Init is the first ramdisk's own; nobody but root may even read it.
      deepStrictEqual(programs, ['/init', '/enclave/node']);
      for (const path of ['/init', '/init.conf']) throws(() => readFileSync(path));
      for (const path of ['/bin/sh', '/usr/bin/env', '/sbin/init']) ok(!existsSync(path), path);
    },
  },
  {
    name: 'reaches no network but loopback and vsock',
    async run() {
      deepStrictEqual(Object.keys(networkInterfaces()), ['lo']);
      await rejects(
        new Promise((resolve, reject) => {
          connect({ host: '192.0.2.1', port: 80 }).once('connect', resolve).once('error', reject);
        }),
        { code: 'ENETUNREACH' },
      );
    },
  },
  {
    name: 'sees no memory, disk or other process',
    async run() {
      for (const path of [
        '/dev/mem',
        '/dev/kmem',
        '/dev/port',
        '/dev/sda',
        '/dev/vda',
        '/proc/kcore',
        '/proc/1/environ',
      ])
        throws(() => readFileSync(path), path);
      const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
      deepStrictEqual(processes, [String(process.pid)]);
    },
  },
  {
    name: 'runs on a kernel that has its mitigations on',
    async run() {
      for (const name of ['spectre_v1', 'spectre_v2'])
        match(readFileSync(`/sys/devices/system/cpu/vulnerabilities/${name}`, 'utf8'), /^Mitigation: /);
    },
  },
  {
    name: 'has the clock and the generator that the image names',
    async run() {
      const clock = readFileSync('/sys/devices/system/clocksource/clocksource0/current_clocksource', 'utf8');
      strictEqual(clock.trim(), 'refined-jiffies');
      strictEqual(readFileSync('/sys/class/misc/hw_random/rng_current', 'utf8').trim(), 'nsm-hwrng');
    },
  },
];
