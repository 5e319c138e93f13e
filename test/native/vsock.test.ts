/**
 * AF_VSOCK as far as a machine without a vsock peer goes: socket, bind, listen, double bind, errors of a connect.
 * Data needs a kernel that has a peer for us: the same suite that transport.test.ts runs over AF_UNIX runs over
 * AF_VSOCK in a guest (test/slow/guest.test.ts), and these cases again, where none may be missing.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { CID_ANY, listen, PORT_ANY } from '../../native/index.ts';
import { vsockCases } from './cases/vsock.ts';
import { demandAddon } from './support.ts';

let available = true;
beforeAll(async () => {
  demandAddon();
  try {
    const probe = await listen({ family: 'vsock', cid: CID_ANY, port: PORT_ANY }, {}, () => undefined);
    await probe.close();
  } catch (error) {
    available = false;
    console.warn(`no AF_VSOCK on this machine (${String(error)}): ${vsockCases.length} tests did not run`);
  }
});
afterAll(() => {
  console.warn(
    'not run here, no vsock peer: data, half-close and back-pressure over AF_VSOCK (make test-slow runs them in a guest)',
  );
});

describe('vsock', () => {
  for (const { name, run } of vsockCases) it(name, (context) => (available ? run() : context.skip()));
});
