/** What AF_VSOCK alone has: ports that the kernel chooses, context ids of others, and connects that nobody answers. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict';
import {
  CID_ANY,
  connect,
  listen,
  type Listener,
  PORT_ANY,
  type VsockAddress,
} from '../../../native/index.ts';
import { type Case, openDescriptors, settledDescriptors } from '../support.ts';

/** Nobody has this context id: a hypervisor gives out small ones. */
const ABSENT_CID = 0x7ffffff0;

const address = (port: number): VsockAddress => ({ family: 'vsock', cid: CID_ANY, port });
const codeOf = (error: unknown): string => (error as { code: string }).code;

export const vsockCases: readonly Case[] = [
  {
    name: 'vsock lets the kernel choose a port, and closes it',
    async run() {
      const before = openDescriptors();
      const listeners = await Promise.all(
        [1, 2, 3].map(() => listen(address(PORT_ANY), {}, () => undefined)),
      );
      const ports = listeners.map((listener: Listener) => (listener.address as VsockAddress).port);
      strictEqual(new Set(ports).size, 3);
      ok(ports.every((port) => port > 0 && port < PORT_ANY));
      await Promise.all(listeners.map((listener) => listener.close()));
      ok((await settledDescriptors(before)) <= before, 'descriptors were left open');
    },
  },
  {
    name: 'vsock refuses a second listener on a port, until the first is closed',
    async run() {
      const first = await listen(address(PORT_ANY), {}, () => undefined);
      const { port } = first.address as VsockAddress;
      await rejects(
        listen(address(port), {}, () => undefined),
        { code: 'ADDRESS_IN_USE' },
      );
      await first.close();
      const second = await listen(address(port), {}, () => undefined);
      deepStrictEqual(second.address, address(port));
      await second.close();
    },
  },
  {
    name: 'vsock refuses a context id that is not this machine, and numbers that are none',
    async run() {
      const foreign = { family: 'vsock', cid: ABSENT_CID, port: PORT_ANY } as const;
      await rejects(
        listen(foreign, {}, () => undefined),
        { code: 'ADDRESS_INVALID' },
      );
      for (const bad of [-1, 1.5, 2 ** 32, Number.NaN]) {
        await rejects(
          listen(address(bad), {}, () => undefined),
          { code: 'ADDRESS_INVALID' },
        );
        await rejects(connect({ family: 'vsock', cid: bad, port: 5000 }), { code: 'ADDRESS_INVALID' });
      }
    },
  },
  {
    name: 'vsock gives up a connect that nobody answers, in time or on demand, and closes its socket',
    async run() {
      const before = openDescriptors();
      const nobody = { family: 'vsock', cid: ABSENT_CID, port: 5000 } as const;
      const failure = await connect(nobody, { timeoutMs: 100 }).catch(codeOf);
      // Without any transport the kernel says so at once; with one, the packet is never answered.
      ok(['CONNECTION_TIMEOUT', 'CONNECTION_REFUSED'].includes(failure as string), String(failure));
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 20);
      const cancelled = await connect(nobody, { signal: stop.signal }).catch(codeOf);
      ok(['CONNECTION_CANCELLED', 'CONNECTION_REFUSED'].includes(cancelled as string), String(cancelled));
      ok((await settledDescriptors(before)) <= before, 'descriptors were left open');
    },
  },
  {
    name: "vsock types the kernel's own error of a connect",
    async run() {
      const nobody = { family: 'vsock', cid: ABSENT_CID, port: 5001 } as const;
      const failure: unknown = await connect(nobody, { timeoutMs: 8000 }).catch((error: unknown) => error);
      ok(['CONNECTION_TIMEOUT', 'CONNECTION_REFUSED'].includes(codeOf(failure)), String(failure));
      match((failure as Error).message, /ETIMEDOUT|ENODEV|ECONNRESET|ENETUNREACH|EHOSTUNREACH/);
    },
  },
];
