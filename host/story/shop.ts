/**
 * A small tool server, as a shop might run one: HTTPS, callers known by their client key, and no action without
 * a receipt. `POST /tools/NAME` with `{ arguments, nonce, receipt }`.
 */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { peerSpkiHash } from '../../native/session.ts';
import { AssayError, codeOf, fail } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import { type JsonObject, type JsonValue, parseJson } from '../../src/codec/json.ts';
import { parseReceipt } from '../../src/log/receipt.ts';
import type { VerifiedService } from '../../verifier/index.ts';
import { createClientIdentity, requireDecision } from '../client/index.ts';

export interface Shop {
  readonly port: number;
  readonly audience: string;
  /** What the shop really did. */
  readonly acted: readonly { readonly tool: string; readonly arguments: JsonValue }[];
  close(): Promise<void>;
}

const MAX_BODY = 1_048_576;

async function bodyOf(request: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new AssayError('REQUEST_INVALID', `a body of more than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  const value = parseJson(new Uint8Array(Buffer.concat(chunks)), { maxBytes: MAX_BODY, maxDepth: 32 });
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AssayError('REQUEST_INVALID', 'the body is not an object');
  return value as JsonObject;
}

function textField(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') throw new AssayError('REQUEST_INVALID', `${name} is not text`);
  return value;
}

export async function openShop(service: VerifiedService, now: () => number): Promise<Shop> {
  const audience = 'shop.example';
  const gate = requireDecision({ service, audience, level: 0, now });
  const acted: { tool: string; arguments: JsonValue }[] = [];
  const own = createClientIdentity();
  const server: Server = createServer({
    key: own.key,
    cert: own.cert,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
  });
  server.on('request', (request, response) => {
    void (async () => {
      try {
        const tool = /^\/tools\/([a-z_]{1,64})$/.exec(request.url ?? '')?.[1] ?? '';
        const body = await bodyOf(request);
        const admitted = await gate.admit({
          tool,
          arguments: body['arguments'] ?? null,
          receipt: parseReceipt(textField(body, 'receipt')),
          nonce: fromHex(textField(body, 'nonce')),
          principal:
            peerSpkiHash(request.socket as TLSSocket) ?? fail('PRINCIPAL_UNKNOWN', 'no client certificate'),
        });
        acted.push({ tool, arguments: admitted });
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ done: tool }));
      } catch (error) {
        response
          .writeHead(403, { 'content-type': 'application/json' })
          .end(JSON.stringify({ code: codeOf(error) }));
      }
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    audience,
    acted,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
