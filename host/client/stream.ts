/** Connects a stream to any address that the host side knows: what native/transport has, and TCP. */
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectNative } from '../../native/transport.ts';
import { transportError } from '../../native/transport-error.ts';
import { AssayError } from '../../src/base/errors.ts';
import type { Address } from './address.ts';
import { connectHybrid } from './hybrid.ts';

export interface StreamOptions {
  readonly timeoutMs: number;
  readonly allowHalfOpen?: boolean;
}

/** Rejects with CONNECTION_REFUSED, CONNECTION_TIMEOUT, ADDRESS_INVALID, NATIVE_MISSING or TRANSPORT_FAILED. */
export function connectStream(address: Address, options: StreamOptions): Promise<Duplex> {
  if (address.family === 'hybrid') return connectHybrid(address, options);
  if (address.family !== 'tcp') return connectNative(address, options);
  const { host, port } = address;
  const { timeoutMs, allowHalfOpen = false } = options;
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, allowHalfOpen, noDelay: true });
    const failed = (error: AssayError): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const refused = (error: Error): void => failed(transportError(error, 'connect'));
    const timer = setTimeout(
      () => failed(new AssayError('CONNECTION_TIMEOUT', `no connection within ${timeoutMs} ms`)),
      timeoutMs,
    );
    socket.once('error', refused);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', refused);
      resolve(socket);
    });
  });
}
