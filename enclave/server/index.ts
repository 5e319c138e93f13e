/**
 * server/: RPC over TLS 1.3 that ends inside the enclave.
 * It must never serve without TLS, resume a session, or tell a caller anything about an unexpected error.
 */
export type { RpcServer } from '../../native/rpc/index.ts';
export { handler, type Handlers, serveRpc, type ServeOptions } from './serve.ts';
export type { CallContext, TlsIdentity } from './tls.ts';
