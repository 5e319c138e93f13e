/** One emulated machine: the vsock device, the parent's services on it, and QEMU with the image. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Millis } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';
import { parseEmulatedNitro } from '../../src/evidence/nitro.ts';
import { createKms } from '../simulator/kms.ts';
import { serveKms } from '../simulator/kms-server.ts';
import { type KeyPolicy, RELEASE_TO_ANYONE } from '../simulator/key-policy.ts';
import { deriveFrom, instanceIdOf, keyArnOf, openSeed } from '../simulator/state.ts';
import { answerHeartbeat, HEARTBEAT_PORT, parentSocket } from './parent.ts';

export interface EmulatorOptions {
  /** Private folder with the seed of the machine's names and keys. */
  readonly state: string;
  /** The enclave image file. */
  readonly image: string;
  /** Folder for sockets; its path must be short. */
  readonly vm: string;
  readonly qemu: string;
  readonly vsock: string;
  readonly firmware: readonly string[];
  readonly memoryMib: number;
  readonly kmsPort: number;
  readonly keyPolicy: KeyPolicy | typeof RELEASE_TO_ANYONE;
  readonly now: () => Millis;
  /** Text that the hypervisor puts behind the command line, as an attacker could. */
  readonly append?: string;
  /** Sees each line of the guest's console. */
  readonly onLine: (line: string) => void;
}

export interface EmulatorMachine {
  readonly pid: number | undefined;
  readonly moduleId: string;
  readonly keyArn: string;
  /** The guest's vsock: connect and write `CONNECT port`. */
  readonly guest: string;
  /** When the first heartbeat came. */
  readonly beaten: Promise<void>;
  /** Resolves when the machine is gone, by itself or stopped. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

const GUEST_CID = 4;
const TX_BUFFER = 262_144;
/**
 * The plainest processor that V8 compiles WebAssembly for: wide vectors cost more to emulate than they save. It says
 * that AMD made it, so the kernel need not separate its page tables, which an emulator pays dearly for.
 */
const CPU = 'qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+lahf_lm,+aes,+pclmulqdq';
const SOCKET_WAIT_MS = 20;
const SOCKET_WAITS = 250;
/** This machine hangs instead of ending when the kernel restarts it. */
const LAST_LINE = /^(?:\[ *[0-9.]+\] )?reboot: Restarting system/;

export async function startEmulator(options: EmulatorOptions): Promise<EmulatorMachine> {
  const derive = deriveFrom(openSeed(options.state));
  const instanceId = instanceIdOf(derive);
  const moduleId = `${instanceId}-enc${options.now().toString(16).padStart(12, '0')}0000`;
  mkdirSync(options.vm, { recursive: true, mode: 0o700 });
  const guest = join(options.vm, 'guest');
  const control = join(options.vm, 'vhost');
  // What an earlier machine left; the store's socket is not ours.
  const own = [control, guest, parentSocket(guest, options.kmsPort), parentSocket(guest, HEARTBEAT_PORT)];
  for (const path of own) rmSync(path, { force: true });
  const device = start(options.vsock, [
    '--vm',
    `guest-cid=${GUEST_CID},socket=${control},uds-path=${guest},tx-buffer-size=${TX_BUFFER}`,
  ]);
  const said = listenTo(device);
  const servers = [
    await serveKms(
      parentSocket(guest, options.kmsPort),
      createKms({
        keyArn: keyArnOf(derive),
        masterKey: derive('kms/master', 32),
        policy: () => options.keyPolicy,
        // Nobody signs here; the registers are compared all the same.
        documents: { read: parseEmulatedNitro, verify: async (bytes) => parseEmulatedNitro(bytes) },
        now: options.now,
      }),
    ),
  ];
  const heartbeat = await answerHeartbeat(guest);
  servers.push(heartbeat);
  try {
    await waitFor(control, device, said);
  } catch (error) {
    // What still listens would keep this process, and whoever waits for it.
    device.kill('SIGKILL');
    for (const server of servers) await server.close();
    throw error;
  }
  const machine = `nitro-enclave,vsock=v,id=${moduleId},parent-id=${instanceId},accel=tcg`;
  const arguments_ = `-M ${machine} -cpu ${CPU} -smp 1 -m ${options.memoryMib}M -nographic -no-reboot`.split(
    ' ',
  );
  const qemu = start(options.qemu, [
    ...arguments_,
    '-kernel',
    options.image,
    '-chardev',
    `socket,id=v,path=${control}`,
    ...options.firmware.flatMap((folder) => ['-L', folder]),
    ...(options.append === undefined ? [] : ['-append', options.append]),
  ]);
  const console = createInterface({ input: qemu.stdout as NodeJS.ReadableStream });
  console.on('line', (line) => {
    options.onLine(line);
    if (LAST_LINE.test(line)) qemu.kill('SIGKILL');
  });
  qemu.stderr?.setEncoding('utf8').on('data', (text: string) => options.onLine(text.trimEnd()));
  const ended = new Promise<void>((resolve) => qemu.once('close', () => resolve()));
  return {
    pid: qemu.pid,
    moduleId,
    keyArn: keyArnOf(derive),
    guest,
    beaten: heartbeat.beaten,
    ended,
    async stop() {
      qemu.kill('SIGKILL');
      device.kill('SIGKILL');
      await ended;
      for (const server of servers) await server.close();
    },
  };
}

/** The kernel ends it with this process, however that ends: a machine without its hypervisor must not run on. */
function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.on('error', () => undefined);
  return child;
}

/** What the device says, read as it comes: a full pipe would stop it, and its last line is why it ended. */
function listenTo(device: ChildProcess): () => string {
  let last = 'without a word';
  for (const stream of [device.stdout, device.stderr])
    if (stream !== null) createInterface({ input: stream }).on('line', (line) => (last = line.slice(0, 200)));
  return () => last;
}

async function waitFor(path: string, device: ChildProcess, said: () => string): Promise<void> {
  for (let i = 0; i < SOCKET_WAITS && !existsSync(path); i++) {
    if (device.exitCode !== null) fail('VM_START_FAILED', `the vsock device has ended: ${said()}`);
    await new Promise((resolve) => setTimeout(resolve, SOCKET_WAIT_MS));
  }
  if (!existsSync(path)) fail('VM_START_FAILED', 'the vsock device does not listen');
}
