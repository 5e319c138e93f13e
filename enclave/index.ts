/**
 * enclave/: what the hardware measures. It decides, signs and seals; everything outside is hostile, the host
 * included.
 *
 * It must never read configuration, time or policy from its environment, arguments, files or the host without
 * checking them against a measurement or a signature; never let a key leave; never answer a decision before
 * its leaf is durable.
 *
 *   platform/  the hardware behind one interface          keys/    boot keys, keyring, release
 *   attest/    identity quotes, challenges, seals         decide/  policies, the decision path
 *   ledger/    append with group commit, recovery         server/  ttrpc over TLS that ends here
 */
export type { EnclaveConfig } from './config.ts';
export type { Platform } from './platform/index.ts';
