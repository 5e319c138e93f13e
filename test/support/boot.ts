/**
 * A machine for `boot` in this process: the simulated module, the simulated KMS behind its socket and a real store
 * in a folder, all of which write down what the boot asks of them, in order.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { boot, type Booted, type Machine } from '../../enclave/boot.ts';
import { createKmsBackend } from '../../enclave/keys/kms.ts';
import { documentsOf } from '../../enclave/keys/release.ts';
import { readFile, type StoreClient } from '../../enclave/ledger/index.ts';
import type { Platform } from '../../enclave/platform/index.ts';
import { SIMULATED_CONFIG } from '../../enclave/platform/simulated-config.ts';
import { keyPolicyFor, parseKeyPolicy } from '../../host/simulator/key-policy.ts';
import { createKms, type Kms, signedDocuments } from '../../host/simulator/kms.ts';
import { serveKms } from '../../host/simulator/kms-server.ts';
import { nodeCrypto } from '../../native/index.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import { decodeLeaf, type Leaf } from '../../src/log/leaf.ts';
import { decodeEntries } from '../../src/log/tile.ts';
import { compileBundle, createEngines } from '../../src/policy/index.ts';
import { cedarModule } from '../policy/support.ts';
import { type Authority, genesisOrderOf, KEY_ID, TEST_ORIGIN, testEnclave } from './enclave.ts';
import { localStore, testStore } from './ledger.ts';
import { MEASURED, type SimulatedMachine } from './simulated.ts';

/** What a boot did, in order; a read or a publication is not in it, because neither changes anything. */
export interface BootBench {
  readonly machine: Machine;
  readonly platform: Platform;
  readonly hardware: SimulatedMachine;
  readonly events: string[];
  readonly leaves: Leaf[];
  boot(): Promise<Booted>;
  /** Calls a method of the booted enclave, as a client with this key. */
  call(booted: Booted, name: string, request: object, peer?: Uint8Array): Promise<unknown>;
}

export interface BootOptions {
  /** Of the store; a second boot takes the folder of the first. */
  readonly folder: string;
  readonly authorities: readonly Authority[];
  /** In place of the valid configuration. */
  readonly config?: Uint8Array;
  readonly changes?: (platform: Platform) => Partial<Platform>;
}

function recordingPlatform(platform: Platform, events: string[]): Platform {
  return {
    ...platform,
    async random(length) {
      events.push(`random ${length}`);
      return platform.random(length);
    },
    async measureConfiguration(digest) {
      events.push(`measure ${toHex(digest)}`);
      await platform.measureConfiguration(digest);
    },
    async quote(request) {
      events.push(request.recipient === null ? 'quote' : 'quote for release');
      return platform.quote(request);
    },
  };
}

function recordingStore(store: StoreClient, events: string[], leaves: Leaf[]): StoreClient {
  return {
    ...store,
    async open() {
      events.push('open');
      return store.open();
    },
    async read(path, offset) {
      if (path === 'keyring') events.push('read keyring');
      return store.read(path, offset);
    },
    async put(path, data) {
      await store.put(path, data);
      events.push(`put ${path.replace(/[0-9a-f]{64}$/, 'digest')}`);
    },
    async stage(batch) {
      const staged = decodeEntries(batch.entries, batch.count).map((entry) => decodeLeaf(entry));
      events.push(...staged.map(({ kind }) => `stage ${kind}`));
      leaves.push(...staged);
      await store.stage(batch);
    },
  };
}

/** A custodian that releases to the measured image. */
async function serveCustodian(
  folder: string,
  machine: SimulatedMachine,
  events: string[],
): Promise<{ readonly path: string; close(): Promise<void> }> {
  const { rootName: name, rootSpkiSha256: spkiSha256 } = machine.hardware;
  const kms = createKms({
    keyArn: KEY_ID,
    masterKey: new Uint8Array(32).fill(3),
    policy: () => parseKeyPolicy(utf8(keyPolicyFor(MEASURED))),
    documents: signedDocuments({ name, spkiSha256 }),
    now: () => machine.now,
  });
  const watched: Kms = {
    async handle(target, body) {
      events.push(target.replace('TrentService.', 'kms '));
      return kms.handle(target, body);
    },
  };
  const path = join(folder, `kms-${events.length}-${Math.random().toString(36).slice(2)}`);
  const server = await serveKms(path, watched);
  return { path, close: () => server.close() };
}

export async function bootBench(options: BootOptions): Promise<BootBench> {
  const events: string[] = [];
  const leaves: Leaf[] = [];
  const { folder, authorities } = options;
  const { machine: hardware, platform, configBytes } = await testEnclave({ authorities });
  const engines = createEngines({ cedar: cedarModule });
  const custodian = await serveCustodian(folder, hardware, events);
  const machine: Machine = {
    platform: recordingPlatform({ ...platform, ...options.changes?.(platform) }, events),
    crypto: nodeCrypto,
    platformConfig: SIMULATED_CONFIG,
    config: options.config ?? configBytes,
    store: async () =>
      recordingStore(
        localStore(() => testStore(join(folder, 'store'))),
        events,
        leaves,
      ),
    release: ({ keyring }, attestTo) =>
      createKmsBackend({
        connect: async () => connect(custodian.path),
        host: 'kms.simulated',
        keyId: keyring.kmsKeyId,
        attest: documentsOf(attestTo('aws-kms')),
        hashing: nodeCrypto,
      }),
    compile: async (bundle) => compileBundle(bundle, { hashing: nodeCrypto, engines }),
    monotonicNs: () => BigInt(hardware.now) * 1_000_000n,
    console: ({ event, code }) => events.push(code === undefined ? `: ${event}` : `: ${event} ${code}`),
  };
  return {
    machine,
    platform,
    hardware,
    events,
    leaves,
    boot: () => boot(machine).finally(() => custodian.close()),
    async call(booted, name, request, peer) {
      const found = booted.services.find(({ method }) => method.name === name);
      return found?.handle(request, { peerSpkiHash: peer ?? null, exporter: () => new Uint8Array(32) });
    },
  };
}

/** Lays a genesis order where the first boot looks for it, as the operator does. */
export function layGenesis(
  { folder, authorities }: Pick<BootOptions, 'folder' | 'authorities'>,
  notAfter: number,
): void {
  const order = { origin: TEST_ORIGIN, keyringId: null, notAfter, nonce: new Uint8Array(32) };
  mkdirSync(join(folder, 'store'));
  writeFileSync(join(folder, 'store/genesis'), genesisOrderOf(order, authorities));
}

/** PCR16 as the module itself gives it. */
export async function register16({ platform }: BootBench): Promise<string> {
  const quote = await platform.quote({ binding: new Uint8Array(64), challenge: null, recipient: null });
  return toHex(parseNitro(quote.evidence).pcrs[16] ?? new Uint8Array(0));
}

/** The value of a zero register after one extension with the digest of these bytes. */
export const extendedWith = (config: Uint8Array): string =>
  toHex(nodeCrypto.sha384(new Uint8Array(48), nodeCrypto.sha256(config)));

/** A file that the host keeps. */
export async function kept({ folder }: Pick<BootOptions, 'folder'>, path: string): Promise<Uint8Array> {
  const store = localStore(() => testStore(`${folder}/store`));
  await store.open();
  return (await readFile(store, path, 1 << 20)) ?? new Uint8Array(0);
}
