/**
 * The enclave on simulated Nitro hardware: the same boot, with module, release backend and vsock as sockets in the
 * folder that the simulated hypervisor made its working directory. A Nitro build contains nothing of this file.
 */
import { connect, nodeCrypto } from '../native/index.ts';
import { createKmsBackend } from './keys/kms.ts';
import { documentsOf } from './keys/release.ts';
import { createRpcStore } from './ledger/index.ts';
import { createNitroPlatform } from './platform/nitro.ts';
import { SIMULATED_CONFIG } from './platform/simulated-config.ts';
import { connectSimulatedNsm } from './platform/simulated-nsm.ts';
import { measuredParts, start } from './start.ts';

// A simulated machine whose hypervisor is gone has lost its power.
process.stdin.once('end', () => process.exit(1)).resume();

await start(
  async () => ({
    ...measuredParts(),
    platformConfig: SIMULATED_CONFIG,
    platform: createNitroPlatform(await connectSimulatedNsm('dev/nsm'), { simulated: true }),
    store: async ({ storePort }) =>
      createRpcStore(() => connect({ family: 'unix', path: `vsock/host.${storePort}` })),
    release: ({ keyring }, attestTo) =>
      createKmsBackend({
        connect: () => connect({ family: 'unix', path: 'dev/kms' }),
        host: 'kms.simulated',
        keyId: keyring.kmsKeyId,
        attest: documentsOf(attestTo('aws-kms')),
        hashing: nodeCrypto,
      }),
  }),
  (port) => ({ family: 'unix', path: `vsock/enclave.${port}` }),
);
