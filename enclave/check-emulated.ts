/** Reads a configuration as an enclave on an emulated Nitro machine will, for who builds an image with it. */
import { type EnclaveConfig, parseConfig } from './config.ts';
import { EMULATED_CONFIG } from './platform/emulated-config.ts';

/** Throws CONFIG_INVALID. */
export const readConfig = (source: Uint8Array): EnclaveConfig => parseConfig(source, EMULATED_CONFIG);
