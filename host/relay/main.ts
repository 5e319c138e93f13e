/**
 * The relay as a program:
 *
 *     relay --listen HOST:PORT|unix:PATH|vsock:CID:PORT --to unix:PATH|vsock:CID:PORT|tcp://HOST:PORT
 *
 * When it listens it prints one JSON line: {"ready":"relay","address":"127.0.0.1:40123","port":40123,"to":"…"}.
 * SIGTERM and SIGINT end it with status 0, and so does the end of its input if that is a pipe. A bad command line is `CODE: message` on stderr and status 2.
 */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { parseArgs } from 'node:util';
import { type Listener, listen as listenNative } from '../../native/transport.ts';
import { transportError } from '../../native/transport-error.ts';
import { catalogued } from '../../src/base/codes/index.ts';
import { AssayError, codeOf, fail } from '../../src/base/errors.ts';
import { onAbandoned, say } from '../as-program.ts';
import { type Address, formatAddress, parseAddress } from '../client/address.ts';
import { connectStream } from '../client/stream.ts';
import { createRelay, RELAY_LIMITS } from './relay.ts';

interface Bound {
  /** HOST:PORT for TCP; else as `--listen` takes it. */
  readonly address: string;
  readonly port: number | null;
  readonly close: () => Promise<void>;
}

const EXIT_USAGE = 2;
const EXIT_REFUSED = 1;

function readArguments(args: readonly string[]): { listen: Address; to: Address } {
  const read = (): { listen?: string; to?: string } =>
    parseArgs({ args: [...args], options: { listen: { type: 'string' }, to: { type: 'string' } } }).values;
  let values: ReturnType<typeof read>;
  try {
    values = read();
  } catch (error) {
    return fail('USAGE', (error as Error).message);
  }
  const { listen, to } = values;
  if (listen === undefined || to === undefined) return fail('USAGE', 'relay --listen ADDRESS --to ADDRESS');
  return { listen: parseAddress(listen), to: parseAddress(to) };
}

function listenTcp(host: string, port: number, accept: (socket: Duplex) => void): Promise<Bound> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(transportError(error, 'listen')));
    server.listen({ host, port, backlog: 511 }, () => {
      // A failed accept (no descriptors left) concerns one connection; serve on.
      server.on('error', () => undefined);
      const bound = server.address() as AddressInfo;
      const shown = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
      const close = async (): Promise<void> => void server.close();
      resolve({ address: `${shown}:${bound.port}`, port: bound.port, close });
    });
  });
}

async function bind(address: Address, accept: (socket: Duplex) => void): Promise<Bound> {
  if (address.family === 'hybrid')
    return fail('USAGE', '--listen takes HOST:PORT, unix:PATH or vsock:CID:PORT');
  if (address.family === 'tcp') return listenTcp(address.host, address.port, accept);
  const options = { allowHalfOpen: true, maxConnections: RELAY_LIMITS.maxConnections };
  const listener: Listener = await listenNative(address, options, accept);
  const bound = listener.address;
  return {
    address: formatAddress(bound),
    port: bound.family === 'vsock' ? bound.port : null,
    close: () => listener.close(),
  };
}

async function main(): Promise<void> {
  const { listen, to } = readArguments(process.argv.slice(2));
  const relay = createRelay(() =>
    connectStream(to, { timeoutMs: RELAY_LIMITS.connectMs, allowHalfOpen: true }),
  );
  const { address, port, close } = await bind(listen, relay.accept);
  const stop = (): void => {
    relay.close();
    void close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  onAbandoned(stop);
  say({ ready: 'relay', address, port, to: formatAddress(to) });
}

try {
  await main();
} catch (error) {
  const known = error instanceof AssayError ? error : new AssayError('INTERNAL', String(error));
  process.stderr.write(`${codeOf(known)}: ${known.message}\n`);
  process.exitCode = catalogued(known).kind === 'malformed' ? EXIT_USAGE : EXIT_REFUSED;
}
