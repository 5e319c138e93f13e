/** containerd's own ttrpc against ours, in both directions. Needs Go; without it the suite says what did not run. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectStream } from '../../host/client/stream.ts';
import { createRpcClient, type RpcClient } from '../../native/rpc/index.ts';
import { toHex } from '../../src/base/hex.ts';
import { Enclave, Store } from '../../src/rpc/service.ts';
import { serverIdentity, startServer, type TestServer } from '../server/support.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'assay-interop-'));
const program = join(folder, 'interop');
const source = join(import.meta.dirname, '../interop');
/** Modules are fetched once; without Go or without the modules nothing can be built. */
const canBuild = spawnSync('go', ['mod', 'download'], { cwd: source, timeout: 120_000 }).status === 0;
if (!canBuild)
  console.warn('2 directions of ttrpc interoperability did not run: no Go, or its modules cannot be had.');

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.runIf(canBuild)('ttrpc of containerd', () => {
  beforeAll(async () => {
    await run('go', ['build', '-trimpath', '-o', program, '.'], { cwd: source });
  }, 240_000);

  describe('its client and our server, over TLS', () => {
    let server: TestServer;

    beforeAll(async () => {
      server = await startServer();
    });
    afterAll(() => server.close());

    it('calls, fails, times out and binds the session as ours do', async () => {
      const { stdout } = await run(program, ['client', server.path], { timeout: 30_000 });
      expect(JSON.parse(stdout)).toEqual({
        sessionIsExporter: true,
        spki: toHex(serverIdentity.principal),
        answered: 200,
        refused: [3, 'STREAM_ID_INVALID: of the handler\u001b[31m'],
        unknown: [12, 'RPC_METHOD_UNKNOWN: no method assay.v1.Enclave/Nothing'],
        late: true,
        after: true,
      });
      expect(server.drops).toEqual([]);
    });
  });

  describe('our client and its server', () => {
    let child: ChildProcess;
    let client: RpcClient;
    const none = new Uint8Array(0);

    beforeAll(async () => {
      const path = join(folder, 's');
      child = spawn(program, ['server', path], { stdio: ['pipe', 'pipe', 'inherit'] });
      await new Promise((resolve) => child.stdout?.once('data', resolve));
      client = createRpcClient(await connectStream({ family: 'unix', path }, { timeoutMs: 5_000 }), {
        timeoutMs: 5_000,
      });
    });
    afterAll(() => {
      client.close();
      child.stdin?.end();
    });

    it('answers many calls at once', async () => {
      const receipts = await Promise.all(
        Array.from({ length: 500 }, (_, index) => client.call(Enclave.GetReceipt, { index })),
      );
      expect(receipts.map(({ leaf }) => Buffer.from(leaf).toString())).toEqual(
        receipts.map((_, index) => `leaf ${index}`),
      );
    });

    it('refuses with its own status, or with a code that we know', async () => {
      const unknown = await client.call(Enclave.GetCheckpoint, {}).catch((error: Error) => error);
      expect(unknown).toMatchObject({ code: 'RPC_REMOTE_ERROR', message: 'code 5: none yet' });
      const known = await client.call(Enclave.Status, {}).catch((error: Error) => error);
      expect(known).toMatchObject({ code: 'POLICY_MISSING', message: 'go says so' });
      await expect(client.call(Store.Open, {})).toRejectWith('RPC_REMOTE_ERROR');
    });

    it('is told how long we wait', async () => {
      const text = async (timeoutMs: number): Promise<string> =>
        Buffer.from(
          (await client.call(Enclave.GetSeal, { number: null, challenge: none }, { timeoutMs })).statement,
        ).toString();
      expect(await text(1_000)).toBe('true');
      expect(await text(0)).toBe('false');
    });
  });
});
