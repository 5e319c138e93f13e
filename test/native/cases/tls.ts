/** TLS 1.3 on a stream of ours, both ends, with the exporter that binds a session to its evidence. */
import { deepStrictEqual, notDeepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect, createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { transportError } from '../../../native/index.ts';
import { formatPem } from '../../../src/codec/pem.ts';
import { selfSignedCertificate } from '../../../src/codec/x509-write.ts';
import {
  type Case,
  closed,
  closePair,
  type Network,
  nextError,
  openDescriptors,
  openPair,
  type Pair,
  settledDescriptors,
} from '../support.ts';

const EXPORTER = 'EXPORTER-assay-session-v1';
const EACH_WAY = 16 << 20;

interface Session {
  readonly pair: Pair;
  readonly client: TLSSocket;
  readonly server: TLSSocket;
}

function testContext(): SecureContext {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = selfSignedCertificate({
    subjectCommonName: 'test',
    serial: Uint8Array.of(1),
    notBefore: Date.UTC(2020, 0, 1),
    notAfter: Date.UTC(2049, 0, 1),
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    sign: (tbs) => new Uint8Array(sign('sha256', tbs, privateKey)),
  });
  return createSecureContext({
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: formatPem('CERTIFICATE', certificate),
    minVersion: 'TLSv1.3',
  });
}

async function close(session: Session): Promise<void> {
  await Promise.all([closed(session.client), closed(session.server)]);
  await closePair(session.pair);
}

async function readBytes(stream: Duplex, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let got = 0;
  for await (const part of stream.iterator({ destroyOnReturn: false })) {
    parts.push(part as Buffer);
    got += (part as Buffer).length;
    if (got >= length) break;
  }
  return Buffer.concat(parts);
}

export function tlsCases(network: Network): readonly Case[] {
  const secureContext = testContext();

  async function handshake(): Promise<Session> {
    const pair = await openPair(network);
    const server = new TLSSocket(pair.server, { isServer: true, secureContext });
    const secured = new Promise((resolve) => server.once('secure', resolve));
    const client = tlsConnect({ socket: pair.client, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    await Promise.all([secured, new Promise((resolve) => client.once('secureConnect', resolve))]);
    return { pair, client, server };
  }

  return [
    {
      name: 'TLS exports one secret on both ends, another for another challenge and another session',
      async run() {
        const before = openDescriptors();
        const one = await handshake();
        strictEqual(one.client.getProtocol(), 'TLSv1.3');
        strictEqual(one.server.getProtocol(), 'TLSv1.3');
        const challenge = randomBytes(32);
        const secret = one.client.exportKeyingMaterial(32, EXPORTER, challenge);
        deepStrictEqual(one.server.exportKeyingMaterial(32, EXPORTER, challenge), secret);
        notDeepStrictEqual(one.client.exportKeyingMaterial(32, EXPORTER, randomBytes(32)), secret);
        const two = await handshake();
        notDeepStrictEqual(two.client.exportKeyingMaterial(32, EXPORTER, challenge), secret);
        await Promise.all([close(one), close(two)]);
        ok((await settledDescriptors(before)) <= before, 'descriptors were left open');
      },
    },
    {
      name: 'TLS carries 16 MiB each way at once',
      async run() {
        const session = await handshake();
        const [up, down] = [randomBytes(EACH_WAY), randomBytes(EACH_WAY)];
        const received = Promise.all([
          readBytes(session.server, up.length),
          readBytes(session.client, down.length),
        ]);
        session.client.write(up);
        session.server.write(down);
        const [gotUp, gotDown] = await received;
        ok(gotUp.equals(up) && gotDown.equals(down));
        await close(session);
      },
    },
    {
      name: 'TLS tells the client when the server dies',
      async run() {
        const session = await handshake();
        const over = Promise.race([
          nextError(session.client),
          new Promise<null>((resolve) => session.client.once('close', () => resolve(null))),
        ]);
        session.client.on('error', () => undefined);
        session.client.resume();
        session.pair.server.destroy();
        const error = await over;
        if (error !== null) strictEqual(transportError(error).code, 'CONNECTION_LOST', String(error));
        await close(session);
      },
    },
    {
      name: 'TLS leaves nothing open when the peer does not speak it',
      async run() {
        const before = openDescriptors();
        const pair = await openPair(network);
        const server = new TLSSocket(pair.server, { isServer: true, secureContext });
        const error = nextError(server);
        pair.client.on('error', () => undefined);
        pair.client.write('GET / HTTP/1.1\r\n\r\n');
        ok((await error) instanceof Error);
        await closed(server);
        await closePair(pair);
        ok((await settledDescriptors(before)) <= before, 'descriptors were left open');
      },
    },
  ];
}
