/**
 * A stream to a guest's vsock through the Unix socket of its device (Firecracker docs/vsock.md, "Host-initiated
 * connections"): `CONNECT <port>\\n`, answered by `OK <number>\\n`, and from then on it is the stream.
 */
import type { Duplex } from 'node:stream';
import { connect } from '../../native/transport.ts';
import { AssayError } from '../../src/base/errors.ts';
import type { StreamOptions } from './stream.ts';

const LINE_END = 0x0a;
const MAX_ANSWER = 32;

/** Rejects with CONNECTION_REFUSED when no one listens in the guest, or CONNECTION_TIMEOUT. */
export async function connectHybrid(
  { path, port }: { readonly path: string; readonly port: number },
  options: StreamOptions,
): Promise<Duplex> {
  const stream = await connect({ family: 'unix', path }, options);
  return new Promise((resolve, reject) => {
    let answer = new Uint8Array(0);
    const failed = (code: 'CONNECTION_REFUSED' | 'CONNECTION_TIMEOUT', why: string): void => {
      forget();
      stream.on('error', () => undefined).destroy();
      reject(new AssayError(code, `guest port ${port}: ${why}`));
    };
    const closed = (): void => failed('CONNECTION_REFUSED', 'nobody listens');
    const timer = setTimeout(() => failed('CONNECTION_TIMEOUT', 'no answer'), options.timeoutMs);
    const read = (): void => {
      // Byte by byte to the end of the line: what follows belongs to whoever gets the stream.
      for (let chunk = stream.read(1); chunk !== null; chunk = stream.read(1)) {
        answer = Uint8Array.of(...answer, (chunk as Uint8Array)[0] as number);
        if (answer.at(-1) === LINE_END) return accept();
        if (answer.length > MAX_ANSWER) return failed('CONNECTION_REFUSED', 'answered something else');
      }
    };
    const accept = (): void => {
      if (!/^OK [0-9]+\n$/.test(new TextDecoder().decode(answer)))
        return failed('CONNECTION_REFUSED', 'answered something else');
      forget();
      resolve(stream);
    };
    const forget = (): void => {
      clearTimeout(timer);
      stream.off('readable', read).off('error', closed).off('end', closed).off('close', closed);
    };
    stream.on('readable', read).on('error', closed).on('end', closed).on('close', closed);
    stream.write(`CONNECT ${port}\n`);
  });
}
