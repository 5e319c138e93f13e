/**
 * Serves RPC on streams that others accept. It bounds what strangers can hold: connections, handshakes, half-sent
 * frames, idle time, unread answers. Who the peer is, and whether there is TLS, is the caller's `secure`.
 */
import type { Duplex } from 'node:stream';
import { performance } from 'node:perf_hooks';
import { AssayError } from '../../src/base/errors.ts';
import { type Handler, type HandlerTable, handlerTable } from '../../src/rpc/server-session.ts';
import { ServedConnection } from './connection.ts';
import { SERVE_LIMITS, type ServeLimits } from './limits.ts';

/** A stream that calls may run on, and what handlers may know of it. */
export interface Secured<C> {
  readonly stream: Duplex;
  readonly context: C;
}

export interface RpcServerOptions<C> {
  readonly handlers: readonly Handler<C>[];
  /** Turns an accepted stream into one that is served; rejects when the peer is not acceptable. */
  readonly secure: (raw: Duplex) => Promise<Secured<C>>;
  readonly limits?: Partial<ServeLimits>;
  /** Every connection that ended by our choice, with the reason: CONNECTION_DROPPED or what the peer broke. */
  readonly onDrop?: (error: AssayError) => void;
}

export interface RpcServer {
  /** Takes over a stream. Never throws. */
  readonly accept: (raw: Duplex) => void;
  /** Connections now, those in their handshake included. */
  readonly connections: () => number;
  /** Ends all connections and takes no more. */
  readonly close: () => void;
}

interface Entry<C> {
  readonly raw: Duplex;
  readonly since: number;
  stream: Duplex;
  connection: ServedConnection<C> | null;
}

const clock = (): number => performance.now();

/** The sweep looks at each connection a few times within the shortest of its times. */
function sweepPeriod({ handshakeMs, idleMs, frameMs, stallMs }: ServeLimits): number {
  return Math.max(5, Math.min(1_000, handshakeMs / 4, idleMs / 4, frameMs / 4, stallMs / 4));
}

function asDrop(error: unknown): AssayError {
  if (error instanceof AssayError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new AssayError('CONNECTION_DROPPED', `handshake: ${text}`);
}

class Server<C> {
  readonly #options: RpcServerOptions<C>;
  readonly #limits: ServeLimits;
  readonly #handlers: HandlerTable<C>;
  readonly #entries = new Set<Entry<C>>();
  readonly #timer: NodeJS.Timeout;
  #open = true;

  constructor(options: RpcServerOptions<C>) {
    this.#options = options;
    this.#limits = { ...SERVE_LIMITS, ...options.limits };
    this.#handlers = handlerTable(options.handlers);
    this.#timer = setInterval(() => this.#sweep(), sweepPeriod(this.#limits));
    this.#timer.unref();
  }

  get size(): number {
    return this.#entries.size;
  }

  accept(raw: Duplex): void {
    const entry: Entry<C> = { raw, since: clock(), stream: raw, connection: null };
    this.#watch(entry, raw);
    const { maxConnections } = this.#limits;
    if (!this.#open || this.#entries.size >= maxConnections) {
      raw.destroy();
      this.#options.onDrop?.(
        new AssayError('CONNECTION_DROPPED', `one more than ${maxConnections} connections`),
      );
      return;
    }
    this.#entries.add(entry);
    this.#start(entry).catch((error: unknown) => this.#drop(entry, asDrop(error)));
  }

  close(): void {
    this.#open = false;
    clearInterval(this.#timer);
    for (const entry of this.#entries) this.#destroy(entry);
  }

  async #start(entry: Entry<C>): Promise<void> {
    const { stream, context } = await this.#options.secure(entry.raw);
    entry.stream = stream;
    if (!this.#entries.has(entry)) return void stream.destroy();
    if (stream !== entry.raw) this.#watch(entry, stream);
    entry.connection = new ServedConnection(stream, {
      handlers: this.#handlers,
      context,
      limits: this.#limits,
      now: clock,
      drop: (error) => this.#drop(entry, error),
    });
  }

  /** A stream error says nothing that `close` does not; without a listener it would end the process. */
  #watch(entry: Entry<C>, stream: Duplex): void {
    const gone = (): void => this.#destroy(entry);
    stream.on('error', gone);
    stream.once('close', gone);
    stream.once('end', gone);
  }

  #drop(entry: Entry<C>, error: AssayError): void {
    if (!this.#entries.has(entry)) return;
    this.#destroy(entry);
    this.#options.onDrop?.(error);
  }

  #destroy(entry: Entry<C>): void {
    if (!this.#entries.delete(entry)) return;
    entry.stream.destroy();
    entry.raw.destroy();
  }

  #sweep(): void {
    const now = clock();
    for (const entry of this.#entries) {
      if (entry.connection !== null) entry.connection.sweep(now);
      else if (now - entry.since > this.#limits.handshakeMs)
        this.#drop(entry, new AssayError('CONNECTION_DROPPED', 'the peer did not finish its handshake'));
    }
  }
}

export function createRpcServer<C>(options: RpcServerOptions<C>): RpcServer {
  const server = new Server(options);
  return {
    accept: (raw) => server.accept(raw),
    connections: () => server.size,
    close: () => server.close(),
  };
}

/** For streams that need no TLS: nobody is known, nothing is bound. */
export function plain<C>(context: C): (raw: Duplex) => Promise<Secured<C>> {
  return async (stream) => ({ stream, context });
}
