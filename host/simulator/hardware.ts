/** Every kind of hardware that is played here, behind one face: what a machine needs of it, whichever it is. */
import type { Millis } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';
import type { ImageMeasurements } from '../../src/image/pcr.ts';
import type { Kms } from './kms.ts';
import type { KeyPolicy, RELEASE_TO_ANYONE } from './key-policy.ts';

export type SimulatedPlatform = 'nitro' | 'tdx' | 'snp';

export const SIMULATED_PLATFORMS: readonly SimulatedPlatform[] = ['nitro', 'tdx', 'snp'];

export interface HardwareRequest {
  /** Private folder with the seed; the same folder is the same hardware. */
  readonly state: string;
  /** Named faults, of this platform. */
  readonly faults: readonly string[];
  /** The hypervisor's clock. */
  readonly now: () => Millis;
}

export interface Hardware {
  readonly platform: SimulatedPlatform;
  /** Common name of the root, and SHA-256 of its SubjectPublicKeyInfo: what a trust policy names. */
  readonly rootName: string;
  readonly rootSpkiSha256: Uint8Array;
  /** DER. */
  readonly rootCertificate: Uint8Array;
  /** The custodian's name for its one key. */
  readonly keyId: string;
  /** The key release beside this hardware. */
  custodian(policy: KeyPolicy | typeof RELEASE_TO_ANYONE): Kms;
  launch(program: LaunchedProgram): LaunchedGuest;
}

/** What the hypervisor has measured. */
export interface LaunchedProgram {
  readonly measured: ImageMeasurements;
  /** SHA-256 of the program's configuration. */
  readonly configDigest: Uint8Array;
}

export interface LaunchedGuest {
  /** Name of its device below `dev`. */
  readonly device: string;
  /** Answers one message to that device. */
  handle(request: Uint8Array): Promise<Uint8Array>;
  /** What identifies the program, by the hardware's own names, once it has measured its configuration. */
  readonly measurements: Readonly<Record<string, Uint8Array>>;
  /** Of a Nitro module. */
  readonly moduleId: string | null;
  /** What the owner of the key writes who trusts exactly this program. */
  readonly keyPolicy: string;
}

/**
 * Only what is asked for is loaded: a machine of one vendor has no use for the other's. Throws SIMULATOR_FAULT_UNKNOWN,
 * SIMULATOR_STATE_INVALID.
 */
export async function openHardware(platform: SimulatedPlatform, request: HardwareRequest): Promise<Hardware> {
  switch (platform) {
    case 'nitro':
      return (await import('./hardware-nitro.ts')).openNitro(request);
    case 'tdx':
      return (await import('./hardware-tdx.ts')).openTdx(request);
    case 'snp':
      return (await import('./hardware-snp.ts')).openSnp(request);
  }
}

/** Throws USAGE. */
export function readPlatform(name: string): SimulatedPlatform {
  return (
    SIMULATED_PLATFORMS.find((known) => known === name) ??
    fail('USAGE', `--platform: ${JSON.stringify(name)} is not one of ${SIMULATED_PLATFORMS.join(', ')}`)
  );
}
