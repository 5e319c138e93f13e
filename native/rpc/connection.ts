/** One served connection: a stream, its session, and the times by which the sweep judges it. */
import type { Duplex } from 'node:stream';
import { AssayError } from '../../src/base/errors.ts';
import { type HandlerTable, ServerSession } from '../../src/rpc/server-session.ts';
import type { ServeLimits } from './limits.ts';
import { createOutbox, type Outbox } from './outbox.ts';

/** How long a peer that broke the protocol has to read why, in milliseconds. */
const FAREWELL_MS = 1_000;

export class ServedConnection<C> {
  readonly #stream: Duplex;
  readonly #limits: ServeLimits;
  readonly #session: ServerSession<C>;
  readonly #outbox: Outbox;
  readonly #drop: (error: AssayError) => void;
  #framesSeen = 0;
  #activeAt: number;
  #frameSince = 0;
  #stalledSince = 0;
  readonly #now: () => number;

  /** `drop` must destroy the stream; it may be called more than once. */
  constructor(
    stream: Duplex,
    parts: {
      handlers: HandlerTable<C>;
      context: C;
      limits: ServeLimits;
      now: () => number;
      drop: (error: AssayError) => void;
    },
  ) {
    const { limits, now, drop } = parts;
    this.#stream = stream;
    this.#limits = limits;
    this.#now = now;
    this.#drop = drop;
    this.#activeAt = now();
    this.#outbox = createOutbox(stream, limits.maxOutputBytes, {
      onOverflow: () => this.#giveUp('does not read its answers'),
      onWritten: () => this.#written(),
    });
    this.#session = new ServerSession({
      handlers: parts.handlers,
      context: parts.context,
      maxFrameBytes: limits.maxFrameBytes,
      maxStreams: limits.maxStreams,
      send: (frame) => this.#send(frame),
      broken: (error) => this.#farewell(error),
    });
    stream.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    stream.once('close', () => this.#session.close());
  }

  /** Ends a connection that is over one of its times. */
  sweep(now: number): void {
    const { idleMs, frameMs, stallMs } = this.#limits;
    if (this.#stalledSince > 0 && now - this.#stalledSince > stallMs)
      this.#giveUp('does not read its answers');
    else if (this.#frameSince > 0 && now - this.#frameSince > frameMs) this.#giveUp('left a frame half sent');
    else if (this.#session.inFlight === 0 && now - this.#activeAt > idleMs) this.#giveUp('is idle');
  }

  #receive(chunk: Uint8Array): void {
    this.#session.receive(chunk);
    const { frames, partial } = this.#session;
    if (!partial) this.#frameSince = 0;
    else if (this.#frameSince === 0 || frames !== this.#framesSeen) this.#frameSince = this.#now();
    if (frames !== this.#framesSeen) this.#activeAt = this.#now();
    this.#framesSeen = frames;
  }

  #send(frame: Uint8Array): void {
    this.#activeAt = this.#now();
    this.#outbox.send(frame);
    // No more requests from a peer that leaves its answers unread.
    if (this.#stalledSince === 0 && this.#outbox.pending() > this.#limits.pauseBytes) {
      this.#stalledSince = this.#activeAt;
      this.#stream.pause();
    }
  }

  #written(): void {
    if (this.#stalledSince === 0 || this.#outbox.pending() > this.#limits.pauseBytes / 2) return;
    this.#stalledSince = 0;
    this.#stream.resume();
  }

  #giveUp(why: string): void {
    this.#session.close();
    this.#drop(new AssayError('CONNECTION_DROPPED', `the peer ${why}`));
  }

  /** The refusal is on its way; the stream is destroyed when it has left, or soon. */
  #farewell(error: AssayError): void {
    this.#stream.pause();
    this.#outbox.flush();
    const timer = setTimeout(() => this.#drop(error), FAREWELL_MS);
    this.#stream.end(() => {
      clearTimeout(timer);
      this.#drop(error);
    });
  }
}
