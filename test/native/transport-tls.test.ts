/** TLS 1.3 on the addon's streams, both ends, with the exporter that binds a session to its evidence. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect, createSecureContext, TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { transportError } from '../../native/index.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { selfSignedCertificate } from '../../src/codec/x509-write.ts';
import {
  closed,
  closePair,
  demandAddon,
  nextError,
  openDescriptors,
  openPair,
  type Pair,
  removeSockets,
  settledDescriptors,
  type Via,
} from './support.ts';

beforeAll(demandAddon);
afterAll(removeSockets);

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const certificate = selfSignedCertificate({
  subjectCommonName: 'test',
  serial: Uint8Array.of(1),
  notBefore: Date.UTC(2020, 0, 1),
  notAfter: Date.UTC(2049, 0, 1),
  spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
  sign: (tbs) => new Uint8Array(sign('sha256', tbs, privateKey)),
});
const secureContext = createSecureContext({
  key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  cert: formatPem('CERTIFICATE', certificate),
  minVersion: 'TLSv1.3',
});

interface Session {
  readonly pair: Pair;
  readonly client: TLSSocket;
  readonly server: TLSSocket;
}

async function handshake(via: Via): Promise<Session> {
  const pair = await openPair(via);
  const server = new TLSSocket(pair.server, { isServer: true, secureContext });
  const secured = new Promise((resolve) => server.once('secure', resolve));
  const client = tlsConnect({ socket: pair.client, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  await Promise.all([secured, new Promise((resolve) => client.once('secureConnect', resolve))]);
  return { pair, client, server };
}

async function close(session: Session): Promise<void> {
  await Promise.all([closed(session.client), closed(session.server)]);
  await closePair(session.pair);
}

async function read(stream: Duplex, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let got = 0;
  for await (const part of stream.iterator({ destroyOnReturn: false })) {
    parts.push(part as Buffer);
    got += (part as Buffer).length;
    if (got >= length) break;
  }
  return Buffer.concat(parts);
}

describe.each<Via>(['node', 'addon'])('TLS 1.3 on a stream via %s', (via) => {
  it('exports one secret on both ends, another for another challenge and another session', async () => {
    const before = openDescriptors();
    const one = await handshake(via);
    expect(one.client.getProtocol()).toBe('TLSv1.3');
    expect(one.server.getProtocol()).toBe('TLSv1.3');
    const challenge = randomBytes(32);
    const label = 'EXPORTER-assay-session-v1';
    const secret = one.client.exportKeyingMaterial(32, label, challenge);
    expect(one.server.exportKeyingMaterial(32, label, challenge)).toEqual(secret);
    expect(one.client.exportKeyingMaterial(32, label, randomBytes(32))).not.toEqual(secret);
    const two = await handshake(via);
    expect(two.client.exportKeyingMaterial(32, label, challenge)).not.toEqual(secret);
    await Promise.all([close(one), close(two)]);
    expect(await settledDescriptors(before)).toBeLessThanOrEqual(before);
  });

  it('carries 16 MiB each way at once', async () => {
    const session = await handshake(via);
    const up = randomBytes(16 << 20);
    const down = randomBytes(16 << 20);
    const received = Promise.all([read(session.server, up.length), read(session.client, down.length)]);
    session.client.write(up);
    session.server.write(down);
    const [gotUp, gotDown] = await received;
    expect(gotUp.equals(up)).toBe(true);
    expect(gotDown.equals(down)).toBe(true);
    await close(session);
  });

  it('tells the client when the server dies', async () => {
    const session = await handshake(via);
    const over = Promise.race([
      nextError(session.client),
      new Promise<null>((resolve) => session.client.once('close', () => resolve(null))),
    ]);
    session.client.on('error', () => undefined);
    session.client.resume();
    session.pair.server.destroy();
    const error = await over;
    if (error !== null) expect(transportError(error).code, String(error)).toBe('CONNECTION_LOST');
    await close(session);
  });

  it('leaves nothing open when the peer does not speak TLS', async () => {
    const before = openDescriptors();
    const pair = await openPair(via);
    const server = new TLSSocket(pair.server, { isServer: true, secureContext });
    const error = nextError(server);
    pair.client.on('error', () => undefined);
    pair.client.write('GET / HTTP/1.1\r\n\r\n');
    expect(await error).toBeInstanceOf(Error);
    await closed(server);
    await closePair(pair);
    expect(await settledDescriptors(before)).toBeLessThanOrEqual(before);
  });
});
