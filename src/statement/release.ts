/** Release: asks a custodian for the keyring of this service, bound into evidence under `release`. */
import { bytes, field, optional, record, type RecordCodec, text, uint } from '../codec/cbor-record.ts';
import { bytes32, origin, word } from './fields.ts';

export interface Release {
  /** What is asked for: `open` an existing keyring, `create` the wrapping of a new one. */
  readonly purpose: string;
  /** Kind of custodian: `aws-kms`, `azure-skr`, `broker`; `sim-kms` for the simulated one of TDX and SEV-SNP. */
  readonly backend: string;
  /** Its own name for the key: an ARN or a URL. */
  readonly backendId: string;
  /** What the custodian asked to be signed. */
  readonly backendChallenge: Uint8Array | null;
  /** SHA-256 of the DER SubjectPublicKeyInfo that the answer is encrypted to. */
  readonly recipientSpkiHash: Uint8Array;
  readonly keyringId: Uint8Array;
  /** SHA-256 of the keyring statement. */
  readonly keyringDigest: Uint8Array;
  readonly origin: string;
  readonly epoch: number;
  readonly bootId: Uint8Array;
  readonly configDigest: Uint8Array;
  /** The log that this boot claims to continue; nothing is proven about it yet. */
  readonly claimedSize: number;
  readonly claimedRoot: Uint8Array | null;
}

export const Release: RecordCodec<Release> = record<Release>('release', {
  purpose: field(1, word()),
  backend: field(2, word()),
  backendId: field(3, text({ min: 1, max: 2048 })),
  backendChallenge: field(4, optional(bytes({ min: 1, max: 1024 }))),
  recipientSpkiHash: field(5, bytes32()),
  keyringId: field(6, bytes(16)),
  keyringDigest: field(7, bytes32()),
  origin: field(8, origin()),
  epoch: field(9, uint()),
  bootId: field(10, bytes32()),
  configDigest: field(11, bytes32()),
  claimedSize: field(12, uint()),
  claimedRoot: field(13, optional(bytes32())),
});
