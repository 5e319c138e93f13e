/**
 * A channel to an enclave: TLS 1.3 whose peer is not yet known. Certificates say nothing here; whoever opens a
 * channel compares `peerSpkiHash` and `exporter` with evidence before it believes an answer (`connect` does).
 */
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { createRpcClient, type RpcClient } from '../../native/rpc/index.ts';
import { ALPN, peerSpkiHash, sessionExporter } from '../../native/session.ts';
import { transportError } from '../../native/transport-error.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { type Address, parseAddress } from './address.ts';
import { connectStream } from './stream.ts';

export interface ChannelOptions {
  /** Client key and self-signed certificate, PEM, for methods that need a principal; `{}` for none. */
  readonly tls: { readonly key?: string; readonly cert?: string };
  /** For connecting, and for each call unless it says otherwise, in milliseconds. */
  readonly timeoutMs?: number;
}

export interface Channel extends RpcClient {
  /** SHA-256 of the server's public key (SPKI, DER), whose possession it proved in this handshake. */
  readonly peerSpkiHash: Uint8Array;
  /** TLS-Exporter("EXPORTER-assay-session-v1", challenge, 32); only the two ends of this session can compute it. */
  readonly exporter: (challenge: Uint8Array) => Uint8Array;
}

export const DEFAULT_TIMEOUT_MS = 30_000;

function handshake(raw: Duplex, options: ChannelOptions, timeoutMs: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const stream = connectTls({
      socket: raw as never,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      ALPNProtocols: [ALPN],
      // No authority vouches for an enclave: its evidence does, and it names this key.
      rejectUnauthorized: false,
      ...options.tls,
    });
    const failed = (error: AssayError): void => {
      clearTimeout(timer);
      reject(error);
      stream.destroy();
      raw.destroy();
    };
    const timer = setTimeout(
      () => failed(new AssayError('TLS_FAILED', `no handshake within ${timeoutMs} ms`)),
      timeoutMs,
    );
    raw.on('error', (error) => failed(transportError(error)));
    stream.on('error', (error: NodeJS.ErrnoException) => failed(connectionError(error)));
    stream.once('close', () =>
      failed(new AssayError('TLS_FAILED', 'the peer closed the connection in the handshake')),
    );
    stream.once('secureConnect', () => {
      clearTimeout(timer);
      if (stream.alpnProtocol !== ALPN)
        failed(new AssayError('TLS_FAILED', `the peer does not speak ${ALPN}`));
      else resolve(stream);
    });
  });
}

/** What TLS itself says is its own failure; the rest is the socket's. */
function connectionError(error: NodeJS.ErrnoException): AssayError {
  const ours = error.code === undefined || /SSL|TLS/.test(error.code) || error.code === 'ECONNRESET';
  return ours
    ? new AssayError('TLS_FAILED', `handshake: ${error.message}`, { cause: error })
    : transportError(error);
}

/**
 * `address` as text is read by `parseAddress`. Rejects with ADDRESS_INVALID, TLS_FAILED or what the
 * socket met.
 */
export async function openChannel(address: string | Address, options: ChannelOptions): Promise<Channel> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const target = typeof address === 'string' ? parseAddress(address) : address;
  const stream = await handshake(await connectStream(target, { timeoutMs }), options, timeoutMs);
  const spkiHash = peerSpkiHash(stream) ?? fail('TLS_FAILED', 'the server sent no certificate');
  const exporter = sessionExporter(stream);
  return { ...createRpcClient(stream, { timeoutMs }), peerSpkiHash: spkiHash, exporter };
}
