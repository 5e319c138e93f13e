/** Calls over a connected stream, with or without TLS on it: pipelined, coalesced, each with a time limit. */
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { AssayError } from '../../src/base/errors.ts';
import { ClientSession } from '../../src/rpc/client-session.ts';
import { MAX_FRAME_BYTES } from '../../src/rpc/frame.ts';
import type { Method } from '../../src/rpc/service.ts';
import { SERVE_LIMITS } from './limits.ts';
import { createOutbox } from './outbox.ts';

export interface RpcClientOptions {
  /** For each call, in milliseconds, unless the call says otherwise; 0 waits for ever. */
  readonly timeoutMs: number;
  readonly maxFrameBytes?: number;
  /** Requests that the server has not taken yet, in bytes. */
  readonly maxOutputBytes?: number;
}

export interface RpcClient {
  /** Rejects with the server's code, RPC_REMOTE_ERROR, RPC_TIMEOUT, CONNECTION_LOST, or the codes of encoding. */
  readonly call: <Q, R>(method: Method<Q, R>, request: Q, options?: { timeoutMs?: number }) => Promise<R>;
  /** Resolves with the reason when the connection is over; never rejects. */
  readonly closed: Promise<AssayError>;
  readonly close: () => void;
}

const MAX_OUTPUT_BYTES = 64 * MAX_FRAME_BYTES;
/** The longest delay that a Node timer holds. */
const MAX_TIMER_MS = 0x7fff_ffff;

class Client {
  readonly #stream: Duplex;
  readonly #session: ClientSession;
  readonly #timeoutMs: number;
  readonly #closed = Promise.withResolvers<AssayError>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(stream: Duplex, options: RpcClientOptions) {
    this.#stream = stream;
    this.#timeoutMs = options.timeoutMs;
    const outbox = createOutbox(stream, options.maxOutputBytes ?? MAX_OUTPUT_BYTES, {
      onOverflow: () => this.lose('the server does not read its requests'),
    });
    this.#session = new ClientSession({
      maxFrameBytes: options.maxFrameBytes ?? MAX_FRAME_BYTES,
      maxStreams: SERVE_LIMITS.maxStreams,
      send: outbox.send,
    });
    this.#listen();
  }

  get closed(): Promise<AssayError> {
    return this.#closed.promise;
  }

  call<Q, R>(method: Method<Q, R>, request: Q, timeoutMs: number = this.#timeoutMs): Promise<R> {
    const deadline = timeoutMs > 0 ? performance.now() + timeoutMs : Number.POSITIVE_INFINITY;
    const answer = this.#session.call(method, request, timeoutMs, deadline);
    this.#arm(deadline);
    return answer;
  }

  lose(why: string, cause?: unknown): void {
    const error = new AssayError('CONNECTION_LOST', why, { cause });
    clearTimeout(this.#timer);
    this.#session.end(error);
    this.#stream.destroy();
    this.#closed.resolve(error);
  }

  #listen(): void {
    const stream = this.#stream;
    stream.on('data', (chunk: Uint8Array) => {
      try {
        this.#session.receive(chunk);
      } catch (error) {
        this.lose(`the server broke the protocol: ${(error as Error).message}`, error);
      }
    });
    stream.on('error', (error) => this.lose(`the connection failed: ${error.message}`, error));
    stream.once('end', () => this.lose('the server ended the connection'));
    stream.once('close', () => this.lose('the connection is closed'));
    // Their events may have passed before anyone listened.
    if (stream.destroyed || stream.readableEnded) this.lose('the connection is closed');
  }

  /** One timer for all calls, at the earliest deadline. */
  #arm(deadline: number): void {
    if (deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    const delay = Math.min(MAX_TIMER_MS, Math.max(1, deadline - performance.now()));
    this.#timer = setTimeout(() => this.#expire(), delay);
    this.#timer.unref();
  }

  #expire(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#arm(this.#session.expire(performance.now()));
  }
}

export function createRpcClient(stream: Duplex, options: RpcClientOptions): RpcClient {
  const client = new Client(stream, options);
  return {
    call: (method, request, { timeoutMs } = {}) => client.call(method, request, timeoutMs),
    closed: client.closed,
    close: () => client.lose('closed by its owner'),
  };
}
