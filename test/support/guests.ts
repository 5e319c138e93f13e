/**
 * Simulated TDX and SEV-SNP guests in this process: hardware from a fixed seed, the device behind the platform that the
 * enclave uses, and what a user would trust of it. The clock is settable.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { snpKin } from '../../enclave/attest/snp-kin.ts';
import { tdxKin } from '../../enclave/attest/tdx-kin.ts';
import { createKin, type Kin } from '../../enclave/attest/kin.ts';
import { type EnclaveConfig, parseConfig } from '../../enclave/config.ts';
import type { Platform } from '../../enclave/platform/index.ts';
import { simulatedConfig } from '../../enclave/platform/simulated-config.ts';
import { simulatedGuest } from '../../enclave/platform/simulated-guest.ts';
import { createSnpPlatform } from '../../enclave/platform/snp.ts';
import { createTdxPlatform } from '../../enclave/platform/tdx.ts';
import { guestTrust } from '../../host/launch/guest-trust.ts';
import { ORIGIN } from '../../host/launch/index.ts';
import { type Hardware, type LaunchedGuest, openHardware } from '../../host/simulator/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import type { ImageMeasurements } from '../../src/image/pcr.ts';
import { readTrustPolicy, type TrustPolicy } from '../../verifier/index.ts';
import { MEASURED } from './simulated.ts';

export type GuestKind = 'tdx' | 'snp';
export const GUEST_KINDS: readonly GuestKind[] = ['tdx', 'snp'];
export const GUEST_TIME = Date.UTC(2026, 10, 20, 12, 34, 56, 789);
export const AUTHORITY: Uint8Array = new Uint8Array(32).fill(0xaa);

export interface GuestChoice {
  readonly faults?: readonly string[];
  readonly measured?: ImageMeasurements;
  /** Of the hardware: another one has another root. */
  readonly seed?: number;
  readonly now?: number;
  /** In place of the digest that the hypervisor puts into HOST_DATA. */
  readonly hostData?: Uint8Array;
  readonly config?: JsonObject;
}

export interface GuestBench {
  readonly kind: GuestKind;
  readonly hardware: Hardware;
  readonly guest: LaunchedGuest;
  readonly platform: Platform;
  readonly config: EnclaveConfig;
  readonly configBytes: Uint8Array;
  readonly configDigest: Uint8Array;
  kin(): Promise<Kin>;
  /** The hypervisor's clock. */
  now: number;
}

const root = mkdtempSync(join(tmpdir(), 'assay-guests-'));
process.once('exit', () => rmSync(root, { recursive: true, force: true }));

/** A state folder of the simulator with this seed; keys that were found once are found there again. */
export function stateOf(seed = 1): string {
  const folder = join(root, String(seed));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'seed'), new Uint8Array(32).fill(seed), { mode: 0o600 });
  return folder;
}

export async function guestBench(kind: GuestKind, choice: GuestChoice = {}): Promise<GuestBench> {
  const bench = { kind, now: choice.now ?? GUEST_TIME } as {
    -readonly [K in keyof GuestBench]: GuestBench[K];
  };
  const request = { state: stateOf(choice.seed), faults: choice.faults ?? [], now: () => bench.now };
  const hardware = await openHardware(kind, request);
  const orders = { threshold: 1, keys: [toHex(AUTHORITY)] };
  const configBytes = utf8(
    JSON.stringify({
      version: 1,
      platform: `${kind}-simulated`,
      origin: ORIGIN,
      rpcPort: 5000,
      storePort: 5001,
      seal: { everySeconds: 3_600, maxLeaves: 1_000 },
      policy: orders,
      genesis: orders,
      keyring: { kmsKeyId: hardware.keyId, predecessors: [] },
      simulatedRoots: [{ name: hardware.rootName, spkiSha256: toHex(hardware.rootSpkiSha256) }],
      maxValidForMs: 300_000,
      ...choice.config,
    }),
  );
  const configDigest = nodeCrypto.sha256(configBytes);
  const measured = choice.measured ?? MEASURED;
  const guest = hardware.launch({ measured, configDigest: choice.hostData ?? configDigest });
  const device = simulatedGuest({ request: (bytes) => guest.handle(bytes) });
  const platform =
    kind === 'tdx'
      ? createTdxPlatform(device, { simulated: true, hashing: nodeCrypto })
      : createSnpPlatform(device, { simulated: true });
  const config = parseConfig(configBytes, simulatedConfig(kind, kind === 'tdx' ? tdxKin : snpKin));
  return Object.assign(bench, {
    hardware,
    guest,
    platform,
    config,
    configBytes,
    configDigest,
    kin: async () => createKin({ crypto: nodeCrypto, config, image: await platform.image() }),
  });
}

/** What the owner of this very machine and program writes; `changes` replace top-level keys. */
export async function trustOf(
  { kind, hardware, guest, configBytes, now }: GuestBench,
  changes: JsonObject = {},
): Promise<TrustPolicy> {
  const { rootName, rootSpkiSha256 } = hardware;
  const facts = { platform: kind, rootName, rootSpkiSha256, config: configBytes, authority: AUTHORITY, now };
  return readTrustPolicy({ ...(await guestTrust(guest, facts)), ...changes });
}
