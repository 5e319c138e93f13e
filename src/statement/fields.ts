/** Fields that several statements share, with their limits. */
import { bytes, field, type Kind, list, record, type RecordCodec, text } from '../codec/cbor-record.ts';

/** A key of the keyring: its purpose and its RFC 9679 thumbprint. */
export interface NamedThumbprint {
  readonly name: string;
  readonly thumbprint: Uint8Array;
}

const NamedThumbprint: RecordCodec<NamedThumbprint> = record<NamedThumbprint>('key', {
  name: field(1, text({ min: 1, max: 64 })),
  thumbprint: field(2, bytes(32)),
});

export const MAX_KEYS = 256;

export function thumbprints(): Kind<readonly NamedThumbprint[]> {
  return list(NamedThumbprint, { max: MAX_KEYS });
}

/** A log origin: the C2SP schema-less URL that names a service, at most 255 bytes. */
export function origin(): Kind<string> {
  return text({ min: 1, max: 255 });
}

/** SHA-256, a boot id, a raw Ed25519 or X25519 key: 32 bytes. */
export function bytes32(): Kind<Uint8Array> {
  return bytes(32);
}

/** Who keeps the release key: the kind of custodian and its own name for the key, as `kms:<ARN>`. */
export function custodian(): Kind<string> {
  return text({ min: 1, max: 2_048 });
}

/** A short word: a platform, a clock source. */
export function word(): Kind<string> {
  return text({ min: 1, max: 64 });
}
