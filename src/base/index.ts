/**
 * base/: what everything else stands on: errors with their codes, bytes, hex, the crypto interface, time.
 * It must never parse a format, read a clock, draw randomness or import anything but itself.
 */
export * from './bytes.ts';
export * from './clock.ts';
export * from './crypto.ts';
export * from './ed25519.ts';
export * from './errors.ts';
export * from './hex.ts';
export * from './spki.ts';
