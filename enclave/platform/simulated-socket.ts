/**
 * A device of a simulated machine as the enclave reaches it: a Unix socket in the folder that the simulated hypervisor
 * gives, with frames of u32be length and one message, answered in order. In simulated builds only.
 */
import type { Duplex } from 'node:stream';
import { connect } from '../../native/index.ts';
import { concat, u32be } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';

export interface SimulatedSocket {
  request(bytes: Uint8Array): Promise<Uint8Array>;
}

interface Waiting {
  readonly resolve: (response: Uint8Array) => void;
  readonly reject: (error: AssayError) => void;
}

const HEADER = 4;

/** `what` names the device in messages. Rejects with the transport's code when it is not there. */
export async function connectSimulatedSocket(
  path: string,
  { what, maxResponse }: { readonly what: string; readonly maxResponse: number },
): Promise<SimulatedSocket> {
  const socket: Duplex = await connect({ family: 'unix', path });
  const waiting: Waiting[] = [];
  let received: Uint8Array = new Uint8Array(0);
  let gone: AssayError | null = null;

  function end(why: string): void {
    gone ??= new AssayError('QUOTE_UNAVAILABLE', `the simulated ${what} ${why}`);
    for (const { reject } of waiting.splice(0)) reject(gone);
    socket.destroy();
  }

  socket.on('error', () => end('failed'));
  socket.on('close', () => end('is gone'));
  socket.on('data', (chunk: Uint8Array) => {
    // Concatenated even when it is the first: `slice` of a Buffer would be a view.
    received = concat(received, chunk);
    while (received.length >= HEADER) {
      const length = new DataView(received.buffer, received.byteOffset).getUint32(0);
      if (length > maxResponse) return end(`sent more than a ${what} can`);
      if (received.length < HEADER + length) return;
      waiting.shift()?.resolve(received.slice(HEADER, HEADER + length));
      received = received.subarray(HEADER + length);
    }
  });

  return {
    request(bytes) {
      if (gone !== null) return Promise.reject(gone);
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        socket.write(concat(u32be(bytes.length), bytes));
      });
    },
  };
}
