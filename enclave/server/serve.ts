/** Serves the enclave's RPC: TLS ends here, and every bound of native/rpc holds. */
import { createRpcServer, type RpcServer, type RpcServerOptions } from '../../native/rpc/index.ts';
import { type Handler, handler as genericHandler } from '../../src/rpc/server-session.ts';
import type { Method } from '../../src/rpc/service.ts';
import { type CallContext, type TlsIdentity, tlsServer } from './tls.ts';

export type Handlers = readonly Handler<CallContext>[];

export function handler<Q, R>(
  method: Method<Q, R>,
  handle: (request: Q, context: CallContext) => Promise<R>,
): Handler<CallContext> {
  return genericHandler(method, handle);
}

export interface ServeOptions extends Omit<RpcServerOptions<CallContext>, 'secure'> {
  readonly tls: TlsIdentity;
}

/** Give each accepted stream to `accept`. */
export function serveRpc({ tls, ...options }: ServeOptions): RpcServer {
  return createRpcServer({ ...options, secure: tlsServer(tls) });
}
