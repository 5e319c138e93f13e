/**
 * keys/: keys of the boot, and the persistent keyring with its birth evidence and its release.
 * No private key, seed or data key may be logged, put into an error, or leave this folder in the clear.
 */
export { type BootKeys, makeBootKeys } from './boot-keys.ts';
export { createKeyring, type Keyring, openKeyring } from './keyring.ts';
