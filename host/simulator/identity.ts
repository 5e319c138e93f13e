/** What others must know of one simulated machine before it runs: the root to name and the key to ask for. */
import { createNitroHardware } from './nitro.ts';
import { NO_FAULTS } from './faults.ts';
import { deriveFrom, keyArnOf, openSeed } from './state.ts';

export interface HardwareIdentity {
  /** Common name of the root. */
  readonly rootName: string;
  /** SHA-256 of the root's SubjectPublicKeyInfo. */
  readonly rootSpkiSha256: Uint8Array;
  /** DER. */
  readonly rootCertificate: Uint8Array;
  /** ARN of the release backend's key. */
  readonly keyArn: string;
}

/** Reads the state folder, or makes it with a new random seed. */
export async function hardwareIdentity(state: string): Promise<HardwareIdentity> {
  const derive = deriveFrom(openSeed(state));
  const { rootName, rootSpkiSha256, rootCertificate } = await createNitroHardware({
    derive,
    faults: NO_FAULTS,
    now: () => Date.now(),
  });
  return { rootName, rootSpkiSha256, rootCertificate, keyArn: keyArnOf(derive) };
}
