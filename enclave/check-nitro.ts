/** Reads a configuration as an enclave on Nitro will, for who builds an image with it. */
import { type EnclaveConfig, parseConfig } from './config.ts';
import { NITRO_CONFIG } from './platform/nitro-config.ts';

/** Throws CONFIG_INVALID. */
export const readConfig = (source: Uint8Array): EnclaveConfig => parseConfig(source, NITRO_CONFIG);
