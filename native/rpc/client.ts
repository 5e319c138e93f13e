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

export function createRpcClient(stream: Duplex, options: RpcClientOptions): RpcClient {
  const { promise: closed, resolve: resolveClosed } = Promise.withResolvers<AssayError>();
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Number.POSITIVE_INFINITY;

  function end(error: AssayError): void {
    clearTimeout(timer);
    session.end(error);
    stream.destroy();
    resolveClosed(error);
  }

  const lost = (why: string, cause?: unknown): void => end(new AssayError('CONNECTION_LOST', why, { cause }));

  const outbox = createOutbox(stream, options.maxOutputBytes ?? MAX_OUTPUT_BYTES, {
    onOverflow: () => lost('the server does not read its requests'),
  });
  const session = new ClientSession({
    maxFrameBytes: options.maxFrameBytes ?? MAX_FRAME_BYTES,
    maxStreams: SERVE_LIMITS.maxStreams,
    send: outbox.send,
  });

  /** One timer for all calls, at the earliest deadline. */
  function arm(deadline: number): void {
    if (deadline >= timerAt) return;
    clearTimeout(timer);
    timerAt = deadline;
    timer = setTimeout(expire, Math.min(MAX_TIMER_MS, Math.max(1, deadline - performance.now())));
    timer.unref();
  }

  function expire(): void {
    timerAt = Number.POSITIVE_INFINITY;
    arm(session.expire(performance.now()));
  }

  stream.on('data', (chunk: Uint8Array) => {
    try {
      session.receive(chunk);
    } catch (error) {
      lost(`the server broke the protocol: ${(error as Error).message}`, error);
    }
  });
  stream.on('error', (error) => lost(`the connection failed: ${error.message}`, error));
  stream.once('end', () => lost('the server ended the connection'));
  stream.once('close', () => lost('the connection is closed'));
  // Their events may have passed before anyone listened.
  if (stream.destroyed || stream.readableEnded) lost('the connection is closed');

  return {
    call(method, request, { timeoutMs = options.timeoutMs } = {}) {
      const deadline = timeoutMs > 0 ? performance.now() + timeoutMs : Number.POSITIVE_INFINITY;
      const answer = session.call(method, request, timeoutMs, deadline);
      arm(deadline);
      return answer;
    },
    closed,
    close: () => lost('closed by its owner'),
  };
}
