/**
 * A Duplex over a socket of the addon; TLS runs on it as on a net.Socket. Little is buffered here: reading stops
 * while the consumer is behind, and a write is done only when the kernel has all of it.
 */
import { constants } from 'node:os';
import { Duplex } from 'node:stream';
import type { StreamHandle } from './binding.ts';
import { systemError } from './transport-error.ts';

const { EPIPE } = constants.errno;

type Done = (error?: Error | null) => void;

export class SocketStream extends Duplex {
  readonly #handle: StreamHandle;
  #pending: { chunks: readonly Uint8Array[]; offset: number; done: Done } | null = null;

  constructor(handle: StreamHandle, options: { readonly allowHalfOpen: boolean }) {
    super({ allowHalfOpen: true, decodeStrings: true });
    this.#handle = handle;
    if (!options.allowHalfOpen) this.once('end', () => setImmediate(() => this.#endToo()));
    handle.start(
      (data) => this.#onRead(data),
      () => this.#flush(),
    );
    // As net.Socket does: what nobody reads yet is read up to the mark, and the peer's end is noticed all the same.
    this.read(0);
  }

  /**
   * The peer has ended, so we end. A turn of the loop later than a Duplex by itself would, because TLS on top has its
   * close_notify to write when it hears of the end.
   */
  #endToo(): void {
    if (this.writableEnded || this.destroyed) return;
    this.end();
    this.write = (_chunk: unknown, ...rest: unknown[]): boolean => {
      const error = systemError(-EPIPE, 'write');
      const done = rest.find((item) => typeof item === 'function') as Done | undefined;
      if (done !== undefined) process.nextTick(done, error);
      this.destroy(error);
      return false;
    };
  }

  #onRead(data: Buffer | null | number): void {
    if (typeof data === 'number') this.destroy(systemError(data, 'read'));
    else if (data === null) {
      this.push(null);
      this.read(0);
    } else if (!this.push(data)) this.#handle.readStop();
  }

  override _read(): void {
    this.#handle.readStart();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Done): void {
    this.#send([chunk], done);
  }

  override _writev(entries: readonly { chunk: Uint8Array }[], done: Done): void {
    this.#send(
      entries.map((entry) => entry.chunk),
      done,
    );
  }

  #send(chunks: readonly Uint8Array[], done: Done): void {
    this.#pending = { chunks, offset: 0, done };
    this.#flush();
  }

  /** Gives the kernel what it takes now, and waits for POLLOUT with the rest. */
  #flush(): void {
    const pending = this.#pending;
    if (pending === null) return;
    let { chunks, offset } = pending;
    for (;;) {
      // A write of nothing would look like a full socket.
      while (chunks.length > 0 && (chunks[0] as Uint8Array).length === offset) {
        chunks = chunks.slice(1);
        offset = 0;
      }
      if (chunks.length === 0) return this.#sent();
      const count = this.#handle.write(chunks, offset);
      if (count < 0) return this.#sent(systemError(count, 'write'));
      if (count === 0) break;
      [chunks, offset] = advance(chunks, offset + count);
    }
    this.#pending = { chunks, offset, done: pending.done };
    this.#handle.awaitWritable();
  }

  #sent(error?: Error): void {
    const done = this.#pending?.done;
    this.#pending = null;
    done?.(error);
  }

  override _final(done: Done): void {
    const status = this.#handle.shutdown();
    // The peer may be gone already, with nothing left to tell it.
    done(
      status === 0 || systemError(status, 'shutdown').code === 'ENOTCONN'
        ? null
        : systemError(status, 'shutdown'),
    );
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#handle.close();
    const unsent = this.#pending;
    this.#pending = null;
    unsent?.done(error ?? systemError(-EPIPE, 'write'));
    done(error);
  }
}

/** Drops what was sent: the chunks that are left, and where to go on in the first. */
function advance(chunks: readonly Uint8Array[], sent: number): [readonly Uint8Array[], number] {
  let index = 0;
  let rest = sent;
  while (index < chunks.length && rest >= (chunks[index] as Uint8Array).length) {
    rest -= (chunks[index] as Uint8Array).length;
    index += 1;
  }
  return [index === 0 ? chunks : chunks.slice(index), rest];
}
