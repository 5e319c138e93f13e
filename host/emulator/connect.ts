/**
 * A client for tests of an emulated enclave: everything is checked as `connect` checks it, but the signature, which
 * the emulated module leaves out. In its place the claims are signed under the root of this installation's simulated
 * hardware, so that the production verifier judges every one of them, and the trust policy has to name that root.
 */
import { toHex } from '../../src/base/hex.ts';
import { parseEmulatedNitro, parseNitro } from '../../src/evidence/nitro.ts';
import { verifyNitro } from '../../verifier/nitro/index.ts';
import { nitroEvidence } from '../../verifier/nitro/judge.ts';
import type { PlatformJudge } from '../../verifier/platform.ts';
import { PLATFORMS } from '../../verifier/platforms.ts';
import { simulatedRoot } from '../../verifier/roots.ts';
import { judgeAttestationOn } from '../../verifier/service.ts';
import { type AssayClient, type ConnectOptions, connectJudged } from '../client/connect.ts';
import { createNitroHardware, NO_FAULTS, type NitroHardware } from '../simulator/index.ts';
import { deriveFrom, openSeed } from '../simulator/state.ts';

export interface EmulatedOptions extends ConnectOptions {
  /** Folder of the machine's seed. */
  readonly state: string;
}

function emulatedNitro(hardware: NitroHardware): PlatformJudge {
  const { verifyChecks, appraiseChecks } = PLATFORMS.get('nitro') as PlatformJudge;
  const own = simulatedRoot('nitro', hardware.rootName, toHex(hardware.rootSpkiSha256));
  return {
    timed: true,
    verifyChecks,
    appraiseChecks,
    open(bytes) {
      const document = parseEmulatedNitro(bytes);
      return {
        time: document.timestamp,
        async verify({ trust, ...context }) {
          const signed = parseNitro(await hardware.countersign(document));
          const named = trust !== null && trust.simulated !== 'reject' ? trust.simulated.roots : [];
          const roots = named.some(({ spki_sha256 }) => spki_sha256 === own.spkiSha256) ? [own] : [];
          return nitroEvidence(await verifyNitro(signed, { ...context, roots }));
        },
      };
    },
  };
}

/** Throws as `connect`, and what parseEmulatedNitro throws for evidence that is not of an emulated module. */
export async function connectEmulated(url: string, options: EmulatedOptions): Promise<AssayClient> {
  const derive = deriveFrom(openSeed(options.state));
  const hardware = await createNitroHardware({
    derive,
    faults: NO_FAULTS,
    now: options.now ?? Date.now,
  });
  const platforms = new Map([...PLATFORMS, ['nitro', emulatedNitro(hardware)] as const]);
  return connectJudged(url, options, (attestation, judging) =>
    judgeAttestationOn(platforms, attestation, judging),
  );
}
