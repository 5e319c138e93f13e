/**
 * An enclave's parts on simulated hardware in this process: platform, configuration, boot keys, clock, and a store
 * in memory that a test can look into and change.
 */
import { type BootKeys, makeBootKeys } from '../../enclave/keys/index.ts';
import { createKin, type Kin } from '../../enclave/attest/kin.ts';
import { type EnclaveConfig, parseConfig } from '../../enclave/config.ts';
import { SIMULATED_CONFIG } from '../../enclave/platform/simulated-config.ts';
import type { StoreClient } from '../../enclave/ledger/index.ts';
import { createClock, type EnclaveClock } from '../../enclave/platform/clock.ts';
import type { Platform } from '../../enclave/platform/index.ts';
import { createNitroPlatform } from '../../enclave/platform/nitro.ts';
import { createNsm } from '../../host/simulator/nsm.ts';
import { generateSigner, nodeCrypto } from '../../native/index.ts';
import { utf8 } from '../../src/base/bytes.ts';
import type { Signer } from '../../src/base/crypto.ts';
import { ed25519Raw } from '../../src/base/ed25519.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import type { ImageMeasurements } from '../../src/image/pcr.ts';
import {
  encodeGenesisOrder,
  encodePolicyOrder,
  encodeSignedOrder,
  type GenesisOrder,
  type OrderKind,
  orderMessage,
  type PolicyOrder,
} from '../../src/statement/order.ts';
import { MEASURED, simulatedMachine, type SimulatedMachine } from './simulated.ts';

export const TEST_ORIGIN = 'sim.example.org/enclave';
export const KEY_ID = 'arn:assay-sim:kms:local-1:000000000000:key/00000000-0000-0000-0000-000000000001';

/** An order authority. */
export interface Authority {
  readonly signer: Signer;
  readonly raw: Uint8Array;
}

export function makeAuthority(): Authority {
  const signer = generateSigner('Ed25519');
  return { signer, raw: ed25519Raw(signer.spki) };
}

export function signed(kind: OrderKind, order: Uint8Array, by: readonly Authority[]): Uint8Array {
  const message = orderMessage(nodeCrypto, kind, order);
  return encodeSignedOrder({
    order,
    signatures: by.map(({ signer, raw }) => ({ key: raw, signature: signer.sign(message) })),
  });
}

export function policyOrder(order: PolicyOrder, by: readonly Authority[]): Uint8Array {
  return signed('policy', encodePolicyOrder(order), by);
}

export function genesisOrderOf(order: GenesisOrder, by: readonly Authority[]): Uint8Array {
  return signed('genesis', encodeGenesisOrder(order), by);
}

export interface TestEnclave {
  readonly machine: SimulatedMachine;
  readonly platform: Platform;
  readonly config: EnclaveConfig;
  readonly configBytes: Uint8Array;
  readonly configDigest: Uint8Array;
  readonly authorities: readonly Authority[];
  readonly keys: BootKeys;
  readonly kin: Kin;
  readonly clock: EnclaveClock;
  readonly store: MemoryStore;
}

export interface EnclaveChanges {
  readonly measured?: ImageMeasurements;
  readonly config?: JsonObject;
  readonly authorities?: readonly Authority[];
  readonly threshold?: number;
  readonly faults?: readonly string[];
  readonly store?: MemoryStore;
  /** Random of the simulated hardware: another one has another root. */
  readonly seed?: number;
}

export async function testEnclave(changes: EnclaveChanges = {}): Promise<TestEnclave> {
  const machine = await simulatedMachine(changes.faults ?? [], changes.seed);
  const { module, hardware } = machine;
  const authorities = changes.authorities ?? [makeAuthority(), makeAuthority()];
  const orders = { threshold: changes.threshold ?? 1, keys: authorities.map(({ raw }) => toHex(raw)) };
  const configBytes = utf8(
    JSON.stringify({
      version: 1,
      platform: 'nitro-simulated',
      origin: TEST_ORIGIN,
      rpcPort: 5000,
      storePort: 5001,
      seal: { everySeconds: 3_600, maxLeaves: 1_000 },
      policy: orders,
      genesis: orders,
      keyring: { kmsKeyId: KEY_ID, predecessors: [] },
      simulatedRoots: [{ name: hardware.rootName, spkiSha256: toHex(hardware.rootSpkiSha256) }],
      maxValidForMs: 300_000,
      ...changes.config,
    }),
  );
  const nsm = createNsm(module, module.bootRegisters(changes.measured ?? MEASURED));
  const platform = createNitroPlatform({ request: (bytes) => nsm.handle(bytes) }, { simulated: true });
  const config = parseConfig(configBytes, SIMULATED_CONFIG);
  return {
    machine,
    platform,
    config,
    configBytes,
    configDigest: nodeCrypto.sha256(configBytes),
    authorities,
    keys: makeBootKeys(nodeCrypto, await platform.random(32)),
    kin: createKin({ crypto: nodeCrypto, config, image: await platform.image() }),
    clock: machineClock(machine),
    store: changes.store ?? memoryStore(),
  };
}

/** The enclave's clock over the settable one of the machine. */
export function machineClock(machine: SimulatedMachine): EnclaveClock {
  return createClock('test', () => BigInt(machine.now) * 1_000_000n, machine.now, 0);
}

export interface MemoryStore extends StoreClient {
  readonly files: Map<string, Uint8Array>;
}

/** Files only: what keyring and policies need of a store. */
export function memoryStore(): MemoryStore {
  const files = new Map<string, Uint8Array>();
  const unused = (): never => {
    throw new Error('this store keeps files only');
  };
  return {
    files,
    open: async () => ({ published: 0, next: 0 }),
    stage: unused,
    staged: unused,
    publish: unused,
    onLost: () => undefined,
    async read(path, offset) {
      const file = files.get(path);
      return { found: file !== undefined, data: file?.subarray(offset) ?? new Uint8Array(0), more: false };
    },
    async put(path, data) {
      files.set(path, data.slice());
    },
  };
}
