/** RPC over TLS over the addon's sockets: the code that runs on vsock, on a Unix socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { serveRpc } from '../../enclave/server/index.ts';
import { openChannel } from '../../host/client/channel.ts';
import { connect, listen } from '../../native/index.ts';
import { createRpcClient, createRpcServer, plain } from '../../native/rpc/index.ts';
import { handler } from '../../src/rpc/server-session.ts';
import { Enclave, Store } from '../../src/rpc/service.ts';
import { demandAddon } from '../native/support.ts';
import { clientIdentity, serverIdentity, testHandlers } from './support.ts';

beforeAll(demandAddon);

describe('over sockets of the addon', () => {
  it('serves TLS with all that handlers may know', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'assay-addon-'));
    const path = join(folder, 's');
    const server = serveRpc({ tls: serverIdentity, handlers: testHandlers() });
    const listener = await listen({ family: 'unix', path, via: 'addon' }, {}, server.accept);
    const channel = await openChannel(`unix:${path}`, {
      tls: { key: clientIdentity.key, cert: clientIdentity.cert },
    });
    const challenge = new Uint8Array(32).fill(3);
    const { session, attestation } = await channel.call(Enclave.Attest, { challenge, fresh: false });
    expect(session).toEqual(channel.exporter(challenge));
    expect(attestation.identity).toEqual(clientIdentity.principal);
    const order = Uint8Array.of(0, 12, 0, 0);
    const large = await Promise.all(
      Array.from({ length: 8 }, () =>
        channel.call(Enclave.LoadPolicy, { order, bundle: new Uint8Array(500_000) }),
      ),
    );
    expect(large.every(({ receipt }) => receipt.leaf.length === 0xc0000)).toBe(true);
    channel.close();
    await channel.closed;
    for (let i = 0; i < 200 && server.connections() > 0; i++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(server.connections()).toBe(0);
    server.close();
    await listener.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('serves a store without TLS', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'assay-addon-'));
    const address = { family: 'unix', path: join(folder, 's'), via: 'addon' } as const;
    const opened = { session: 5, published: 6, next: 7 };
    const server = createRpcServer({
      handlers: [handler(Store.Open, async () => opened)],
      secure: plain(null),
    });
    const listener = await listen(address, {}, server.accept);
    const client = createRpcClient(await connect(address), { timeoutMs: 2_000 });
    expect(await client.call(Store.Open, {})).toEqual(opened);
    server.close();
    expect((await client.closed).code).toBe('CONNECTION_LOST');
    await listener.close();
    rmSync(folder, { recursive: true, force: true });
  });
});
