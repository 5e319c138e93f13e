/**
 * The simulated hardware as a process of its own.
 *
 *   main --state DIR --image FILE --vm DIR [--platform nitro|tdx|snp] [--node FILE] [--key-policy FILE]
 *        [--fault NAME]… [--clock-offset-ms N] [--release-to-any]
 *
 * Standard output has one JSON object a line: the enclave's console, and one with the key `ready` once the enclave
 * serves. It ends with status 0 when told to stop (SIGTERM, SIGINT, or the pipe on its standard input closing),
 * and with 1 when the enclave ends by itself, whose last words are then on standard error.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { asProgram, onAbandoned, readInput, say } from '../as-program.ts';
import { readPlatform } from './hardware.ts';
import { refuseBesideHardware } from './hardware-guard.ts';
import { type Machine, type MachineOptions, startMachine } from './machine.ts';

const READY_EVENT = 'serving';
const SOCKET_WAIT_MS = 20;

function readFlags(args: readonly string[]): MachineOptions {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      platform: { type: 'string', default: 'nitro' },
      state: { type: 'string' },
      image: { type: 'string' },
      vm: { type: 'string' },
      node: { type: 'string', default: process.execPath },
      'key-policy': { type: 'string' },
      fault: { type: 'string', multiple: true, default: [] },
      'clock-offset-ms': { type: 'string', default: '0' },
      'release-to-any': { type: 'boolean', default: false },
    },
  });
  const need = (name: 'state' | 'image' | 'vm'): string =>
    values[name] ?? fail('USAGE', `--${name} is missing`);
  const offset = values['clock-offset-ms'];
  if (!/^-?\d{1,15}$/.test(offset)) fail('USAGE', '--clock-offset-ms is not a whole number');
  const policy = values['key-policy'];
  return {
    platform: readPlatform(values.platform),
    state: need('state'),
    image: readInput(need('image')),
    vm: need('vm'),
    node: values.node,
    faults: values.fault,
    now: () => Date.now() + Number(offset),
    keyPolicy: policy === undefined ? null : readInput(policy),
    releaseToAnyone: values['release-to-any'],
  };
}

function readyLine(machine: Machine): Readonly<Record<string, unknown>> {
  const { platform, moduleId } = machine;
  const measurements = Object.entries(machine.measurements).map(([name, value]) => [name, toHex(value)]);
  return {
    ready: true,
    simulated: true,
    pid: machine.vm.child.pid,
    ...(moduleId === null ? {} : { module_id: moduleId }),
    measurements: Object.fromEntries(measurements),
    root: { platform, name: machine.rootName, spki_sha256: toHex(machine.rootSpkiSha256) },
    key_id: machine.keyId,
  };
}

/** Passes the console on, and says when the enclave's listener is there. */
function follow(machine: Machine, vmFolder: string): void {
  const { stdout, stderr } = machine.vm.child;
  if (stdout === null || stderr === null) fail('VM_START_FAILED', 'the enclave has no console');
  let announced = false;
  createInterface({ input: stdout }).on('line', (line) => {
    process.stdout.write(`${line}\n`);
    const port = announced ? null : servingPort(line);
    if (port === null) return;
    announced = true;
    whenThere(join(vmFolder, 'vsock', `enclave.${port}`), () => say(readyLine(machine)));
  });
  stderr.pipe(process.stderr);
}

function servingPort(line: string): number | null {
  if (!line.startsWith('{')) return null;
  try {
    const { event, port } = JSON.parse(line) as { event?: unknown; port?: unknown };
    return event === READY_EVENT && typeof port === 'number' && Number.isInteger(port) ? port : null;
  } catch {
    return null;
  }
}

function whenThere(path: string, then: () => void): void {
  if (existsSync(path)) then();
  else setTimeout(() => whenThere(path, then), SOCKET_WAIT_MS).unref();
}

async function main(): Promise<void> {
  refuseBesideHardware();
  const options = readFlags(process.argv.slice(2));
  const machine = await startMachine(options);
  let stopping: Promise<void> | null = null;
  const stop = (status: number): void => {
    stopping ??= machine.stop().then(() => process.exit(status));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop(0));
  onAbandoned(() => stop(0));
  follow(machine, options.vm);
  const { status, signal } = await machine.vm.ended;
  if (stopping !== null) return;
  say({ event: 'enclave-ended', status, signal });
  stop(1);
}

await asProgram(main);
