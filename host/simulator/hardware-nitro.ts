/** A simulated Nitro machine: its security module, and a key release in the shape of AWS KMS. */
import { parseFaults } from './faults.ts';
import type { Hardware, HardwareRequest } from './hardware.ts';
import { keyPolicyFor } from './key-policy.ts';
import { createKms, signedDocuments } from './kms.ts';
import { createNitroHardware } from './nitro.ts';
import { createNsm } from './nsm.ts';
import { deriveFrom, keyArnOf, openSeed } from './state.ts';

export async function openNitro({ state, faults, now }: HardwareRequest): Promise<Hardware> {
  const known = parseFaults(faults);
  const derive = deriveFrom(openSeed(state));
  const hardware = await createNitroHardware({ derive, faults: known, now });
  const { rootName, rootSpkiSha256, rootCertificate } = hardware;
  const keyId = keyArnOf(derive);
  return Object.freeze({
    platform: 'nitro' as const,
    rootName,
    rootSpkiSha256,
    rootCertificate,
    keyId,
    custodian: (policy) =>
      createKms({
        keyArn: keyId,
        masterKey: derive('kms/master', 32),
        policy: () => policy,
        documents: signedDocuments({ name: rootName, spkiSha256: rootSpkiSha256 }),
        now,
      }),
    launch({ measured }) {
      const module = hardware.launch();
      const nsm = createNsm(module, module.bootRegisters(measured));
      return {
        device: 'nsm',
        handle: (request) => nsm.handle(request),
        measurements: { PCR0: measured.pcr0, PCR1: measured.pcr1, PCR2: measured.pcr2 },
        moduleId: module.moduleId,
        keyPolicy: keyPolicyFor(measured),
      };
    },
  } satisfies Hardware);
}
