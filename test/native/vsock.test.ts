/**
 * AF_VSOCK as far as a machine without a vsock peer goes: socket, bind, listen, double bind, errors of a connect.
 * Data needs a kernel that has a peer for us: the same suite that transport.test.ts runs over AF_UNIX runs over
 * AF_VSOCK in a guest (test/slow/guest.test.ts).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CID_ANY, connect, listen, type Listener, PORT_ANY, type VsockAddress } from '../../native/index.ts';
import { demandAddon, openDescriptors, settledDescriptors } from './support.ts';

/** Nobody has this context id here: a hypervisor gives out small ones. */
const ABSENT_CID = 0x7ffffff0;

let available = true;
beforeAll(async () => {
  demandAddon();
  try {
    const probe = await listen({ family: 'vsock', cid: CID_ANY, port: PORT_ANY }, {}, () => undefined);
    await probe.close();
  } catch (error) {
    available = false;
    console.warn(`no AF_VSOCK on this machine (${String(error)}): 5 tests of it did not run`);
  }
});
afterAll(() => {
  console.warn(
    'not run here, no vsock peer: data, half-close and back-pressure over AF_VSOCK (make test-slow runs them in a guest)',
  );
});

const address = (port: number): VsockAddress => ({ family: 'vsock', cid: CID_ANY, port });

describe('vsock', () => {
  it('lets the kernel choose a port, and closes it', async (context) => {
    if (!available) return context.skip();
    const before = openDescriptors();
    const listeners = await Promise.all([1, 2, 3].map(() => listen(address(PORT_ANY), {}, () => undefined)));
    const ports = listeners.map((listener: Listener) => (listener.address as VsockAddress).port);
    expect(new Set(ports).size).toBe(3);
    expect(ports.every((port) => port > 0 && port < PORT_ANY)).toBe(true);
    await Promise.all(listeners.map((listener) => listener.close()));
    expect(await settledDescriptors(before)).toBeLessThanOrEqual(before);
  });

  it('refuses a second listener on a port, until the first is closed', async (context) => {
    if (!available) return context.skip();
    const first = await listen(address(PORT_ANY), {}, () => undefined);
    const port = (first.address as VsockAddress).port;
    await expect(listen(address(port), {}, () => undefined)).toRejectWith('ADDRESS_IN_USE');
    await first.close();
    const second = await listen(address(port), {}, () => undefined);
    expect(second.address).toEqual(address(port));
    await second.close();
  });

  it('refuses a context id that is not this machine, and numbers that are none', async (context) => {
    if (!available) return context.skip();
    const foreign = { family: 'vsock', cid: ABSENT_CID, port: PORT_ANY } as const;
    await expect(listen(foreign, {}, () => undefined)).toRejectWith('ADDRESS_INVALID');
    for (const bad of [-1, 1.5, 2 ** 32, Number.NaN]) {
      await expect(listen(address(bad), {}, () => undefined)).toRejectWith('ADDRESS_INVALID');
      await expect(connect({ family: 'vsock', cid: bad, port: 5000 })).toRejectWith('ADDRESS_INVALID');
    }
  });

  it('gives up a connect that nobody answers, in time or on demand, and closes its socket', async (context) => {
    if (!available) return context.skip();
    const before = openDescriptors();
    const nobody = { family: 'vsock', cid: ABSENT_CID, port: 5000 } as const;
    const failure = await connect(nobody, { timeoutMs: 100 }).catch((error: unknown) => error);
    // Without any transport the kernel says so at once; with one, the packet is never answered.
    expect(['CONNECTION_TIMEOUT', 'CONNECTION_REFUSED']).toContain((failure as { code: string }).code);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    const cancelled = await connect(nobody, { signal: stop.signal }).catch((error: unknown) => error);
    expect(['CONNECTION_CANCELLED', 'CONNECTION_REFUSED']).toContain((cancelled as { code: string }).code);
    expect(await settledDescriptors(before)).toBeLessThanOrEqual(before);
  });

  it("types the kernel's own error of a connect", async (context) => {
    if (!available) return context.skip();
    const nobody = { family: 'vsock', cid: ABSENT_CID, port: 5001 } as const;
    const failure = await connect(nobody, { timeoutMs: 8000 }).catch((error: unknown) => error);
    expect(['CONNECTION_TIMEOUT', 'CONNECTION_REFUSED']).toContain((failure as { code: string }).code);
    expect((failure as Error).message).toMatch(/ETIMEDOUT|ENODEV|ECONNRESET|ENETUNREACH|EHOSTUNREACH/);
  });
});
