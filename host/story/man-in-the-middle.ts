/**
 * What a relay could try: end the client's TLS itself with a key of its own, and pass every byte on to the genuine
 * enclave over a second session, genuine evidence included.
 */
import { connect as connectNet, type AddressInfo } from 'node:net';
import { connect as connectTls, createServer } from 'node:tls';
import { ALPN } from '../../native/session.ts';
import { createClientIdentity } from '../client/index.ts';

export interface Mitm {
  readonly url: string;
  close(): Promise<void>;
}

/** `target` is HOST:PORT of the genuine relay. */
export async function openMitm(target: { host: string; port: number }): Promise<Mitm> {
  const own = createClientIdentity();
  const server = createServer(
    {
      key: own.key,
      cert: own.cert,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
      ALPNCallback: ({ protocols }) => protocols[0],
    },
    (victim) => {
      const genuine = connectTls({
        socket: connectNet(target),
        rejectUnauthorized: false,
        ALPNProtocols: [ALPN],
        minVersion: 'TLSv1.3',
      });
      for (const socket of [victim, genuine]) socket.on('error', () => socket.destroy());
      victim.pipe(genuine).pipe(victim);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `assay://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
