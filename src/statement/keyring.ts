/** Keyring: the birth certificate of the persistent keys, bound into evidence under `keyring` when they are made. */
import { bytes, field, optional, record, type RecordCodec, uint } from '../codec/cbor-record.ts';
import { bytes32, custodian, type NamedThumbprint, origin, thumbprints } from './fields.ts';

export interface Keyring {
  readonly origin: string;
  /** 16 random bytes. */
  readonly keyringId: Uint8Array;
  /** From 1. */
  readonly version: number;
  /** Id of the keyring that this one replaces. */
  readonly parentId: Uint8Array | null;
  readonly keys: readonly NamedThumbprint[];
  /** The boot in which the keys were made. */
  readonly bootId: Uint8Array;
  readonly custody: string;
  readonly configDigest: Uint8Array;
}

export const Keyring: RecordCodec<Keyring> = record<Keyring>('keyring', {
  origin: field(1, origin()),
  keyringId: field(2, bytes(16)),
  version: field(3, uint()),
  parentId: field(4, optional(bytes(16))),
  keys: field(5, thumbprints()),
  bootId: field(6, bytes32()),
  custody: field(7, custodian()),
  configDigest: field(8, bytes32()),
});
