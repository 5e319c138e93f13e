/** One simulated machine, put together: hardware, devices in the VM folder, release backend, enclave. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configDigest } from '../../images/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Millis } from '../../src/base/clock.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { type LaunchedGuest, openHardware, type SimulatedPlatform } from './hardware.ts';
import { type KeyPolicy, parseKeyPolicy, RELEASE_TO_ANYONE } from './key-policy.ts';
import { serveKms } from './kms-server.ts';
import { prepareProgram, removeProgram, startVm, type Vm } from './launch.ts';
import { serveNsm } from './nsm-server.ts';
import { openSeed } from './state.ts';

export interface MachineOptions {
  readonly platform: SimulatedPlatform;
  /** Private folder with the seed and the key policy; the same folder is the same hardware. */
  readonly state: string;
  readonly image: Uint8Array;
  /** The Node binary that stands for the kernel. */
  readonly node: string;
  /** Folder with the machine's devices and sockets; becomes the enclave's working directory. */
  readonly vm: string;
  /** Named faults, of this platform. */
  readonly faults: readonly string[];
  /** The hypervisor's clock. */
  readonly now: () => Millis;
  /** Replaces the key policy in force; null keeps it, or makes one for this image where there is none. */
  readonly keyPolicy: Uint8Array | null;
  /** The custodian gives keys to whoever asks. */
  readonly releaseToAnyone: boolean;
}

export interface Machine {
  readonly platform: SimulatedPlatform;
  readonly measurements: LaunchedGuest['measurements'];
  /** Of a Nitro module. */
  readonly moduleId: string | null;
  readonly keyId: string;
  readonly rootName: string;
  readonly rootSpkiSha256: Uint8Array;
  readonly vm: Vm;
  stop(): Promise<void>;
}

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const { platform, vm: folder } = options;
  const hardware = await openHardware(platform, options);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const dev = join(folder, 'dev');
  rmSync(dev, { recursive: true, force: true });
  mkdirSync(dev, { mode: 0o700 });
  mkdirSync(join(folder, 'vsock'), { recursive: true, mode: 0o700 });
  const prepared = prepareProgram(options.image, options.node, folder);
  const { measured, program } = prepared;
  const guest = hardware.launch({ measured, configDigest: configDigest(nodeCrypto, program) });
  const policy = options.releaseToAnyone ? RELEASE_TO_ANYONE : keyPolicyInForce(options, guest);
  const servers = [
    await serveNsm(join(dev, guest.device), guest),
    await serveKms(join(dev, 'kms'), hardware.custodian(policy)),
  ];
  const vm = startVm(prepared, folder);
  const { rootName, rootSpkiSha256, keyId } = hardware;
  return {
    platform,
    measurements: guest.measurements,
    moduleId: guest.moduleId,
    keyId,
    rootName,
    rootSpkiSha256,
    vm,
    async stop() {
      await vm.stop();
      for (const server of servers) await server.close();
      removeProgram(folder);
      rmSync(dev, { recursive: true, force: true });
    },
  };
}

/** Each kind of hardware has a custodian with a key of its own, and a policy of its own for it. */
const policyFile = (platform: SimulatedPlatform): string =>
  platform === 'nitro' ? 'key-policy.json' : `key-policy-${platform}.json`;

/** What the owner of the key does for an image that he trusts: replaces the key policy by one that names it. */
export function setKeyPolicy(state: string, policy: Uint8Array, platform: SimulatedPlatform = 'nitro'): void {
  parseKeyPolicy(policy);
  openSeed(state);
  writeFileSync(join(state, policyFile(platform)), policy, { mode: 0o600 });
}

/** An owner makes the key for the image that he deploys first; later images need his new policy. */
function keyPolicyInForce(
  { state, platform, keyPolicy }: MachineOptions,
  { keyPolicy: own }: LaunchedGuest,
): KeyPolicy {
  const path = join(state, policyFile(platform));
  if (keyPolicy !== null) setKeyPolicy(state, keyPolicy, platform);
  else if (!existsSync(path)) setKeyPolicy(state, utf8(own), platform);
  try {
    return parseKeyPolicy(new Uint8Array(readFileSync(path)));
  } catch (error) {
    if (error instanceof AssayError) throw error;
    return fail('SIMULATOR_STATE_INVALID', `cannot read ${path}`, { cause: error });
  }
}
