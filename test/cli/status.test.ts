/** `assay status` of a service that nobody has verified: what it says is shown, and does nothing to the terminal. */
import { afterEach, describe, expect, it } from 'vitest';
import { handler } from '../../enclave/server/index.ts';
import { Enclave } from '../../src/rpc/service.ts';
import { assay } from '../support/cli.ts';
import { startServer, status, type TestServer } from '../server/support.ts';

let server: TestServer;
afterEach(() => server.close());

async function serving(changes: Partial<ReturnType<typeof status>>): Promise<string> {
  server = await startServer({}, [
    handler(Enclave.Status, async () => ({ ...status('SERVING'), timeMs: 1_795_132_800_000, ...changes })),
  ]);
  return server.address;
}

describe('the state of a service', () => {
  it('is shown as its own word', async () => {
    const { status: code, out } = await assay(['status', await serving({ size: 7 })]);
    expect(code).toBe(0);
    expect(out).toContain('leaves   7\n');
    expect(out).toContain('time     2026-11-20T00:00:00Z\n');
    expect(out).toContain("this is anybody's word");
  });

  it('is 1 when it does not serve, with the reason', async () => {
    const url = await serving({ state: 'UNAVAILABLE', code: 'LOG_UNAVAILABLE' });
    const { status: code, out } = await assay(['status', url]);
    expect([code, out.split('\n')[0]]).toEqual([1, 'state    UNAVAILABLE (LOG_UNAVAILABLE)']);
  });

  it('moves no cursor and fails at no time', async () => {
    const hostile = { origin: 'sim.x\u001b[2J\nTRUSTED', timeMs: Number.MAX_SAFE_INTEGER };
    const { status: code, out } = await assay(['status', await serving(hostile)]);
    expect(code).toBe(0);
    expect(out).toContain('origin   sim.x\\u{1b}[2J\\u{a}TRUSTED');
    expect(out).toContain('time     after the year 9999\n');
  });
});
