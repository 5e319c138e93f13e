/**
 * One GET at a time, of a server that is not trusted: collateral is signed, so what a server can do is withhold,
 * delay and flood, and each of these is bounded here. https everywhere; http on this machine, and where the user has
 * spelled it out. A redirect is followed only to the same https server. No compression: a small body stays small.
 * Node's own agents are used, so that NODE_USE_ENV_PROXY works.
 */
import { type ClientRequest, get as getPlain, type IncomingMessage } from 'node:http';
import { get as getSecure } from 'node:https';
import { getCACertificates, type TLSSocket } from 'node:tls';
import { AssayError, fail } from '../../src/base/errors.ts';

export interface HttpOptions {
  /** Origins that the user wrote on the command line: plain http is allowed to them. */
  readonly named: readonly string[];
  /** PEM of authorities that vouch for the TLS certificates of the named origins, beside the public ones. */
  readonly authorities: string | null;
  /** From the first byte sent to the last received; 60 s unless told, because a PCCS asks Intel in turn. */
  readonly timeoutMs?: number;
  /** Of a body; 4 MiB unless told. Lists of revoked certificates are a few kilobytes today. */
  readonly maxBytes?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** By name in any case; null when the answer has no such header. */
  header(name: string): string | null;
  /** Empty unless the status is 200. */
  readonly body: Uint8Array;
}

/** Rejects with COLLATERAL_UNREACHABLE, or COLLATERAL_ANSWER_INVALID for an answer that breaks the rules. */
export type HttpGet = (url: string) => Promise<HttpAnswer>;

const TIMEOUT_MS = 60_000;
const MAX_BYTES = 4 * 1024 * 1024;
/** An issuer chain of three certificates, URL-encoded, is about 4 KiB. */
const MAX_HEADERS = 32_768;
const MAX_REDIRECTS = 3;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function createHttpGet(options: HttpOptions): HttpGet {
  return async (url) => {
    const signal = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
    let at = permitted(url, options);
    for (let hop = 0; ; hop++) {
      const answer = await exchange(at, options, signal);
      if (!REDIRECTS.has(answer.status)) return answer;
      if (hop === MAX_REDIRECTS) return invalid(at, `redirects more than ${MAX_REDIRECTS} times`);
      at = redirected(at, answer.header('location'));
    }
  };
}

/** Whether a host is this machine, whatever its resolver says (RFC 6761 section 6.3 for the name). */
export const isLoopback = ({ hostname }: URL): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);

function permitted(text: string, { named }: HttpOptions): URL {
  const url = URL.canParse(text) ? new URL(text) : invalid(text, 'is no address');
  if (url.username !== '' || url.password !== '') return invalid(url, 'carries a password');
  if (url.protocol === 'https:') return url;
  if (url.protocol === 'http:' && (isLoopback(url) || named.includes(url.origin))) return url;
  return invalid(url, 'is not https');
}

function redirected(from: URL, location: string | null): URL {
  const to = location !== null && URL.canParse(location, from.href) ? new URL(location, from) : null;
  const same = to !== null && to.protocol === 'https:' && to.origin === from.origin && to.username === '';
  return same
    ? to
    : invalid(from, `redirects to ${location ?? 'nowhere'}, which is not the same https server`);
}

function exchange(url: URL, options: HttpOptions, signal: AbortSignal): Promise<HttpAnswer> {
  const { named, authorities } = options;
  const common = { signal, maxHeaderSize: MAX_HEADERS, headers: { 'user-agent': 'assay', accept: '*/*' } };
  return new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage): void => {
      readAnswer(url, response, options.maxBytes ?? MAX_BYTES).then(resolve, failed);
    };
    const failed = (error: unknown): void => reject(unreachable(url, error, signal));
    const own = authorities !== null && named.includes(url.origin);
    const ca = own ? { ca: [...getCACertificates('default'), authorities] } : {};
    const request =
      url.protocol === 'https:'
        ? getSecure(url, { ...common, ...ca, minVersion: 'TLSv1.2', rejectUnauthorized: true }, answered)
        : getPlain(url, common, answered);
    request.on('error', (error) => failed(refusedCertificate(url, request) ?? error));
  });
}

async function readAnswer(url: URL, response: IncomingMessage, maxBytes: number): Promise<HttpAnswer> {
  const status = response.statusCode ?? 0;
  const header = (name: string): string | null => {
    const value = response.headers[name.toLowerCase()];
    return typeof value === 'string' ? value : null;
  };
  try {
    if (status !== 200) return { status, header, body: new Uint8Array(0) };
    const encoding = header('content-encoding');
    if (encoding !== null && encoding !== 'identity')
      return invalid(url, `is encoded as ${encoding}, which nobody asked for`);
    const body = await readBody(response, maxBytes);
    return { status, header, body: body ?? invalid(url, `is longer than ${maxBytes} bytes`) };
  } finally {
    // Of an answer that is not wanted, or no longer, nothing more is taken.
    if (!response.complete) response.destroy();
  }
}

/** Null when it is too long. Copies at once: a million chunks of one byte are to cost a million bytes. */
async function readBody(response: IncomingMessage, maxBytes: number): Promise<Uint8Array | null> {
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) return null;
  let body = new Uint8Array(16_384);
  let length = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    if (length + part.length > maxBytes) return null;
    if (length + part.length > body.length) {
      const grown = new Uint8Array(Math.max(2 * body.length, length + part.length));
      grown.set(body.subarray(0, length));
      body = grown;
    }
    body.set(part, length);
    length += part.length;
  }
  return body.slice(0, length);
}

/** Trying again does not make a certificate another one. */
function refusedCertificate(url: URL, request: ClientRequest): AssayError | null {
  const why = (request.socket as TLSSocket | null)?.authorizationError as Error | string | null | undefined;
  if (why === null || why === undefined) return null;
  const text = `${url.href}: nobody vouches for its TLS certificate (${String(why)}); --tls-ca can name who does`;
  return new AssayError('COLLATERAL_ANSWER_INVALID', text);
}

function unreachable(url: URL, error: unknown, signal: AbortSignal): AssayError {
  if (error instanceof AssayError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const why = signal.aborted ? 'no whole answer in time' : (code ?? message);
  return new AssayError('COLLATERAL_UNREACHABLE', `${url.href}: ${why}`, { cause: error });
}

function invalid(url: URL | string, why: string): never {
  return fail('COLLATERAL_ANSWER_INVALID', `${typeof url === 'string' ? url : url.href} ${why}`);
}
