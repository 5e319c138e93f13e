/**
 * Writes frames to a stream: all frames of one turn of the event loop leave in one write, which over TLS is one
 * record instead of many. Bounded: a peer that does not read is given up, never buffered for without end.
 */
import type { Duplex } from 'node:stream';

export interface Outbox {
  /** Takes over one frame. */
  readonly send: (frame: Uint8Array) => void;
  /** Bytes that the peer has not taken yet. */
  readonly pending: () => number;
  /** Writes what has been sent so far. */
  readonly flush: () => void;
}

export interface OutboxEvents {
  /** Called once, when more than `maxBytes` wait for the peer. */
  readonly onOverflow: () => void;
  /** The peer has taken a write. */
  readonly onWritten?: () => void;
}

export function createOutbox(stream: Duplex, maxBytes: number, events: OutboxEvents): Outbox {
  let frames: Uint8Array[] = [];
  let bytes = 0;
  let overflowed = false;

  const pending = (): number => bytes + stream.writableLength;

  function flush(): void {
    if (frames.length === 0) return;
    const [first] = frames as [Uint8Array];
    const joined = frames.length === 1 ? first : Buffer.concat(frames, bytes);
    frames = [];
    bytes = 0;
    if (!stream.destroyed && !stream.writableEnded) stream.write(joined, events.onWritten);
  }

  function send(frame: Uint8Array): void {
    if (overflowed) return;
    if (pending() + frame.length > maxBytes) {
      overflowed = true;
      frames = [];
      events.onOverflow();
      return;
    }
    // After the promise jobs of this turn: a group commit resolves many answers at once.
    if (frames.length === 0) process.nextTick(flush);
    frames.push(frame);
    bytes += frame.length;
  }

  return { send, pending, flush };
}
