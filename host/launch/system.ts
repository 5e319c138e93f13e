/**
 * One running service: store, simulated hardware with its enclave, relay. The sockets lie in a private folder of
 * the system's temporary directory, because a Unix socket's path holds at most 107 bytes.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SimulatedPlatform } from '../simulator/index.ts';
import { type Program, startProgram } from './program.ts';

export interface SystemOptions {
  /** Which hardware is simulated; AWS Nitro when left out. The image must be of it. */
  readonly platform?: SimulatedPlatform;
  /** Folder of the simulated hardware: seed, PKI, release backend. */
  readonly simulator: string;
  readonly image: string;
  readonly store: string;
  /** Address of the relay; port 0 takes a free one. */
  readonly listen?: string;
  /** Named faults of the simulated hardware. */
  readonly faults?: readonly string[];
  /** Sets the machine's clock off by so much, as its root could. */
  readonly clockOffsetMs?: number;
  /** Key policy file of the custodian; the one in force stays when left out. */
  readonly keyPolicy?: string;
  /** Lets the custodian release keys to any image, as a colluding one could. */
  readonly custodianColludes?: boolean;
  /** Boots the image on this machine in place of the simulated hardware; faults and clocks are the simulator's. */
  readonly emulator?: EmulatorProgram;
  /** Signed genesis order, for a store without a keyring. */
  readonly genesis: Uint8Array;
  /** Sees the enclave's console. */
  readonly onConsole?: (line: string) => void;
}

export interface EmulatorProgram {
  readonly qemu: string;
  readonly vsock: string;
  readonly firmware: readonly string[];
  readonly memoryMib: number;
}

export interface System {
  /** `assay://127.0.0.1:PORT` */
  readonly url: string;
  /** Address of the enclave itself, as the relay reaches it. */
  readonly enclave: string;
  /** The programs as they run now; `restart` replaces them. */
  readonly store: Program;
  readonly hardware: Program;
  readonly relay: Program;
  /**
   * What a supervisor does with a part that has died: starts it again at the same addresses, while the others live
   * on. A part that still runs is killed first. Throws what the part said when it refused to start.
   */
  restart(part: SystemPart): Promise<Program>;
  stop(): Promise<void>;
}

export type SystemPart = 'store' | 'hardware' | 'relay';

const RPC_PORT = 5000;
const STORE_PORT = 5001;
const KMS_PORT = 5002;
/** The emulator runs every instruction in software. */
const EMULATOR_READY_MS = 180_000;

/** What any machine is told, whoever plays it. */
function machineArguments({ simulator, image, keyPolicy }: SystemOptions, vm: string): string[] {
  const policy = keyPolicy === undefined ? [] : [`--key-policy=${keyPolicy}`];
  return [`--state=${simulator}`, `--image=${image}`, `--vm=${vm}`, ...policy];
}

function hardwareArguments(options: SystemOptions, vm: string): string[] {
  return [
    ...machineArguments(options, vm),
    ...(options.platform === undefined ? [] : [`--platform=${options.platform}`]),
    ...(options.faults ?? []).flatMap((fault) => ['--fault', fault]),
    ...(options.clockOffsetMs === undefined ? [] : [`--clock-offset-ms=${options.clockOffsetMs}`]),
    ...(options.custodianColludes === true ? ['--release-to-any'] : []),
  ];
}

interface Places {
  readonly vm: string;
  /** Where the enclave's connection to its parent's store comes out. */
  readonly store: string;
  /** The enclave's listener, as the relay reaches it. */
  readonly enclave: string;
}

/** The simulated hypervisor has a socket a port; the emulator's device one for the guest, and one a parent's port. */
function placesOf(options: SystemOptions, vm: string): Places {
  if (options.emulator === undefined)
    return {
      vm,
      store: join(vm, 'vsock', `host.${STORE_PORT}`),
      enclave: `unix:${join(vm, 'vsock', `enclave.${RPC_PORT}`)}`,
    };
  return { vm, store: join(vm, `guest_${STORE_PORT}`), enclave: `hybrid:${join(vm, 'guest')}:${RPC_PORT}` };
}

function emulatorArguments(options: SystemOptions, emulator: EmulatorProgram, vm: string): string[] {
  return [
    ...machineArguments(options, vm),
    '--qemu',
    emulator.qemu,
    '--vsock-device',
    emulator.vsock,
    ...emulator.firmware.flatMap((folder) => ['--firmware', folder]),
    `--memory=${emulator.memoryMib}`,
    `--kms-port=${KMS_PORT}`,
  ];
}

function startStore(options: SystemOptions, { store }: Places): Promise<Program> {
  return startProgram('store', 'host/store/main.js', ['--dir', options.store, '--listen', `unix:${store}`]);
}

function startHardware(options: SystemOptions, { vm }: Places): Promise<Program> {
  const { onConsole } = options;
  const watch = onConsole === undefined ? {} : { onLine: onConsole };
  const { emulator } = options;
  if (emulator !== undefined)
    return startProgram(
      'emulated hardware',
      'host/emulator/main.js',
      emulatorArguments(options, emulator, vm),
      {
        ...watch,
        readyMs: EMULATOR_READY_MS,
      },
    );
  return startProgram('simulated hardware', 'host/simulator/main.js', hardwareArguments(options, vm), watch);
}

function startRelay(listen: string, { enclave }: Places): Promise<Program> {
  return startProgram('relay', 'host/relay/main.js', ['--listen', listen, '--to', enclave]);
}

/** Throws what the enclave said when it refused to boot, under its own code. */
export async function launchSystem(options: SystemOptions): Promise<System> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-'));
  chmodSync(folder, 0o700);
  const vm = join(folder, 'vm');
  mkdirSync(join(vm, 'vsock'), { recursive: true, mode: 0o700 });
  const places = placesOf(options, vm);
  const running = new Map<SystemPart, Program>();
  const stop = async (): Promise<void> => {
    for (const program of [...running.values()].toReversed()) await program.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  const starts = {
    store: () => startStore(options, places),
    hardware: () => startHardware(options, places),
    // Once it has taken a port, it keeps it.
    relay: () => startRelay(addressOf(running.get('relay')) ?? options.listen ?? '127.0.0.1:0', places),
  };
  const start = async (part: SystemPart): Promise<Program> => {
    const program = await starts[part]();
    running.set(part, program);
    return program;
  };
  try {
    // The operator's side of a birth: read only by an enclave that finds no keyring.
    mkdirSync(options.store, { recursive: true, mode: 0o700 });
    writeFileSync(join(options.store, 'genesis'), options.genesis);
    for (const part of ['store', 'hardware', 'relay'] as const) await start(part);
  } catch (error) {
    await stop();
    throw error;
  }
  const now = (part: SystemPart): Program => running.get(part) as Program;
  return {
    url: `assay://${String(addressOf(now('relay'))).replace(/^[a-z]+:\/\//, '')}`,
    enclave: places.enclave,
    get store() {
      return now('store');
    },
    get hardware() {
      return now('hardware');
    },
    get relay() {
      return now('relay');
    },
    async restart(part) {
      await now(part).kill('SIGKILL');
      return start(part);
    },
    stop,
  };
}

/** Where a relay listens, as it said itself. */
function addressOf(relay: Program | undefined): string | undefined {
  return relay === undefined ? undefined : String(relay.ready['address']);
}
