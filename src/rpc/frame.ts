/**
 * ttrpc frames (containerd/ttrpc, PROTOCOL.md): a header of 10 bytes, u32be length of the payload, u32be stream id,
 * u8 type, u8 flags, and then the payload. Only what unary calls need is taken: requests and responses without
 * flags. Data frames and the flags of streaming calls are errors.
 */
import { type Code, ParseError } from '../base/errors.ts';

export const HEADER_BYTES = 10;
/** Payload bound that both sides keep, unless a caller asks for less. */
export const MAX_FRAME_BYTES = 1_048_576;

export const FRAME_REQUEST = 1;
export const FRAME_RESPONSE = 2;

export interface Frame {
  readonly streamId: number;
  readonly type: number;
  /** A view: of the chunk that it came in, or of a buffer of its own. */
  readonly payload: Uint8Array;
}

/** What broke the framing, with the stream that it can be answered on. Nothing after it can be read. */
export class FrameError extends ParseError {
  readonly streamId: number;

  constructor(code: Code, message: string, offset: number, streamId: number) {
    super(code, message, offset, 'frame');
    this.name = 'FrameError';
    this.streamId = streamId;
  }
}

export function writeHeader(
  target: Uint8Array,
  at: number,
  length: number,
  streamId: number,
  type: number,
): void {
  target[at] = length >>> 24;
  target[at + 1] = length >>> 16;
  target[at + 2] = length >>> 8;
  target[at + 3] = length;
  target[at + 4] = streamId >>> 24;
  target[at + 5] = streamId >>> 16;
  target[at + 6] = streamId >>> 8;
  target[at + 7] = streamId;
  target[at + 8] = type;
  target[at + 9] = 0;
}

function u32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) * 0x100_0000 +
    (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  );
}

const FIRST_CAPACITY = 4_096;

/**
 * Cuts a byte stream into frames. Any chunking gives the same frames. A frame that arrives in one chunk is not
 * copied; one that arrives in parts is gathered in a buffer that grows with what has arrived, never with what the
 * header claims, so each byte is copied a bounded number of times and a lying header costs nothing.
 */
export class FrameDecoder {
  readonly #maxPayload: number;
  readonly #onFrame: (frame: Frame) => void;
  #gathered: Uint8Array = new Uint8Array(0);
  #have = 0;
  #passed = 0;

  constructor(maxPayload: number, onFrame: (frame: Frame) => void) {
    this.#maxPayload = maxPayload;
    this.#onFrame = onFrame;
  }

  /** Whether a frame has begun and is not complete. */
  get partial(): boolean {
    return this.#have > 0;
  }

  /** Throws FrameError; the decoder is of no use afterwards. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (this.#have > 0 && at < chunk.length) at = this.#complete(chunk, at);
    while (chunk.length - at >= HEADER_BYTES) {
      const length = this.#checkHeader(chunk, at);
      if (chunk.length - at < HEADER_BYTES + length) break;
      this.#deliver(chunk, at, length);
      at += HEADER_BYTES + length;
    }
    if (at < chunk.length) this.#gather(chunk, at, chunk.length);
  }

  /** Adds to the gathered frame no more than it lacks; returns where the next one starts. */
  #complete(chunk: Uint8Array, at: number): number {
    if (this.#have < HEADER_BYTES) {
      const end = Math.min(chunk.length, at + HEADER_BYTES - this.#have);
      this.#gather(chunk, at, end);
      if (this.#have < HEADER_BYTES) return end;
      // With an empty payload the frame is complete here, even at the end of the chunk.
      if (this.#checkHeader(this.#gathered, 0) > 0) return end;
      this.#deliverGathered(0);
      return end;
    }
    const length = u32(this.#gathered, 0);
    const end = Math.min(chunk.length, at + HEADER_BYTES + length - this.#have);
    this.#gather(chunk, at, end);
    if (this.#have === HEADER_BYTES + length) this.#deliverGathered(length);
    return end;
  }

  #gather(chunk: Uint8Array, start: number, end: number): void {
    const need = this.#have + end - start;
    if (need > this.#gathered.length) {
      const grown = new Uint8Array(Math.max(need, 2 * this.#gathered.length, FIRST_CAPACITY));
      grown.set(this.#gathered.subarray(0, this.#have));
      this.#gathered = grown;
    }
    this.#gathered.set(chunk.subarray(start, end), this.#have);
    this.#have = need;
  }

  #deliverGathered(length: number): void {
    const whole = this.#gathered;
    this.#gathered = new Uint8Array(0);
    this.#have = 0;
    this.#deliver(whole, 0, length);
  }

  #deliver(bytes: Uint8Array, at: number, length: number): void {
    const start = bytes.byteOffset + at + HEADER_BYTES;
    this.#passed += HEADER_BYTES + length;
    this.#onFrame({
      streamId: u32(bytes, at + 4),
      type: bytes[at + 8] as number,
      // Not `subarray`: of a Node Buffer that would be a Buffer again.
      payload: new Uint8Array(bytes.buffer as ArrayBuffer, start, length),
    });
  }

  #checkHeader(bytes: Uint8Array, at: number): number {
    const length = u32(bytes, at);
    const streamId = u32(bytes, at + 4);
    const type = bytes[at + 8] as number;
    const flags = bytes[at + 9] as number;
    const broken = (code: Code, message: string): never => {
      throw new FrameError(code, message, this.#passed, streamId);
    };
    if (type !== FRAME_REQUEST && type !== FRAME_RESPONSE) broken('FRAME_TYPE_UNKNOWN', `frame type ${type}`);
    if (flags !== 0) broken('FRAME_FLAGS_UNSUPPORTED', `flags ${flags}: only unary calls are served`);
    if (length > this.#maxPayload)
      broken('FRAME_TOO_LARGE', `payload of ${length} bytes, at most ${this.#maxPayload}`);
    return length;
  }
}
