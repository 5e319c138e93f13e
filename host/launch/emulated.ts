/**
 * The image and the emulator of `assay run --platform nitro-emulated`: the same kernel, init, Node and enclave as on
 * AWS Nitro, with this installation's authority and the emulator's entry program. Built on first use; minutes once,
 * seconds afterwards.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildEmulator } from '../../images/emulator/index.ts';
import { formatMeasurements } from '../../images/index.ts';
import { readDebianLock } from '../../images/debian/index.ts';
import { buildNitroImage, type NitroImage } from '../../images/nitro/index.ts';
import { nodeCrypto } from '../../native/index.ts';
import { toHex } from '../../src/base/hex.ts';
import { readAuthorityKey } from '../policy/index.ts';
import { hardwareIdentity, keyPolicyFor } from '../simulator/index.ts';
import { emulatedConfig, ORIGIN } from './config.ts';
import { CHECKOUT, type DevHome } from './home.ts';
import type { EmulatorProgram } from './system.ts';

/** A quarter of it is the image unpacked. */
const MEMORY_MIB = 1_024;

export interface Emulated {
  readonly home: DevHome;
  readonly emulator: EmulatorProgram;
  readonly image: NitroImage;
}

/** Throws what the builders throw: TOOLCHAIN_DIFFERS, LOCK_UNAVAILABLE, TOOL_MISSING, BUILD_FAILED, NOT_BUILT. */
export async function prepareEmulated(home: DevHome, onProgress: (text: string) => void): Promise<Emulated> {
  const hardware = await hardwareIdentity(home.simulator);
  const config = emulatedConfig(hardware, readAuthorityKey(home.authorityKey).publicKey);
  const image = await buildNitroImage({
    root: CHECKOUT,
    platform: 'emulated',
    config,
    compression: 12,
    hashing: nodeCrypto,
    onProgress,
  });
  const folder = join(CHECKOUT, 'build', 'emulated');
  const pcr0 = toHex(image.measured.pcr0);
  const emulated: DevHome = {
    ...home,
    store: join(dirname(home.store), `emulated-${pcr0.slice(0, 16)}`),
    keyPolicy: join(folder, 'key-policy.json'),
    image: join(folder, 'assay.eif'),
    measurements: join(folder, 'measurements.json'),
    trust: join(home.folder, 'trust-emulated.json'),
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(emulated.image, image.eif);
  writeFileSync(emulated.keyPolicy, keyPolicyFor(image.measured));
  writeFileSync(
    emulated.measurements,
    formatMeasurements(image.measured, {
      Platform: 'nitro',
      Simulated: true,
      Origin: ORIGIN,
      ConfigDigest: toHex(nodeCrypto.sha256(config)),
      SimulatedRootName: hardware.rootName,
      SimulatedRootSpkiSha256: toHex(hardware.rootSpkiSha256),
    }),
  );
  const emulator = await buildEmulator(readDebianLock(CHECKOUT), onProgress);
  return { home: emulated, image, emulator: { ...emulator, memoryMib: MEMORY_MIB } };
}
