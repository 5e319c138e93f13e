/** A simulated SEV-SNP machine: one guest, what AMD says about its processor, and a custodian of its own. */
import { createAmdVendor, parseAmdFaults } from './amd/index.ts';
import { rememberedAmdKeys } from './amd-keys.ts';
import { createGuestDevice } from './guest-device.ts';
import { guestRecipients } from './guest-recipients.ts';
import type { Hardware, HardwareRequest, LaunchedProgram } from './hardware.ts';
import { guestKeyPolicy } from './key-policy.ts';
import { createGuestKms } from './kms.ts';
import { deriveFrom, guestKeyIdOf, openSeed } from './state.ts';

/**
 * MEASUREMENT is the whole image, as PCR0 is on Nitro; the hypervisor, which has read the configuration to measure it,
 * puts its digest into HOST_DATA.
 */
export function snpMeasurements({
  measured,
  configDigest,
}: LaunchedProgram): Readonly<Record<'MEASUREMENT' | 'HOST_DATA', Uint8Array>> {
  return { MEASUREMENT: measured.pcr0, HOST_DATA: configDigest };
}

export async function openSnp({ state, faults: names, now }: HardwareRequest): Promise<Hardware> {
  const faults = parseAmdFaults(names);
  const derive = rememberedAmdKeys(state, 'Genoa', deriveFrom(openSeed(state)));
  const vendor = await createAmdVendor({ derive, now, faults, product: 'Genoa' });
  const { rootName, rootSpkiSha256, rootCertificate } = vendor;
  // What custodian and client name is the honest vendor's root, whatever a fault has put in its place.
  const honest = faults.has('same-name-root')
    ? await createAmdVendor({ derive, now, faults: parseAmdFaults([]), product: 'Genoa' })
    : vendor;
  const keyId = guestKeyIdOf(derive, 'snp');
  return Object.freeze({
    platform: 'snp' as const,
    rootName,
    rootSpkiSha256,
    rootCertificate,
    keyId,
    custodian: (policy) =>
      createGuestKms({
        keyArn: keyId,
        masterKey: derive('kms/snp/master', 32),
        policy: () => policy,
        recipients: guestRecipients('snp', honest),
        now,
      }),
    launch(program) {
      const measurements = snpMeasurements(program);
      const { MEASUREMENT, HOST_DATA } = measurements;
      const guest = vendor.launchGuest({ measurement: MEASUREMENT, hostData: HOST_DATA });
      const device = createGuestDevice({
        evidence: (reportData) => guest.report(reportData),
        collateral: () => vendor.collateral('vcek'),
        extend: null,
        now,
      });
      return {
        device: 'snp',
        handle: (request) => device.handle(request),
        measurements,
        moduleId: null,
        keyPolicy: guestKeyPolicy(measurements),
      };
    },
  } satisfies Hardware);
}
