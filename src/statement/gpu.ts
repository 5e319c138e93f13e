/** GPU: ties GPU evidence to a boot; bound with `bind32` under `gpu` as the nonce of every GPU and switch. */
import { field, record, type RecordCodec } from '../codec/cbor-record.ts';
import { bytes32 } from './fields.ts';

export interface Gpu {
  readonly bootId: Uint8Array;
  /** Raw Ed25519. */
  readonly epochKey: Uint8Array;
  /** 32 random bytes; never absent, so that no GPU evidence can be made ahead of time. */
  readonly challenge: Uint8Array;
}

export const Gpu: RecordCodec<Gpu> = record<Gpu>('gpu', {
  bootId: field(1, bytes32()),
  epochKey: field(2, bytes32()),
  challenge: field(3, bytes32()),
});
