/**
 * The emulated hardware as a process of its own:
 *
 *   main --state DIR --image FILE.eif --vm DIR --qemu FILE --vsock-device FILE --firmware DIR… --memory MIB
 *        --kms-port N [--key-policy FILE] [--append TEXT]
 *
 * Standard output has one JSON object a line: the enclave's console and times, and one with the key `ready` once it
 * serves. It ends with status 0 when told to stop, and with 1 when the enclave ends by itself, whose last words are
 * then on standard error.
 */
import { parseArgs } from 'node:util';
import { CODES } from '../../src/base/codes/index.ts';
import { type Code, fail } from '../../src/base/errors.ts';
import { parseEif } from '../../src/image/eif.ts';
import { asProgram, onAbandoned, readInput, say } from '../as-program.ts';
import { refuseBesideHardware } from '../simulator/hardware-guard.ts';
import { parseKeyPolicy, RELEASE_TO_ANYONE } from '../simulator/key-policy.ts';
import { type EmulatorOptions, startEmulator } from './machine.ts';

/** A kernel that has not got as far as init by now will not. */
const HEARTBEAT_MS = 60_000;

function readFlags(args: readonly string[]): Omit<EmulatorOptions, 'onLine'> {
  const one = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      state: one,
      image: one,
      vm: one,
      qemu: one,
      'vsock-device': one,
      firmware: { type: 'string', multiple: true, default: [] },
      memory: one,
      'kms-port': one,
      'key-policy': one,
      append: one,
    },
  });
  const need = (name: 'state' | 'image' | 'vm' | 'qemu' | 'vsock-device' | 'memory' | 'kms-port'): string =>
    values[name] ?? fail('USAGE', `--${name} is missing`);
  const number = (name: 'memory' | 'kms-port'): number =>
    /^\d{1,7}$/.test(need(name)) ? Number(need(name)) : fail('USAGE', `--${name} is not a number`);
  const policy = values['key-policy'];
  return {
    state: need('state'),
    image: need('image'),
    vm: need('vm'),
    qemu: need('qemu'),
    vsock: need('vsock-device'),
    firmware: values.firmware as readonly string[],
    memoryMib: number('memory'),
    kmsPort: number('kms-port'),
    keyPolicy: policy === undefined ? RELEASE_TO_ANYONE : parseKeyPolicy(readInput(policy)),
    now: () => Date.now(),
    ...(values.append === undefined ? {} : { append: values.append }),
  };
}

/** What ended the enclave: its own words before those of init, which only sees that it is gone. */
class LastWords {
  #words: string | null = null;

  hear(line: string): void {
    const [, code = '', detail = ''] = /^(?:init: )?([A-Z][A-Z0-9_]{3,}): (.*)$/.exec(line.trim()) ?? [];
    if (!Object.hasOwn(CODES, code)) return;
    if (this.#words === null || code !== ('EVALUATOR_ENDED' satisfies Code))
      this.#words = `${code}: ${detail}`;
  }

  get text(): string {
    return this.#words ?? 'VM_START_FAILED: the emulated machine ended without a word';
  }
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    return line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

async function main(): Promise<void> {
  refuseBesideHardware();
  const options = readFlags(process.argv.slice(2));
  // A hypervisor that follows other fields than our reader could boot other bytes than were measured.
  parseEif(readInput(options.image));
  const started = performance.now();
  const since = (): number => Math.round(performance.now() - started);
  const last = new LastWords();
  const machine = await startEmulator({
    ...options,
    onLine: (line) => {
      last.hear(line);
      const event = parsed(line);
      if (event !== null) say({ ...event, at_ms: since() });
      else if (line.startsWith('init: ')) say({ event: 'init', line: line.slice(6), at_ms: since() });
      if (event?.['event'] === 'serving')
        say({
          ready: true,
          emulated: true,
          pid: machine.pid,
          module_id: machine.moduleId,
          guest: machine.guest,
        });
    },
  });
  let stopping = false;
  const stop = (status: number): void => {
    if (stopping) return;
    stopping = true;
    void machine.stop().then(() => process.exit(status));
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop(0));
  onAbandoned(() => stop(0));
  const silent = setTimeout(() => {
    last.hear(`HEARTBEAT_MISSING: nothing from the guest within ${HEARTBEAT_MS / 1000} s`);
    process.stderr.write(`${last.text}\n`);
    stop(1);
  }, HEARTBEAT_MS);
  void machine.beaten.then(() => {
    clearTimeout(silent);
    say({ event: 'heartbeat', at_ms: since() });
  });
  await machine.ended;
  if (stopping) return;
  process.stderr.write(`${last.text}\n`);
  stop(1);
}

await asProgram(main);
