/** The configuration of an enclave on AWS Nitro: nothing beyond the common fields; its roots are pinned in the code. */
import { NITRO_ROOTS } from '../../verifier/index.ts';
import type { PlatformConfig } from '../config.ts';

export const NITRO_CONFIG: PlatformConfig = Object.freeze({
  name: 'nitro',
  simulated: false,
  fields: {},
  roots: () => NITRO_ROOTS,
});
