/**
 * The client's end of one connection, as a state machine over bytes: calls are pipelined, answers come in any
 * order. Time comes from outside; `expire` is called with it.
 */
import { AssayError, fail } from '../base/errors.ts';
import { decodeResponse, encodeRequest } from './envelope.ts';
import { FRAME_RESPONSE, type Frame, FrameDecoder, FrameError } from './frame.ts';
import type { Method } from './service.ts';
import { errorOf } from './status.ts';

export interface ClientSessionOptions {
  readonly maxFrameBytes: number;
  /** Calls in flight; more wait here. The server's bound. */
  readonly maxStreams: number;
  /** Takes one whole frame. */
  readonly send: (frame: Uint8Array) => void;
}

interface Pending {
  readonly method: Method<unknown, unknown>;
  /** On the caller's clock; Infinity for none. */
  readonly deadline: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Waiting extends Pending {
  readonly request: unknown;
  readonly timeoutMs: number;
}

const MAX_STREAM_ID = 0xffff_ffff;

export class ClientSession {
  readonly #options: ClientSessionOptions;
  readonly #decoder: FrameDecoder;
  readonly #pending = new Map<number, Pending>();
  /** Calls that nobody waits for any more, whose answers may still come. */
  readonly #abandoned = new Set<number>();
  #waiting: Waiting[] = [];
  #nextStream = 1;
  #ended: AssayError | null = null;

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    this.#decoder = new FrameDecoder(options.maxFrameBytes, (frame) => this.#onFrame(frame));
  }

  /** Calls without an answer. */
  get inFlight(): number {
    return this.#pending.size + this.#waiting.length;
  }

  /**
   * Rejects with the server's code, RPC_REMOTE_ERROR, RPC_TIMEOUT, CONNECTION_LOST, or, before anything is sent,
   * MESSAGE_VALUE_INVALID or FRAME_TOO_LARGE. `deadline` is on the clock that `expire` gets.
   */
  call<Q, R>(method: Method<Q, R>, request: Q, timeoutMs: number, deadline: number): Promise<R> {
    return new Promise<unknown>((resolve, reject) => {
      const entry = {
        method: method as Method<unknown, unknown>,
        request,
        timeoutMs,
        deadline,
        resolve,
        reject,
      };
      if (this.#ended !== null) reject(this.#ended);
      else if (this.#hasRoom()) this.#start(entry);
      else this.#waiting.push(entry);
    }) as Promise<R>;
  }

  /** Throws AssayError when the server breaks the protocol; then call `end`. */
  receive(chunk: Uint8Array): void {
    if (this.#ended === null) this.#decoder.push(chunk);
  }

  /** Rejects every call in flight, and every later one. */
  end(error: AssayError): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    for (const { reject } of this.#pending.values()) reject(error);
    for (const { reject } of this.#waiting) reject(error);
    this.#pending.clear();
    this.#waiting = [];
  }

  /** Rejects the calls whose deadline has passed; returns the earliest deadline that is left, or Infinity. */
  expire(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [streamId, entry] of this.#pending) {
      if (entry.deadline > now) next = Math.min(next, entry.deadline);
      else {
        this.#pending.delete(streamId);
        this.#abandoned.add(streamId);
        entry.reject(timedOut(entry));
      }
    }
    for (const entry of this.#waiting) if (entry.deadline <= now) entry.reject(timedOut(entry));
    this.#waiting = this.#waiting.filter(({ deadline }) => deadline > now);
    for (const { deadline } of this.#waiting) next = Math.min(next, deadline);
    return next;
  }

  #start({ request, timeoutMs, ...entry }: Waiting): void {
    const streamId = this.#nextStream;
    try {
      if (streamId > MAX_STREAM_ID) fail('CONNECTION_LOST', 'this connection has used up its stream ids');
      const frame = encodeRequest(streamId, entry.method, request, timeoutMs, this.#options.maxFrameBytes);
      this.#nextStream = streamId + 2;
      this.#pending.set(streamId, entry);
      this.#options.send(frame);
    } catch (error) {
      this.#pending.delete(streamId);
      entry.reject(error);
    }
  }

  #onFrame({ streamId, type, payload }: Frame): void {
    if (type !== FRAME_RESPONSE)
      throw new FrameError('FRAME_TYPE_UNKNOWN', 'a request, sent to a client', 0, 0);
    const entry = this.#pending.get(streamId);
    if (entry === undefined) {
      if (!this.#abandoned.delete(streamId))
        throw new FrameError('STREAM_ID_INVALID', `an answer on stream ${streamId}, which has no call`, 0, 0);
    } else {
      this.#pending.delete(streamId);
      settle(entry, payload);
    }
    // One that cannot be sent leaves its place to the next.
    while (this.#waiting.length > 0 && this.#hasRoom()) this.#start(this.#waiting.shift() as Waiting);
  }

  #hasRoom(): boolean {
    return this.#pending.size + this.#abandoned.size < this.#options.maxStreams;
  }
}

function settle({ method, resolve, reject }: Pending, payload: Uint8Array): void {
  try {
    const { status, payload: answer } = decodeResponse(payload);
    if (status !== null && status.code !== 0) reject(errorOf(status));
    else resolve(method.response.decode(answer));
  } catch (error) {
    reject(error);
  }
}

function timedOut({ method }: Pending): AssayError {
  return new AssayError('RPC_TIMEOUT', `${method.service}/${method.name}: no answer in time`);
}
