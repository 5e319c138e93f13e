/** A real HTTP server on this machine that answers as it is told, and remembers what it was asked. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { utf8 } from '../../src/base/bytes.ts';
import { derImplicit, derSequence } from '../../src/codec/der-write.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { selfSignedCertificate } from '../../src/codec/x509-write.ts';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Sends the body in pieces, without a length. */
  readonly chunked?: boolean;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface VendorServer {
  readonly origin: string;
  /** Path and query of every request, in order. */
  readonly asked: string[];
  /** The next requests whose path and query contain `part` get these answers, before the usual ones. */
  next(part: string, ...answers: readonly (Answer | Handler)[]): void;
  /** All further requests that contain `part`; null for the usual answers again. */
  always(part: string, answer: Answer | Handler | null): void;
  close(): Promise<void>;
}

export interface Tls {
  readonly key: string;
  readonly cert: string;
}

/** `usual` returns null for what is not there. */
export async function serveAnswers(
  usual: (pathAndQuery: string) => Answer | null,
  tls: Tls | null = null,
): Promise<VendorServer> {
  const asked: string[] = [];
  const queues: { part: string; answer: Answer | Handler }[] = [];
  const fixed = new Map<string, Answer | Handler>();
  const listener: RequestListener = (request, response) => {
    const url = request.url ?? '';
    asked.push(url);
    const at = queues.findIndex(({ part }) => url.includes(part));
    const queued = at === -1 ? undefined : queues.splice(at, 1)[0]?.answer;
    const kept = [...fixed].find(([part]) => url.includes(part))?.[1];
    const answer = queued ?? kept ?? usual(url) ?? { status: 404 };
    if (typeof answer === 'function') answer(request, response);
    else send(response, answer);
  };
  const server = tls === null ? createServer(listener) : createSecureServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `${tls === null ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    next: (part, ...answers) => void queues.push(...answers.map((answer) => ({ part, answer }))),
    always: (part, answer) => void (answer === null ? fixed.delete(part) : fixed.set(part, answer)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, { status = 200, headers = {}, body = '', chunked }: Answer): void {
  const bytes = typeof body === 'string' ? utf8(body) : body;
  if (chunked !== true) {
    response.writeHead(status, { ...headers, 'content-length': bytes.length }).end(bytes);
    return;
  }
  response.writeHead(status, headers);
  for (let at = 0; at < bytes.length; at += 100) response.write(bytes.subarray(at, at + 100));
  response.end();
}

/** Of a PCCS as it is installed: signed by itself, for 127.0.0.1. */
export function selfSignedTls(): Tls {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cert = selfSignedCertificate({
    subjectCommonName: 'pccs.example',
    notBefore: Date.UTC(2024, 0),
    notAfter: Date.UTC(2049, 0),
    serial: Uint8Array.of(1),
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    sign: (tbs) => new Uint8Array(sign('sha256', tbs, privateKey)),
    extensions: [
      { oid: '2.5.29.17', critical: false, value: derSequence(derImplicit(7, Uint8Array.of(127, 0, 0, 1))) },
    ],
  });
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: formatPem('CERTIFICATE', cert),
  };
}
