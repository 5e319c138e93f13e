/**
 * Calls in frames: the ttrpc Request and Response around a message. The message is written straight into the
 * frame's buffer, so that a call costs one allocation.
 */
import protobuf from 'protobufjs/minimal.js';
import { fail } from '../base/errors.ts';
import { FRAME_REQUEST, FRAME_RESPONSE, HEADER_BYTES, writeHeader } from './frame.ts';
import { messageCodec, type TtrpcRequest, type TtrpcResponse, type TtrpcStatus } from './messages.ts';
import type { MessageCodec, Writer } from './protobuf.ts';
import type { Method } from './service.ts';
import { ENVELOPE_TABLES } from './tables.ts';

const REQUEST = messageCodec('Request');
const RESPONSE = messageCodec('Response');
const DELIMITED = 2;
const REQUEST_PAYLOAD_TAG = ENVELOPE_TABLES.Request.payload[0] * 8 + DELIMITED;
const RESPONSE_PAYLOAD_TAG = ENVELOPE_TABLES.Response.payload[0] * 8 + DELIMITED;
const HEADER_SPACE = new Uint8Array(HEADER_BYTES);

const NO_PAYLOAD = new Uint8Array(0);

function finish(writer: Writer, type: number, streamId: number, maxPayload: number): Uint8Array {
  const frame = writer.finish(true);
  const length = frame.length - HEADER_BYTES;
  if (length > maxPayload) fail('FRAME_TOO_LARGE', `message of ${length} bytes, at most ${maxPayload}`);
  writeHeader(frame, 0, length, streamId, type);
  return frame;
}

function writePayload<M>(tag: number, codec: MessageCodec<M>, message: M, writer: Writer): void {
  writer.uint32(tag).fork();
  codec.write(message, writer);
  writer.ldelim();
}

/** `timeoutMs` 0: wait for ever. Throws MESSAGE_VALUE_INVALID, FRAME_TOO_LARGE. */
export function encodeRequest<Q, R>(
  streamId: number,
  method: Method<Q, R>,
  message: Q,
  timeoutMs: number,
  maxPayload: number,
): Uint8Array {
  const writer = new protobuf.Writer().raw(HEADER_SPACE);
  const timeoutNano = Math.round(timeoutMs * 1e6);
  REQUEST.write(
    { service: method.service, method: method.name, payload: NO_PAYLOAD, timeoutNano, metadata: [] },
    writer,
  );
  writePayload(REQUEST_PAYLOAD_TAG, method.request, message, writer);
  return finish(writer, FRAME_REQUEST, streamId, maxPayload);
}

/** Throws MESSAGE_VALUE_INVALID, FRAME_TOO_LARGE. */
export function encodeResponse<R>(
  streamId: number,
  codec: MessageCodec<R>,
  message: R,
  maxPayload: number,
): Uint8Array {
  const writer = new protobuf.Writer().raw(HEADER_SPACE);
  writePayload(RESPONSE_PAYLOAD_TAG, codec, message, writer);
  return finish(writer, FRAME_RESPONSE, streamId, maxPayload);
}

/** A refusal is small whatever it says: `statusOf` bounds its text. */
export function encodeRefusal(streamId: number, status: TtrpcStatus): Uint8Array {
  const writer = new protobuf.Writer().raw(HEADER_SPACE);
  RESPONSE.write({ status, payload: NO_PAYLOAD }, writer);
  return finish(writer, FRAME_RESPONSE, streamId, Number.MAX_SAFE_INTEGER);
}

/** The payload is a view, to be decoded at once. */
export function decodeRequest(payload: Uint8Array): TtrpcRequest {
  return REQUEST.decodeView(payload);
}

export function decodeResponse(payload: Uint8Array): TtrpcResponse {
  return RESPONSE.decodeView(payload);
}
