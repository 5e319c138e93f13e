/** Addresses as people write them: tcp://HOST:PORT, assay://HOST:PORT, unix:PATH, vsock:CID:PORT, hybrid:PATH:PORT. */
import { fail } from '../../src/base/errors.ts';

export type Address =
  | { readonly family: 'tcp'; readonly host: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string }
  | { readonly family: 'vsock'; readonly cid: number; readonly port: number }
  /** A guest's vsock behind a Unix socket that takes `CONNECT port`, as Firecracker and vhost-device-vsock have it. */
  | { readonly family: 'hybrid'; readonly path: string; readonly port: number };

/** Room in sockaddr_un for the path and its end (unix(7)). */
const MAX_UNIX_PATH = 107;
const MAX_U32 = 0xffff_ffff;
const DECIMAL = /^(?:0|[1-9][0-9]{0,9})$/;

function number(text: string, max: number, what: string, whole: string): number {
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  return value <= max
    ? value
    : fail('ADDRESS_INVALID', `${whole}: ${what} must be a number of at most ${max}`);
}

function hostAndPort(text: string, whole: string): Address {
  const parts = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})\/?$/.exec(text);
  if (parts === null)
    return fail('ADDRESS_INVALID', `${whole}: wanted HOST:PORT, with an IPv6 host in brackets`);
  const host = (parts[1] ?? parts[2]) as string;
  return { family: 'tcp', host, port: number(parts[3] as string, 65_535, 'port', whole) };
}

function unixPath(path: string, whole: string): Address {
  const bytes = Buffer.byteLength(path);
  if (bytes === 0 || bytes > MAX_UNIX_PATH || path.includes('\0'))
    fail('ADDRESS_INVALID', `${whole}: wanted a path of 1 to ${MAX_UNIX_PATH} bytes`);
  return { family: 'unix', path };
}

function hybridVsock(text: string, whole: string): Address {
  const [, path = '', port = ''] = /^(.+):([0-9]+)$/.exec(text) ?? [];
  unixPath(path, whole);
  return { family: 'hybrid', path, port: number(port, MAX_U32, 'port', whole) };
}

/** Throws ADDRESS_INVALID. A bare HOST:PORT is TCP. */
export function parseAddress(text: string): Address {
  if (text.length > 512) fail('ADDRESS_INVALID', 'an address of more than 512 characters');
  const [, scheme = '', rest = ''] =
    /^(assay:\/\/|tcp:\/\/|unix:(?:\/\/(?=\/))?|vsock:(?:\/\/)?|hybrid:)?([\s\S]*)$/.exec(text) ?? [];
  if (scheme.startsWith('unix')) return unixPath(rest, text);
  if (scheme.startsWith('hybrid')) return hybridVsock(rest, text);
  if (!scheme.startsWith('vsock')) return hostAndPort(rest, text);
  const [cid = '', port = '', extra] = rest.split(':');
  if (extra !== undefined) fail('ADDRESS_INVALID', `${text}: wanted vsock:CID:PORT`);
  return {
    family: 'vsock',
    cid: number(cid, MAX_U32, 'CID', text),
    port: number(port, MAX_U32, 'port', text),
  };
}

export function formatAddress(address: Address): string {
  if (address.family === 'unix') return `unix:${address.path}`;
  if (address.family === 'hybrid') return `hybrid:${address.path}:${address.port}`;
  if (address.family === 'vsock') return `vsock:${address.cid}:${address.port}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `tcp://${host}:${address.port}`;
}
