/** The store as an RPC service. The enclave's side of the connection is trusted no more than any caller's. */
import { createRpcServer, plain, type RpcServer } from '../../native/rpc/index.ts';
import { type Handler, handler } from '../../src/rpc/server-session.ts';
import { Store as StoreService } from '../../src/rpc/service.ts';
import type { Store } from './store.ts';

export function storeHandlers(store: Store): readonly Handler<null>[] {
  return [
    handler(StoreService.Open, () => store.open()),
    handler(StoreService.Stage, async ({ session, firstIndex, ...batch }) => {
      await store.stage(session, { first: firstIndex, ...batch });
      return {};
    }),
    handler(StoreService.Staged, async ({ index }) => {
      const { first, ...batch } = (await store.staged(index)) ?? NOT_STAGED;
      return { firstIndex: first, ...batch };
    }),
    handler(StoreService.Publish, async ({ session, checkpoint }) => ({
      size: await store.publish(session, checkpoint),
    })),
    handler(StoreService.Read, ({ path, offset }) => store.read(path, offset)),
    handler(StoreService.Put, async ({ session, path, data }) => {
      await store.put(session, path, data);
      return {};
    }),
  ];
}

const NOT_STAGED = { first: 0, count: 0, note: new Uint8Array(0), entries: new Uint8Array(0) } as const;

/** One enclave and a few readers connect; an enclave without decisions stays connected, so idling is no fault. */
const LIMITS = { maxConnections: 16, idleMs: 0x7fff_ffff } as const;

export function serveStore(store: Store, onDrop?: (error: Error) => void): RpcServer {
  return createRpcServer({
    handlers: storeHandlers(store),
    secure: plain(null),
    limits: LIMITS,
    ...(onDrop === undefined ? {} : { onDrop }),
  });
}
