/**
 * Session: this TLS connection ends in the enclave that the evidence describes. Signed by the session key over
 * bind(`session`), never quoted.
 */
import { field, oneOf, record, type RecordCodec } from '../codec/cbor-record.ts';
import { bytes32 } from './fields.ts';

export interface Session {
  readonly role: 'enclave';
  readonly bootId: Uint8Array;
  /** The 32 random bytes that the client sent. */
  readonly challenge: Uint8Array;
  /** TLS-Exporter("EXPORTER-assay-session-v1", challenge, 32). */
  readonly exporter: Uint8Array;
  readonly tlsSpkiHash: Uint8Array;
  /** SHA-256 of the identity evidence that the client judges. */
  readonly evidenceDigest: Uint8Array;
}

export const Session: RecordCodec<Session> = record<Session>('session', {
  role: field(1, oneOf('enclave')),
  bootId: field(2, bytes32()),
  challenge: field(3, bytes32()),
  exporter: field(4, bytes32()),
  tlsSpkiHash: field(5, bytes32()),
  evidenceDigest: field(6, bytes32()),
});
