/**
 * Serves RPC on streams that others accept. It bounds what strangers can hold: connections, handshakes, half-sent
 * frames, idle time, unread answers. Who the peer is, and whether there is TLS, is the caller's `secure`.
 */
import type { Duplex } from 'node:stream';
import { performance } from 'node:perf_hooks';
import { AssayError } from '../../src/base/errors.ts';
import { type Handler, handlerTable } from '../../src/rpc/server-session.ts';
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

export function createRpcServer<C>(options: RpcServerOptions<C>): RpcServer {
  const limits: ServeLimits = { ...SERVE_LIMITS, ...options.limits };
  const handlers = handlerTable(options.handlers);
  const entries = new Set<Entry<C>>();
  let open = true;

  function drop(entry: Entry<C>, error: AssayError): void {
    if (!entries.delete(entry)) return;
    entry.stream.destroy();
    entry.raw.destroy();
    options.onDrop?.(error);
  }

  function sweep(): void {
    const now = clock();
    for (const entry of entries) {
      if (entry.connection !== null) entry.connection.sweep(now);
      else if (now - entry.since > limits.handshakeMs)
        drop(entry, new AssayError('CONNECTION_DROPPED', 'the peer did not finish its handshake'));
    }
  }

  async function start(entry: Entry<C>): Promise<void> {
    const { stream, context } = await options.secure(entry.raw);
    entry.stream = stream;
    if (!entries.has(entry)) return void stream.destroy();
    if (stream !== entry.raw) watch(entry, stream);
    entry.connection = new ServedConnection(stream, {
      handlers,
      context,
      limits,
      now: clock,
      drop: (error) => drop(entry, error),
    });
  }

  /** A stream error says nothing that `close` does not; without a listener it would end the process. */
  function watch(entry: Entry<C>, stream: Duplex): void {
    const gone = (): void => {
      if (entries.delete(entry)) {
        entry.stream.destroy();
        entry.raw.destroy();
      }
    };
    stream.on('error', gone);
    stream.once('close', gone);
    stream.once('end', gone);
  }

  const period = Math.min(
    1_000,
    limits.handshakeMs / 4,
    limits.idleMs / 4,
    limits.frameMs / 4,
    limits.stallMs / 4,
  );
  const timer = setInterval(sweep, Math.max(5, period));
  timer.unref();

  return {
    accept(raw) {
      const entry: Entry<C> = { raw, since: clock(), stream: raw, connection: null };
      watch(entry, raw);
      if (!open || entries.size >= limits.maxConnections) {
        raw.destroy();
        options.onDrop?.(
          new AssayError('CONNECTION_DROPPED', `one more than ${limits.maxConnections} connections`),
        );
        return;
      }
      entries.add(entry);
      start(entry).catch((error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        drop(
          entry,
          error instanceof AssayError ? error : new AssayError('CONNECTION_DROPPED', `handshake: ${text}`),
        );
      });
    },
    connections: () => entries.size,
    close() {
      open = false;
      clearInterval(timer);
      for (const { raw, stream } of entries) {
        stream.destroy();
        raw.destroy();
      }
      entries.clear();
    },
  };
}

/** For streams that need no TLS: nobody is known, nothing is bound. */
export function plain<C>(context: C): (raw: Duplex) => Promise<Secured<C>> {
  return async (stream) => ({ stream, context });
}
