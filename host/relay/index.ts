/**
 * relay/: carries bytes between the network and an enclave's socket, on the untrusted side.
 * It must never end TLS, read what it carries, or keep more than a buffer of it.
 */
export { createRelay, type Relay, RELAY_LIMITS, type RelayLimits } from './relay.ts';
