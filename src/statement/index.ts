/**
 * statement/: everything that measured code binds into evidence or signs, as deterministic CBOR, and bind().
 * It must never judge a statement, hold a key or reach below: a statement is bytes with one meaning.
 */
export * from './attestation.ts';
export * from './bind.ts';
export * from './fields.ts';
export * from './gpu.ts';
export * from './identity.ts';
export * from './keyring.ts';
export * from './order.ts';
export * from './order-file.ts';
export * from './release.ts';
export * from './seal.ts';
export * from './session.ts';
export * from './thumbprint.ts';
