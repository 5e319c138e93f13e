/**
 * The parent's side of the vsock, in vhost-device-vsock's form: a guest that connects to port P of its parent comes
 * out at the Unix socket `PATH_P`.
 */
import { createServer, type Server } from 'node:net';
import { listenUnix, type SocketServer } from '../simulator/nsm-server.ts';

/** nitro-cli's port and byte: init sends it, and goes on only when it comes back. */
export const HEARTBEAT_PORT = 9000;
const BEAT = 0xb7;

export const parentSocket = (guest: string, port: number): string => `${guest}_${port}`;

export interface Heartbeat extends SocketServer {
  /** Resolves with the first beat. */
  readonly beaten: Promise<void>;
}

export async function answerHeartbeat(guest: string): Promise<Heartbeat> {
  const { promise: beaten, resolve } = Promise.withResolvers<void>();
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      if (bytes.length !== 1 || bytes[0] !== BEAT) return void socket.destroy();
      socket.end(bytes);
      resolve();
    });
  });
  return { ...(await listenUnix(server, parentSocket(guest, HEARTBEAT_PORT))), beaten };
}
