/**
 * evidence/: bytes that hardware made, as typed values: one file a format.
 * It must never judge: no signature is verified here, no time compared, no measurement expected.
 */
export * from './eif-signature.ts';
export * from './intel/index.ts';
export * from './nitro.ts';
export * from './nsm.ts';
export * from './snp/index.ts';
