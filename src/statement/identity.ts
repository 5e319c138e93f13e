/** Identity: which service runs, in which boot, with which keys. Bound into evidence under `identity`. */
import { bool, field, optional, record, type RecordCodec, uint } from '../codec/cbor-record.ts';
import { bytes32, custodian, type NamedThumbprint, origin, thumbprints, word } from './fields.ts';

export interface Identity {
  /** Kind of hardware: `nitro`, `tdx`, `snp`. */
  readonly platform: string;
  /** True when the hardware is simulated; then the origin starts with `sim.`. */
  readonly simulated: boolean;
  readonly origin: string;
  /** Number of the boot, from 1. */
  readonly epoch: number;
  readonly bootId: Uint8Array;
  /** Raw Ed25519: signs checkpoints of this boot. */
  readonly epochKey: Uint8Array;
  /** Raw Ed25519: signs session statements of this boot. */
  readonly sessionKey: Uint8Array;
  /** SHA-256 of the DER SubjectPublicKeyInfo of the TLS certificate. */
  readonly tlsSpkiHash: Uint8Array;
  /** Raw X25519. */
  readonly hpkeKey: Uint8Array;
  readonly keyring: readonly NamedThumbprint[];
  /** Who holds the release key. */
  readonly custody: string;
  /** SHA-256 of the configuration as measured. */
  readonly configDigest: Uint8Array;
  readonly witnessPolicyDigest: Uint8Array | null;
  /** SHA-256 over all GPU and switch evidence and the NVML mode. */
  readonly gpuDigest: Uint8Array | null;
  /** RFC 6962 root of the challenges that this quote answers; leaf data are the 32 bytes of a challenge. */
  readonly challengeRoot: Uint8Array | null;
}

export const Identity: RecordCodec<Identity> = record<Identity>('identity', {
  platform: field(1, word()),
  simulated: field(2, bool()),
  origin: field(3, origin()),
  epoch: field(4, uint()),
  bootId: field(5, bytes32()),
  epochKey: field(6, bytes32()),
  sessionKey: field(7, bytes32()),
  tlsSpkiHash: field(8, bytes32()),
  hpkeKey: field(9, bytes32()),
  keyring: field(10, thumbprints()),
  custody: field(11, custodian()),
  configDigest: field(12, bytes32()),
  witnessPolicyDigest: field(13, optional(bytes32())),
  gpuDigest: field(14, optional(bytes32())),
  challengeRoot: field(15, optional(bytes32())),
});
