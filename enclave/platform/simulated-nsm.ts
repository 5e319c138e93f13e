/** The simulated Nitro Secure Module: CBOR messages of the real one, over a socket. In simulated builds only. */
import { fail } from '../../src/base/errors.ts';
import { NSM_MAX_REQUEST, NSM_MAX_RESPONSE } from '../../src/evidence/nsm.ts';
import type { NsmTransport } from './nitro.ts';
import { connectSimulatedSocket } from './simulated-socket.ts';

/** Rejects with the transport's code when the module is not there. */
export async function connectSimulatedNsm(path: string): Promise<NsmTransport> {
  const socket = await connectSimulatedSocket(path, { what: 'module', maxResponse: NSM_MAX_RESPONSE });
  return {
    request(bytes) {
      if (bytes.length > NSM_MAX_REQUEST) fail('NSM_REFUSED', `a request of ${bytes.length} bytes`);
      return socket.request(bytes);
    },
  };
}
