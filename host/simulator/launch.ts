/**
 * The simulated hypervisor: unpacks a program image into a private read-only folder, measures the very bytes that
 * it unpacked, and starts Node on them with nothing else: no environment, no arguments, the VM folder as working
 * directory. Who changes one byte of the image gets other registers, or does not start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  measureProgram,
  type Program,
  PROGRAM_ENTRY,
  PROGRAM_NODE,
  readProgram,
} from '../../images/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { AssayError } from '../../src/base/errors.ts';
import type { ImageMeasurements } from '../../src/image/pcr.ts';

/** Folder inside the VM folder; the enclave finds its program there. */
const PROGRAM_FOLDER = 'program';
const PRIVATE_FOLDER = 0o700;
const READ_ONLY_FOLDER = 0o500;
const READ_ONLY_FILE = 0o400;

export interface Prepared {
  readonly program: Program;
  readonly measured: ImageMeasurements;
  /** Absolute path of the unpacked program. */
  readonly folder: string;
}

export interface Vm {
  readonly child: ChildProcess;
  /** Status or signal of the enclave, when it is gone. */
  readonly ended: Promise<{ readonly status: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Pulls the plug, and waits. */
  stop(): Promise<void>;
}

/**
 * Unpacks and measures. `vm` must exist; a program folder left in it by an earlier run is replaced. Throws
 * PROGRAM_INVALID, PROGRAM_RUNTIME_MISMATCH, the code of a broken image, or VM_START_FAILED for the folder.
 */
export function prepareProgram(image: Uint8Array, nodePath: string, vm: string): Prepared {
  const program = readProgram(image);
  const folder = join(vm, PROGRAM_FOLDER);
  try {
    removeProgram(vm);
    mkdirSync(folder, { mode: PRIVATE_FOLDER });
    const node = join(folder, PROGRAM_NODE);
    copyFileSync(nodePath, node, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    chmodSync(node, READ_ONLY_FOLDER);
    for (const { path, kind, data } of program.files) {
      const target = join(folder, path);
      if (kind === 'file') writeFileSync(target, data, { flag: 'wx', mode: READ_ONLY_FILE });
      else if (!existsSync(target)) mkdirSync(target, { mode: PRIVATE_FOLDER });
    }
    for (const path of [folder, ...foldersBelow(folder)]) chmodSync(path, READ_ONLY_FOLDER);
    return {
      program,
      measured: measureProgram(nodeCrypto, program, new Uint8Array(readFileSync(node))),
      folder,
    };
  } catch (error) {
    removeProgram(vm);
    if (error instanceof AssayError) throw error;
    throw new AssayError('VM_START_FAILED', `cannot unpack the program into ${folder}`, { cause: error });
  }
}

/** Starts the prepared program. Standard streams are pipes of the caller. */
export function startVm({ program, folder }: Prepared, vm: string): Vm {
  const child = spawn(
    join(folder, PROGRAM_NODE),
    [...program.nodeFlags, join(PROGRAM_FOLDER, PROGRAM_ENTRY)],
    {
      cwd: vm,
      env: {},
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  const ended = new Promise<{ status: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('error', () => resolve({ status: null, signal: null }));
    child.once('close', (status, signal) => resolve({ status, signal }));
  });
  // An enclave that does not read its input must not end the hypervisor.
  child.stdin?.on('error', () => {});
  return {
    child,
    ended,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Removes the program folder, which nobody may write to, its owner included. */
export function removeProgram(vm: string): void {
  const folder = join(vm, PROGRAM_FOLDER);
  if (!existsSync(folder)) return;
  chmodSync(folder, PRIVATE_FOLDER);
  for (const path of foldersBelow(folder)) chmodSync(path, PRIVATE_FOLDER);
  rmSync(folder, { recursive: true, force: true });
}

function foldersBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}
