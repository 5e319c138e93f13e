/**
 * The enclave on AWS Nitro: `/dev/nsm` and AF_VSOCK through the addon. It has no switch for anything else, refuses a
 * machine that shows other confidential hardware too, and stays locked until key release is built (docs/limitations).
 */
import { CID_ANY, connect, openNsm } from '../native/index.ts';
import { createNoRelease } from './keys/no-release.ts';
import { createRpcStore } from './ledger/index.ts';
import { requireOnlyPlatform } from './platform/hardware.ts';
import { NITRO_CONFIG } from './platform/nitro-config.ts';
import { createNitroPlatform } from './platform/nitro.ts';
import { measuredParts, start } from './start.ts';

/** The parent instance, as every enclave sees it (AWS Nitro Enclaves User Guide). */
const PARENT_CID = 3;

await start(
  async () => {
    requireOnlyPlatform('nitro');
    return {
      ...measuredParts(),
      platformConfig: NITRO_CONFIG,
      platform: createNitroPlatform(openNsm(), { simulated: false }),
      store: async ({ storePort }) =>
        createRpcStore(() => connect({ family: 'vsock', cid: PARENT_CID, port: storePort })),
      release: () => createNoRelease(),
    };
  },
  (port) => ({ family: 'vsock', cid: CID_ANY, port }),
);
