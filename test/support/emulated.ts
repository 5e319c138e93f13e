/** Images of a few files, and the emulator as a process, for tests of what a guest does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Emulated } from '../../host/launch/index.ts';
import { readDebianLock } from '../../images/debian/index.ts';
import { assembleImage, compressRamdisk } from '../../images/nitro/image.ts';
import { buildInit, buildKernel, type MachineSettings } from '../../images/nitro/index.ts';
import type { Files } from '../../images/nitro/runtime.ts';
import { ROOT } from './tree.ts';

/** What the emulated machine is, less memory than the service asks for. */
export const EMULATED_MACHINE: MachineSettings = {
  clockSource: 'refined-jiffies',
  parentCid: 2,
  memoryMib: 128,
};

const say = (text: string): void => console.log(text);

/** Kernel and init of the service's image, and what is given in the evaluator's place. */
export async function testImage(parts: {
  readonly machine: MachineSettings;
  readonly runtime: Files;
  readonly program: ReadonlyMap<string, Uint8Array>;
  readonly nodeFlags: readonly string[];
}): Promise<Uint8Array> {
  const lock = readDebianLock(ROOT);
  const kernel = await buildKernel(ROOT, lock, say);
  return assembleImage({
    ...parts,
    kernel: kernel.image,
    kernelVersion: kernel.version,
    init: await buildInit({ root: ROOT, lock, headers: kernel.headers, onProgress: say }),
    name: 'test',
    version: '0',
    compress: async (archive) => compressRamdisk(archive, 12),
  });
}

export interface Booted {
  readonly status: number | null;
  /** Standard error of the emulator: the machine's last words. */
  readonly err: string;
}

/** Boots an image until the machine or the time ends. `onEvent` sees each JSON line of the guest's console. */
export async function bootImage(
  { emulator, home }: Emulated,
  image: string,
  options: {
    readonly flags?: readonly string[];
    readonly memoryMib?: number;
    readonly timeoutMs?: number;
    readonly onEvent?: (event: Readonly<Record<string, unknown>>) => void;
  } = {},
): Promise<Booted> {
  // A socket's path holds 107 bytes.
  const vm = mkdtempSync(join(tmpdir(), 'assay-vm-'));
  const flags = {
    state: home.simulator,
    image,
    vm,
    qemu: emulator.qemu,
    'vsock-device': emulator.vsock,
    'kms-port': '5002',
    memory: String(options.memoryMib ?? 256),
  };
  const given = [
    ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    ...emulator.firmware.map((path) => `--firmware=${path}`),
    ...(options.flags ?? []),
  ];
  const program = join(ROOT, 'dist/host/emulator/main.js');
  const child = spawn(process.execPath, ['--no-warnings', program, ...given], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 120_000,
  });
  try {
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    createInterface({ input: child.stdout }).on('line', (line) => {
      options.onEvent?.(JSON.parse(line) as Record<string, unknown>);
    });
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, err };
  } finally {
    child.kill('SIGKILL');
    rmSync(vm, { recursive: true, force: true });
  }
}
