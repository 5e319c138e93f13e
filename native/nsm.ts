/**
 * The Nitro Security Module's device, raw: bytes in, bytes out (their meaning is in `src/evidence/nsm.ts`). Off the
 * event loop, and one request at a time, because the driver holds one mutex for all and a thread that waits for it
 * would be missing elsewhere.
 */
import { AssayError, fail } from '../src/base/index.ts';
import { loadAddon } from './binding.ts';
import { systemError } from './transport-error.ts';

export interface NsmDevice {
  /**
   * Sends one CBOR request of at most 4,096 bytes; the response has at most 12,288. Codes: NSM_REQUEST_TOO_LARGE,
   * NSM_FAILED (the device, or it was closed).
   */
  request(bytes: Uint8Array): Promise<Uint8Array>;
  /** Lets the request in flight finish, fails those that wait, then closes the device. */
  close(): Promise<void>;
}

/** NSM_REQUEST_MAX_SIZE of Linux' drivers/misc/nsm.c. */
const MAX_REQUEST_BYTES = 0x1000;

/** Opens the device. NSM_MISSING if there is none or it may not be opened; NATIVE_MISSING without the addon. */
export function openNsm(path = '/dev/nsm'): NsmDevice {
  const handle = loadAddon().openNsm(path);
  if (typeof handle === 'number') {
    const cause = systemError(handle, 'open');
    return fail('NSM_MISSING', `${path}: ${cause.code}`, { cause });
  }
  let closed = false;
  let last: Promise<unknown> = Promise.resolve();

  const send = (bytes: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      if (closed) fail('NSM_FAILED', 'the device is closed');
      const status = handle.request(bytes, (response) => {
        if (typeof response === 'number') reject(failure(response));
        else resolve(new Uint8Array(response.buffer, response.byteOffset, response.byteLength));
      });
      if (status !== 0) reject(failure(status));
    });

  return {
    async request(bytes: Uint8Array): Promise<Uint8Array> {
      if (bytes.length > MAX_REQUEST_BYTES)
        fail('NSM_REQUEST_TOO_LARGE', `${bytes.length} bytes; the device takes ${MAX_REQUEST_BYTES}`);
      const copy = Uint8Array.from(bytes);
      const answer = last.then(() => send(copy));
      last = answer.catch(() => undefined);
      return answer;
    },
    async close(): Promise<void> {
      closed = true;
      await last;
      handle.close();
    },
  };
}

function failure(negativeErrno: number): AssayError {
  const cause = systemError(negativeErrno, 'ioctl');
  return new AssayError('NSM_FAILED', `the device answered ${cause.code}`, { cause });
}
