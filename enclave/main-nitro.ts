/**
 * The enclave on AWS Nitro: `/dev/nsm` and AF_VSOCK through the addon. It has no switch for anything else, refuses a
 * machine that shows other confidential hardware too, and stays locked until key release is built (docs/limitations).
 */
import { CID_ANY, connect, openNsm } from '../native/index.ts';
import { createNoRelease } from './keys/no-release.ts';
import { createRpcStore } from './ledger/index.ts';
import { requireOnlyPlatform } from './platform/hardware.ts';
import { machineOf } from './platform/machine-fields.ts';
import { NITRO_CONFIG } from './platform/nitro-config.ts';
import { createNitroPlatform } from './platform/nitro.ts';
import { measuredParts, start } from './start.ts';

await start(
  async () => {
    requireOnlyPlatform('nitro');
    return {
      ...measuredParts(),
      platformConfig: NITRO_CONFIG,
      platform: createNitroPlatform(openNsm(), { simulated: false }),
      store: async ({ storePort, own }) =>
        createRpcStore(() => connect({ family: 'vsock', cid: machineOf(own).parentCid, port: storePort })),
      release: () => createNoRelease(),
    };
  },
  (port) => ({ family: 'vsock', cid: CID_ANY, port }),
);
