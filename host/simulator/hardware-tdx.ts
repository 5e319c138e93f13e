/** A simulated TDX machine: one TD, what Intel says about its platform, and a custodian of its own. */
import { nodeCrypto } from '../../native/crypto.ts';
import type { Hashing } from '../../src/base/crypto.ts';
import { createGuestDevice } from './guest-device.ts';
import { guestRecipients } from './guest-recipients.ts';
import type { Hardware, HardwareRequest, LaunchedProgram } from './hardware.ts';
import { createIntelVendor, parseIntelFaults } from './intel/index.ts';
import { guestKeyPolicy } from './key-policy.ts';
import { createGuestKms } from './kms.ts';
import { deriveFrom, guestKeyIdOf, openSeed } from './state.ts';

const REGISTER_BYTES = 48;

/** RTMR := SHA-384(RTMR ‖ event), from zero. */
const afterEvent = (hashing: Hashing, event: Uint8Array): Uint8Array =>
  hashing.sha384(new Uint8Array(REGISTER_BYTES), event);

/**
 * Registers of a TD that runs this program. The hypervisor measures the program as it does for Nitro: MRTD is the whole
 * image, RTMR1 has Node with its flags and runtime as its event, RTMR2 the program. RTMR3 is the guest's to extend.
 */
export function tdMeasurements(
  hashing: Hashing,
  { measured, configDigest }: LaunchedProgram,
): Readonly<Record<'MRTD' | 'RTMR1' | 'RTMR2' | 'RTMR3', Uint8Array>> {
  return {
    MRTD: measured.pcr0,
    RTMR1: afterEvent(hashing, measured.pcr1),
    RTMR2: afterEvent(hashing, measured.pcr2),
    RTMR3: afterEvent(hashing, hashing.sha384(configDigest)),
  };
}

export async function openTdx({ state, faults: names, now }: HardwareRequest): Promise<Hardware> {
  const faults = parseIntelFaults(names);
  const derive = deriveFrom(openSeed(state));
  const vendor = await createIntelVendor({ derive, now, faults });
  const { rootName, rootSpkiSha256, rootCertificate } = vendor;
  // What custodian and client name is the honest vendor's root, whatever a fault has put in its place.
  const honest = faults.has('same-name-root')
    ? await createIntelVendor({ derive, now, faults: parseIntelFaults([]) })
    : vendor;
  const keyId = guestKeyIdOf(derive, 'tdx');
  return Object.freeze({
    platform: 'tdx' as const,
    rootName,
    rootSpkiSha256,
    rootCertificate,
    keyId,
    custodian: (policy) =>
      createGuestKms({
        keyArn: keyId,
        masterKey: derive('kms/tdx/master', 32),
        policy: () => policy,
        recipients: guestRecipients('tdx', honest),
        now,
      }),
    launch(program) {
      const measurements = tdMeasurements(nodeCrypto, program);
      const { MRTD, RTMR1, RTMR2 } = measurements;
      const td = vendor.launchTd({ mrtd: MRTD, rtmr1: RTMR1, rtmr2: RTMR2 });
      const device = createGuestDevice({
        evidence: (reportData) => td.quote(reportData),
        collateral: () => vendor.collateral('tdx'),
        extend: (register, digest) => td.extend(register, digest),
        now,
      });
      return {
        device: 'tdx',
        handle: (request) => device.handle(request),
        measurements,
        moduleId: null,
        keyPolicy: guestKeyPolicy(measurements),
      };
    },
  } satisfies Hardware);
}
