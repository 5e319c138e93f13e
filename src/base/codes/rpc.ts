/** Codes of the wire: frames, messages, calls, connections, addresses. */
export const RPC_CODES = {
  FRAME_TOO_LARGE: {
    kind: 'malformed',
    meaning: 'A frame claims or needs more bytes than the limit',
    remedy: 'Send less in one call',
  },
  FRAME_TYPE_UNKNOWN: {
    kind: 'malformed',
    meaning: 'A frame is neither a request nor a response, or comes from the wrong side',
    remedy: 'Speak ttrpc with unary calls',
  },
  FRAME_FLAGS_UNSUPPORTED: {
    kind: 'malformed',
    meaning: 'A frame has the flags of a streaming call',
    remedy: 'Make unary calls',
  },
  STREAM_ID_INVALID: {
    kind: 'malformed',
    meaning: 'A stream id is even, was used before, or belongs to no call',
    remedy: 'Number the calls of a connection with odd, strictly increasing ids',
  },
  STREAMS_EXCEEDED: {
    kind: 'refused',
    meaning: 'A connection has more calls in flight than the limit',
    remedy: 'Wait for answers, or open another connection',
  },
  MESSAGE_INVALID: {
    kind: 'malformed',
    meaning: 'A protobuf message cannot be read',
    remedy: 'Encode it by src/rpc/schema.proto',
  },
  MESSAGE_FIELD_UNKNOWN: {
    kind: 'malformed',
    meaning: 'A protobuf message has a field that the schema does not have',
    remedy: 'Use the schema of the version that runs',
  },
  MESSAGE_FIELD_DUPLICATE: {
    kind: 'malformed',
    meaning: 'A protobuf message gives a field twice that is not repeated',
    remedy: 'Give each field once',
  },
  MESSAGE_FIELD_MISSING: {
    kind: 'malformed',
    meaning: 'A protobuf message lacks a message that it must contain',
    remedy: 'Encode it by src/rpc/schema.proto',
  },
  MESSAGE_VALUE_INVALID: {
    kind: 'malformed',
    meaning: 'A value does not fit the type of its protobuf field',
    remedy: 'Correct the field that the message names',
  },
  RPC_METHOD_UNKNOWN: {
    kind: 'malformed',
    meaning: 'The service or the method of a call does not exist',
    remedy: 'Use a method of src/rpc/schema.proto',
  },
  RPC_TIMEOUT: {
    kind: 'undetermined',
    meaning: 'No answer came in time; whether the call took effect is not known',
    remedy: 'Try again, or give it more time',
  },
  RPC_REMOTE_ERROR: {
    kind: 'refused',
    meaning: 'The peer answered with an error that is not in the catalogue',
    remedy: 'See its message; the peer may be of another version',
  },
  TLS_FAILED: {
    kind: 'undetermined',
    meaning: 'The address answers, but not with TLS 1.3 and the protocol assay/1',
    remedy: 'Check that the address is the service itself, or a relay that passes bytes unchanged',
  },
  CONNECTION_DROPPED: {
    kind: 'refused',
    meaning: 'A server closed a connection that was too slow, idle, half open or one too many',
    remedy: 'Keep within the documented bounds',
  },
} as const;
