/**
 * Where TLS ends: inside the enclave. TLS 1.3 only (RFC 8446), no tickets, no resumption, no 0-RTT, ALPN assay/1.
 * A client certificate is asked for and proves possession of its key; no authority vouches for it, because the
 * signed policy names keys.
 */
import { constants } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Secured } from '../../native/rpc/index.ts';
import { ALPN, peerSpkiHash, sessionExporter } from '../../native/session.ts';
import { AssayError } from '../../src/base/errors.ts';

export interface TlsIdentity {
  /** PKCS#8 PEM, or a KeyObject where the runtime takes one. */
  readonly key: string | Buffer;
  /** PEM. */
  readonly cert: string | Buffer;
}

/** What a handler may know of the connection that a call came through. */
export interface CallContext {
  /** SHA-256 of the client's public key (SPKI, DER), whose possession it proved; null without a certificate. */
  readonly peerSpkiHash: Uint8Array | null;
  /** TLS-Exporter("EXPORTER-assay-session-v1", challenge, 32); only the two ends of this session can compute it. */
  readonly exporter: (challenge: Uint8Array) => Uint8Array;
}

/** The `secure` of an RPC server: each accepted stream gets TLS, and is served once the handshake is complete. */
export function tlsServer(identity: TlsIdentity): (raw: Duplex) => Promise<Secured<CallContext>> {
  const secureContext = createSecureContext({
    key: identity.key,
    cert: identity.cert,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    // With no ticket keys and no session store there is nothing to resume from.
    secureOptions: constants.SSL_OP_NO_TICKET,
    sessionTimeout: 1,
  });
  return (raw) =>
    new Promise((resolve, reject) => {
      const stream = new TLSSocket(raw as never, {
        isServer: true,
        secureContext,
        requestCert: true,
        rejectUnauthorized: false,
        ALPNProtocols: [ALPN],
      });
      const failed = (why: string): void =>
        reject(new AssayError('CONNECTION_DROPPED', `the peer failed the TLS handshake: ${why}`));
      stream.once('error', (error) => failed(error.message));
      stream.once('close', () => failed('closed'));
      stream.once('secure', () => {
        if (stream.alpnProtocol !== ALPN) return failed(`no ${ALPN} protocol`);
        try {
          resolve({
            stream,
            context: { peerSpkiHash: peerSpkiHash(stream), exporter: sessionExporter(stream) },
          });
        } catch {
          // A client key of a kind that cannot be exported as SPKI.
          failed('unusable client key');
        }
      });
    });
}
