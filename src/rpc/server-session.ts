/**
 * The server's end of one connection, as a state machine over bytes. A call that cannot be served is answered on
 * its stream; what breaks the framing ends the connection, because nothing after it can be trusted to be a frame.
 */
import { AssayError, fail } from '../base/errors.ts';
import { decodeRequest, encodeRefusal, encodeResponse } from './envelope.ts';
import { FRAME_REQUEST, type Frame, FrameDecoder, FrameError } from './frame.ts';
import type { Method } from './service.ts';
import { statusOf } from './status.ts';

/** One served method. `C` is what a handler may know about the connection. */
export interface Handler<C> {
  readonly method: Method<unknown, unknown>;
  readonly handle: (request: unknown, context: C) => Promise<unknown>;
}

/** A request to its answer. What it throws becomes the status: AssayErrors with code and text, others as INTERNAL. */
export function handler<C, Q, R>(
  method: Method<Q, R>,
  handle: (request: Q, context: C) => Promise<R>,
): Handler<C> {
  return { method, handle } as unknown as Handler<C>;
}

/** Handlers by service and method. */
export type HandlerTable<C> = ReadonlyMap<string, Handler<C>>;

const keyOf = (service: string, method: string): string => `${service}/${method}`;

export function handlerTable<C>(handlers: readonly Handler<C>[]): HandlerTable<C> {
  const table = new Map(handlers.map((entry) => [keyOf(entry.method.service, entry.method.name), entry]));
  if (table.size !== handlers.length) fail('INTERNAL', 'a method has two handlers');
  return table;
}

export interface ServerSessionOptions<C> {
  readonly handlers: HandlerTable<C>;
  readonly context: C;
  readonly maxFrameBytes: number;
  /** Calls in flight. */
  readonly maxStreams: number;
  /** Takes one whole frame. */
  readonly send: (frame: Uint8Array) => void;
  /** The peer broke the protocol; what was sent should be flushed, and the connection closed. */
  readonly broken: (error: AssayError) => void;
}

export class ServerSession<C> {
  readonly #options: ServerSessionOptions<C>;
  readonly #decoder: FrameDecoder;
  #lastStream = 0;
  #inFlight = 0;
  #frames = 0;
  #open = true;

  constructor(options: ServerSessionOptions<C>) {
    this.#options = options;
    this.#decoder = new FrameDecoder(options.maxFrameBytes, (frame) => this.#onFrame(frame));
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Frames received so far. */
  get frames(): number {
    return this.#frames;
  }

  /** Whether a frame has begun and is not complete. */
  get partial(): boolean {
    return this.#decoder.partial;
  }

  /** Never throws on what a peer sends. */
  receive(chunk: Uint8Array): void {
    if (!this.#open) return;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      const known =
        error instanceof AssayError ? error : new AssayError('INTERNAL', 'frame', { cause: error });
      const streamId = error instanceof FrameError ? error.streamId : 0;
      // Only on a stream that could be a new call: no call is answered twice.
      if (streamId % 2 === 1 && streamId > this.#lastStream)
        this.#options.send(encodeRefusal(streamId, statusOf(known)));
      this.close();
      this.#options.broken(known);
    }
  }

  /** Answers of calls in flight are dropped from here on. */
  close(): void {
    this.#open = false;
  }

  #onFrame({ streamId, type, payload }: Frame): void {
    if (!this.#open) return;
    const broken = (code: 'FRAME_TYPE_UNKNOWN' | 'STREAM_ID_INVALID', message: string): never => {
      throw new FrameError(code, message, 0, code === 'STREAM_ID_INVALID' ? 0 : streamId);
    };
    if (type !== FRAME_REQUEST) broken('FRAME_TYPE_UNKNOWN', 'a response, sent to a server');
    if (streamId % 2 === 0) broken('STREAM_ID_INVALID', `stream ${streamId} is even`);
    if (streamId <= this.#lastStream)
      broken('STREAM_ID_INVALID', `stream ${streamId} after ${this.#lastStream}`);
    this.#lastStream = streamId;
    this.#frames++;
    void this.#serve(streamId, payload);
  }

  async #serve(streamId: number, payload: Uint8Array): Promise<void> {
    const { maxStreams, maxFrameBytes, handlers, context } = this.#options;
    this.#inFlight++;
    try {
      if (this.#inFlight > maxStreams) fail('STREAMS_EXCEEDED', `at most ${maxStreams} calls in flight`);
      // The envelope and the message are decoded before the first await: both are views of the frame.
      const request = decodeRequest(payload);
      const found = handlers.get(keyOf(request.service, request.method));
      if (found === undefined) return this.#refuse(streamId, unknownMethod(request.service, request.method));
      const { method, handle } = found;
      const answer = await handle(method.request.decode(request.payload), context);
      if (this.#open) this.#options.send(encodeResponse(streamId, method.response, answer, maxFrameBytes));
    } catch (error) {
      this.#refuse(streamId, error);
    } finally {
      this.#inFlight--;
    }
  }

  #refuse(streamId: number, error: unknown): void {
    if (this.#open) this.#options.send(encodeRefusal(streamId, statusOf(error)));
  }
}

function unknownMethod(service: string, method: string): AssayError {
  return new AssayError('RPC_METHOD_UNKNOWN', `no method ${service.slice(0, 128)}/${method.slice(0, 128)}`);
}
