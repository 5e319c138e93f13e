/** The store over RPC: a session on one connection at a time; opening it again drops the old connection. */
import type { Duplex } from 'node:stream';
import { createRpcClient, type RpcClient } from '../../native/rpc/index.ts';
import { type AssayError, fail } from '../../src/base/errors.ts';
import { Store } from '../../src/rpc/service.ts';
import type { StoreClient } from './store-client.ts';

export interface RpcStoreLimits {
  /** For each call but Publish, in milliseconds. */
  readonly timeoutMs: number;
  /** Publishing writes and syncs many files. */
  readonly publishTimeoutMs: number;
}

export const DEFAULT_RPC_STORE_LIMITS: RpcStoreLimits = { timeoutMs: 10_000, publishTimeoutMs: 60_000 };

export interface RpcStore extends StoreClient {
  close(): void;
}

/** `connect` makes a new connection to the host's store. */
export function createRpcStore(
  connect: () => Promise<Duplex>,
  limits: RpcStoreLimits = DEFAULT_RPC_STORE_LIMITS,
): RpcStore {
  let current: { readonly client: RpcClient; readonly session: number } | null = null;
  /** The attempt to open that counts; a later one, or a close, takes its place. */
  let attempt: { client: RpcClient | null } | null = null;
  let onLost: (error: AssayError) => void = () => undefined;

  function serving(): { readonly client: RpcClient; readonly session: number } {
    return current ?? fail('CONNECTION_LOST', 'there is no connection to the store');
  }

  function drop(): void {
    const before = current;
    current = null;
    before?.client.close();
    attempt?.client?.close();
    attempt = null;
  }

  async function reconnect(): Promise<RpcClient> {
    const client = createRpcClient(await connect(), { timeoutMs: limits.timeoutMs });
    void client.closed.then((error) => {
      if (current?.client !== client) return;
      current = null;
      onLost(error);
    });
    return client;
  }

  return {
    async open() {
      drop();
      const own: { client: RpcClient | null } = { client: null };
      attempt = own;
      const client = await reconnect();
      own.client = client;
      try {
        if (attempt !== own) fail('CONNECTION_LOST', 'the store was closed while it was being opened');
        const { session, published, next } = await client.call(Store.Open, {});
        if (attempt !== own) fail('CONNECTION_LOST', 'the store was closed while it was being opened');
        attempt = null;
        current = { client, session };
        return { published, next };
      } catch (error) {
        client.close();
        throw error;
      }
    },
    async stage({ first, count, note, entries }) {
      const { client, session } = serving();
      await client.call(Store.Stage, { session, firstIndex: first, count, note, entries });
    },
    async staged(index) {
      const { firstIndex, ...batch } = await serving().client.call(Store.Staged, { index });
      return batch.count === 0 ? null : { first: firstIndex, ...batch };
    },
    async publish(checkpoint) {
      const { client, session } = serving();
      const timeoutMs = limits.publishTimeoutMs;
      return (await client.call(Store.Publish, { session, checkpoint }, { timeoutMs })).size;
    },
    async read(path, offset) {
      return serving().client.call(Store.Read, { path, offset });
    },
    async put(path, data) {
      const { client, session } = serving();
      await client.call(Store.Put, { session, path, data });
    },
    onLost(listener) {
      onLost = listener;
    },
    close: drop,
  };
}
