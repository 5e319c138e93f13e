/**
 * attest/: what the enclave says about itself under the hardware's signature: identity, sessions, seals.
 * Quotes are slow on some platforms, so nothing here is ever awaited by a decision.
 */
export { type Attestor, createAttestor } from './attestor.ts';
export { createQuoter, type Quoter } from './quoter.ts';
export { createSealer, type Sealer } from './sealer.ts';
