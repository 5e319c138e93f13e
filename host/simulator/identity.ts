/** What others must know of one simulated machine before it runs: the root to name and the key to ask for. */
import { openHardware, type SimulatedPlatform } from './hardware.ts';

export interface HardwareIdentity {
  /** Common name of the root. */
  readonly rootName: string;
  /** SHA-256 of the root's SubjectPublicKeyInfo. */
  readonly rootSpkiSha256: Uint8Array;
  /** DER. */
  readonly rootCertificate: Uint8Array;
  /** The release backend's name for its key: on Nitro an ARN. */
  readonly keyArn: string;
}

/** Reads the state folder, or makes it with a new random seed. */
export async function hardwareIdentity(
  state: string,
  platform: SimulatedPlatform = 'nitro',
): Promise<HardwareIdentity> {
  const { rootName, rootSpkiSha256, rootCertificate, keyId } = await openHardware(platform, {
    state,
    faults: [],
    now: () => Date.now(),
  });
  return { rootName, rootSpkiSha256, rootCertificate, keyArn: keyId };
}
