/** Bounds of an RPC server. Every one is enforced and has a test. */
import { MAX_FRAME_BYTES } from '../../src/rpc/frame.ts';

export interface ServeLimits {
  /** Payload of one frame, in bytes. */
  readonly maxFrameBytes: number;
  /** Calls in flight on one connection. */
  readonly maxStreams: number;
  readonly maxConnections: number;
  /** From accept until TLS is up, in milliseconds. */
  readonly handshakeMs: number;
  /** Without a call in flight, in milliseconds. */
  readonly idleMs: number;
  /** From the first byte of a frame to its last, in milliseconds. */
  readonly frameMs: number;
  /** How long a peer may leave answers unread before it is given up, in milliseconds. */
  readonly stallMs: number;
  /** Unread answers at which no more requests are read, in bytes. */
  readonly pauseBytes: number;
  /** Unread answers at which the peer is given up at once, in bytes. */
  readonly maxOutputBytes: number;
}

export const SERVE_LIMITS: ServeLimits = {
  maxFrameBytes: MAX_FRAME_BYTES,
  maxStreams: 256,
  maxConnections: 1_024,
  handshakeMs: 5_000,
  idleMs: 60_000,
  frameMs: 20_000,
  stallMs: 10_000,
  pauseBytes: 262_144,
  maxOutputBytes: 8_388_608,
};
