/**
 * The simulated KMS on a Unix socket: HTTP/1.1, awsJson1_1 (one POST to /, operation in X-Amz-Target), with the
 * headers and limits of the service.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Kms, KmsAnswer } from './kms.ts';
import { listenUnix, type SocketServer } from './nsm-server.ts';

const MAX_BODY = 524_288;
const CONTENT_TYPE = 'application/x-amz-json-1.1';

export async function serveKms(path: string, kms: Kms): Promise<SocketServer> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000, maxHeaderSize: 16_384 },
    (request, response) => {
      answer(kms, request).then(
        (found) => send(response, found),
        () => send(response, { status: 500, body: { __type: 'KMSInternalException' } }),
      );
    },
  );
  return listenUnix(server, path);
}

async function answer(kms: Kms, request: IncomingMessage): Promise<KmsAnswer> {
  const target = request.headers['x-amz-target'];
  if (request.method !== 'POST' || request.url !== '/' || typeof target !== 'string')
    return { status: 404, body: { __type: 'UnknownOperationException' } };
  if (request.headers['content-type'] !== CONTENT_TYPE)
    return { status: 415, body: { __type: 'SerializationException' } };
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_BODY) return { status: 413, body: { __type: 'RequestEntityTooLargeException' } };
    chunks.push(chunk);
  }
  return kms.handle(target, new Uint8Array(Buffer.concat(chunks)));
}

function send(response: ServerResponse, { status, body }: KmsAnswer): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    'content-type': CONTENT_TYPE,
    'content-length': bytes.length,
    'x-amzn-requestid': randomUUID(),
  });
  response.end(bytes);
}
