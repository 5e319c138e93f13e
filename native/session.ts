/**
 * What both ends of a TLS session with an enclave must agree on (design section 4): the protocol's name, what is
 * known of the peer's key, and the exporter that binds evidence to this one session.
 */
import type { TLSSocket } from 'node:tls';
import { nodeCrypto } from './crypto.ts';

/** The protocol that both ends name in ALPN (RFC 7301). */
export const ALPN = 'assay/1';
/** RFC 8446 section 7.5; the label is ours. */
const EXPORTER_LABEL = 'EXPORTER-assay-session-v1';
const EXPORTER_BYTES = 32;

/** SHA-256 of the peer's public key (SPKI, DER), whose possession it proved; null without a certificate. */
export function peerSpkiHash(socket: TLSSocket): Uint8Array | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return null;
  return nodeCrypto.sha256(certificate.publicKey.export({ type: 'spki', format: 'der' }));
}

/** TLS-Exporter("EXPORTER-assay-session-v1", challenge, 32); only the two ends of this session can compute it. */
export function sessionExporter(socket: TLSSocket): (challenge: Uint8Array) => Uint8Array {
  return (challenge) =>
    new Uint8Array(socket.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, Buffer.from(challenge)));
}
