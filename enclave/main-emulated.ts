/**
 * The enclave on an emulated Nitro machine (QEMU's nitro-enclave): the image, init, kernel, `/dev/nsm` and AF_VSOCK
 * of the real one. Evidence is unsigned there, and the key service is simulated. A Nitro build contains nothing of
 * this file.
 */
import { CID_ANY, connect, nodeCrypto, openNsm } from '../native/index.ts';
import { parseEmulatedNitro } from '../src/evidence/nitro.ts';
import { createKmsBackend } from './keys/kms.ts';
import { documentsOf } from './keys/release.ts';
import { createRpcStore } from './ledger/index.ts';
import { EMULATED_CONFIG, kmsPortOf } from './platform/emulated-config.ts';
import { requireOnlyPlatform } from './platform/hardware.ts';
import { machineOf } from './platform/machine-fields.ts';
import { createNitroPlatform } from './platform/nitro.ts';
import { measuredParts, start } from './start.ts';

await start(
  async () => {
    requireOnlyPlatform('nitro');
    return {
      ...measuredParts(),
      platformConfig: EMULATED_CONFIG,
      platform: createNitroPlatform(openNsm(), { simulated: true, parse: parseEmulatedNitro }),
      store: async ({ storePort, own }) =>
        createRpcStore(() => connect({ family: 'vsock', cid: machineOf(own).parentCid, port: storePort })),
      release: ({ keyring, own }, attestTo) =>
        createKmsBackend({
          connect: () => connect({ family: 'vsock', cid: machineOf(own).parentCid, port: kmsPortOf(own) }),
          host: 'kms.simulated',
          keyId: keyring.kmsKeyId,
          attest: documentsOf(attestTo('aws-kms')),
          hashing: nodeCrypto,
        }),
    };
  },
  (port) => ({ family: 'vsock', cid: CID_ANY, port }),
);
