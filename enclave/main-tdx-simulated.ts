/**
 * The enclave on simulated Intel TDX hardware: the same boot, with device, custodian and vsock as sockets in the folder
 * that the simulated hypervisor made its working directory. A build for real hardware contains nothing of this file.
 */
import { connect, nodeCrypto } from '../native/index.ts';
import { tdxKin } from './attest/tdx-kin.ts';
import { createSimulatedCustodian } from './keys/simulated-custodian.ts';
import { createRpcStore } from './ledger/index.ts';
import { simulatedConfig } from './platform/simulated-config.ts';
import { connectSimulatedGuest } from './platform/simulated-guest.ts';
import { createTdxPlatform } from './platform/tdx.ts';
import { measuredParts, start } from './start.ts';

// A simulated machine whose hypervisor is gone has lost its power.
process.stdin.once('end', () => process.exit(1)).resume();

await start(
  async () => ({
    ...measuredParts(),
    platformConfig: simulatedConfig('tdx', tdxKin),
    platform: createTdxPlatform(await connectSimulatedGuest('dev/tdx'), {
      simulated: true,
      hashing: nodeCrypto,
    }),
    store: async ({ storePort }) =>
      createRpcStore(() => connect({ family: 'unix', path: `vsock/host.${storePort}` })),
    release: ({ keyring }, attestTo) =>
      createSimulatedCustodian({
        connect: () => connect({ family: 'unix', path: 'dev/kms' }),
        keyId: keyring.kmsKeyId,
        attestTo,
        hashing: nodeCrypto,
      }),
  }),
  (port) => ({ family: 'unix', path: `vsock/enclave.${port}` }),
);
