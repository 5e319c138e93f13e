/** One simulated machine, put together: hardware, devices in the VM folder, release backend, enclave. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Millis } from '../../src/base/clock.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import type { ImageMeasurements } from '../../src/image/pcr.ts';
import type { Faults } from './faults.ts';
import { type KeyPolicy, keyPolicyFor, parseKeyPolicy, RELEASE_TO_ANYONE } from './key-policy.ts';
import { createKms, signedDocuments } from './kms.ts';
import { serveKms } from './kms-server.ts';
import { prepareProgram, removeProgram, startVm, type Vm } from './launch.ts';
import { createNitroHardware } from './nitro.ts';
import { createNsm } from './nsm.ts';
import { serveNsm } from './nsm-server.ts';
import { deriveFrom, keyArnOf, openSeed } from './state.ts';

export interface MachineOptions {
  /** Private folder with the seed and the key policy; the same folder is the same hardware. */
  readonly state: string;
  readonly image: Uint8Array;
  /** The Node binary that stands for the kernel. */
  readonly node: string;
  /** Folder with the machine's devices and sockets; becomes the enclave's working directory. */
  readonly vm: string;
  readonly faults: Faults;
  /** The hypervisor's clock. */
  readonly now: () => Millis;
  /** Replaces the key policy in force; null keeps it, or makes one for this image where there is none. */
  readonly keyPolicy: Uint8Array | null;
  /** The custodian gives keys to whoever asks. */
  readonly releaseToAnyone: boolean;
}

export interface Machine {
  readonly measured: ImageMeasurements;
  readonly moduleId: string;
  readonly instanceId: string;
  readonly keyArn: string;
  readonly rootName: string;
  readonly rootSpkiSha256: Uint8Array;
  readonly vm: Vm;
  stop(): Promise<void>;
}

const KEY_POLICY_FILE = 'key-policy.json';

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const { state, vm: folder, faults, now } = options;
  const derive = deriveFrom(openSeed(state));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const dev = join(folder, 'dev');
  rmSync(dev, { recursive: true, force: true });
  mkdirSync(dev, { mode: 0o700 });
  mkdirSync(join(folder, 'vsock'), { recursive: true, mode: 0o700 });
  const prepared = prepareProgram(options.image, options.node, folder);
  const { measured } = prepared;
  const hardware = await createNitroHardware({ derive, faults, now });
  const module = hardware.launch();
  const policy = options.releaseToAnyone ? RELEASE_TO_ANYONE : keyPolicyInForce(options, measured);
  const kms = createKms({
    keyArn: keyArnOf(derive),
    masterKey: derive('kms/master', 32),
    policy: () => policy,
    documents: signedDocuments({ name: hardware.rootName, spkiSha256: hardware.rootSpkiSha256 }),
    now,
  });
  const servers = [
    await serveNsm(join(dev, 'nsm'), createNsm(module, module.bootRegisters(measured))),
    await serveKms(join(dev, 'kms'), kms),
  ];
  const vm = startVm(prepared, folder);
  return {
    measured,
    moduleId: module.moduleId,
    instanceId: hardware.instanceId,
    keyArn: keyArnOf(derive),
    rootName: hardware.rootName,
    rootSpkiSha256: hardware.rootSpkiSha256,
    vm,
    async stop() {
      await vm.stop();
      for (const server of servers) await server.close();
      removeProgram(folder);
      rmSync(dev, { recursive: true, force: true });
    },
  };
}

/** What the owner of the key does for an image that he trusts: replaces the key policy by one that names it. */
export function setKeyPolicy(state: string, policy: Uint8Array): void {
  parseKeyPolicy(policy);
  openSeed(state);
  writeFileSync(join(state, KEY_POLICY_FILE), policy, { mode: 0o600 });
}

/** An owner makes the key for the image that he deploys first; later images need his new policy. */
function keyPolicyInForce(options: MachineOptions, measured: ImageMeasurements): KeyPolicy {
  const path = join(options.state, KEY_POLICY_FILE);
  if (options.keyPolicy !== null) setKeyPolicy(options.state, options.keyPolicy);
  else if (!existsSync(path)) setKeyPolicy(options.state, utf8(keyPolicyFor(measured)));
  try {
    return parseKeyPolicy(new Uint8Array(readFileSync(path)));
  } catch (error) {
    if (error instanceof AssayError) throw error;
    return fail('SIMULATOR_STATE_INVALID', `cannot read ${path}`, { cause: error });
  }
}
