/**
 * One running service: store, simulated hardware with its enclave, relay. The sockets lie in a private folder of
 * the system's temporary directory, because a Unix socket's path holds at most 107 bytes.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Program, startProgram } from './program.ts';

export interface SystemOptions {
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
  /** Signed genesis order, for a store without a keyring. */
  readonly genesis: Uint8Array;
  /** Sees the enclave's console. */
  readonly onConsole?: (line: string) => void;
}

export interface System {
  /** `assay://127.0.0.1:PORT` */
  readonly url: string;
  /** Unix socket of the enclave itself, as the relay reaches it. */
  readonly socket: string;
  readonly store: Program;
  readonly hardware: Program;
  readonly relay: Program;
  stop(): Promise<void>;
}

const RPC_PORT = 5000;
const STORE_PORT = 5001;

function hardwareArguments(options: SystemOptions, vm: string): string[] {
  return [
    '--state',
    options.simulator,
    '--image',
    options.image,
    '--vm',
    vm,
    ...(options.faults ?? []).flatMap((fault) => ['--fault', fault]),
    ...(options.clockOffsetMs === undefined ? [] : [`--clock-offset-ms=${options.clockOffsetMs}`]),
    ...(options.keyPolicy === undefined ? [] : ['--key-policy', options.keyPolicy]),
    ...(options.custodianColludes === true ? ['--release-to-any'] : []),
  ];
}

/** Throws what the enclave said when it refused to boot, under its own code. */
export async function launchSystem(options: SystemOptions): Promise<System> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-'));
  chmodSync(folder, 0o700);
  const vm = join(folder, 'vm');
  mkdirSync(join(vm, 'vsock'), { recursive: true, mode: 0o700 });
  const started: Program[] = [];
  const stop = async (): Promise<void> => {
    for (const program of started.toReversed()) await program.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  const start = async (...args: Parameters<typeof startProgram>): Promise<Program> => {
    const program = await startProgram(...args);
    started.push(program);
    return program;
  };
  try {
    const socket = join(vm, 'vsock', `enclave.${RPC_PORT}`);
    // The operator's side of a birth: read only by an enclave that finds no keyring.
    mkdirSync(options.store, { recursive: true, mode: 0o700 });
    writeFileSync(join(options.store, 'genesis'), options.genesis);
    const store = await start('store', 'host/store/main.js', [
      '--dir',
      options.store,
      '--listen',
      `unix:${join(vm, 'vsock', `host.${STORE_PORT}`)}`,
    ]);
    const hardware = await start(
      'simulated hardware',
      'host/simulator/main.js',
      hardwareArguments(options, vm),
      options.onConsole === undefined ? {} : { onLine: options.onConsole },
    );
    const relay = await start('relay', 'host/relay/main.js', [
      '--listen',
      options.listen ?? '127.0.0.1:0',
      '--to',
      `unix:${socket}`,
    ]);
    return {
      url: `assay://${String(relay.ready['address']).replace(/^[a-z]+:\/\//, '')}`,
      socket,
      store,
      hardware,
      relay,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
