/**
 * rpc/: what travels between client, relay, enclave and store: protobuf messages, ttrpc frames, service types and
 * both ends of a connection as state machines.
 * It must never open a socket, read a clock or set a timer: bytes and time come from outside.
 */
export * from './frame.ts';
export * from './messages.ts';
export type { MessageCodec } from './protobuf.ts';
export * from './service.ts';
export * from './status.ts';
export { ClientSession, type ClientSessionOptions } from './client-session.ts';
export {
  type Handler,
  handler,
  type HandlerTable,
  handlerTable,
  ServerSession,
  type ServerSessionOptions,
} from './server-session.ts';
