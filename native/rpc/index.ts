/**
 * rpc/: both ends of an RPC connection on the machine's streams: accepting, writing together, bounds and times.
 * The enclave puts TLS under it (enclave/server), the client checks whom it talks to (host/client); the store runs
 * it bare. It must never parse bytes (src/rpc does), nor decide who may call what.
 */
export { createRpcClient, type RpcClient, type RpcClientOptions } from './client.ts';
export { SERVE_LIMITS, type ServeLimits } from './limits.ts';
export { createRpcServer, plain, type RpcServer, type RpcServerOptions, type Secured } from './serve.ts';
