/** The measured configuration of a development installation, and the facts that a trust policy takes from it. */
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import type { HardwareIdentity, SimulatedPlatform } from '../simulator/index.ts';

/** Origins of simulated services start with `sim.` (design section 3, rule 9). */
export const ORIGIN = 'sim.assay.example/first-light';

/** Where the emulated machine's parent answers, and what the machine is like; software keeps no better time. */
export const EMULATED_MACHINE = { clockSource: 'refined-jiffies', parentCid: 2, memoryMib: 768 };
const KMS_PORT = 5002;

/** On simulated hardware, whose root it names. */
export function developmentConfig(
  hardware: HardwareIdentity,
  authority: Uint8Array,
  platform: SimulatedPlatform = 'nitro',
): Uint8Array {
  return formatConfig(`${platform}-simulated`, hardware, authority, {
    simulatedRoots: [{ name: hardware.rootName, spkiSha256: toHex(hardware.rootSpkiSha256) }],
  });
}

/** On an emulated machine, whose module signs nothing. */
export function emulatedConfig(hardware: HardwareIdentity, authority: Uint8Array): Uint8Array {
  return formatConfig('nitro-emulated', hardware, authority, {
    machine: EMULATED_MACHINE,
    kmsPort: KMS_PORT,
  });
}

/** Canonical only in that the same facts give the same bytes; the enclave reads it strictly. */
function formatConfig(
  platform: string,
  hardware: HardwareIdentity,
  authority: Uint8Array,
  own: Readonly<Record<string, unknown>>,
): Uint8Array {
  const authorities = { threshold: 1, keys: [toHex(authority)] };
  const config = {
    version: 1,
    platform,
    origin: ORIGIN,
    rpcPort: 5000,
    storePort: 5001,
    seal: { everySeconds: 10, maxLeaves: 4096 },
    policy: authorities,
    genesis: authorities,
    keyring: { kmsKeyId: hardware.keyArn, predecessors: [] },
    ...own,
    maxValidForMs: 300_000,
  };
  return utf8(`${JSON.stringify(config, null, 1)}\n`);
}
