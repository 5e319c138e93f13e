/**
 * host/: everything on ordinary machines: command line, client, relay, store, simulator. It carries bytes, stores
 * them and serves people, and is trusted for nothing but availability.
 * It must never import the enclave (RPC only), hold an enclave key, or answer a question of trust itself: that
 * is the verifier's.
 */
export * from './client/index.ts';
