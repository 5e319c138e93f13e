/** Errors of sockets and devices: errno on one side, our codes on the other. */
import { getSystemErrorName } from 'node:util';
import { AssayError, type Code } from '../src/base/index.ts';

/** An error as Node's own sockets give it: `code` is the errno's name. */
export function systemError(negativeErrno: number, syscall: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(negativeErrno);
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: negativeErrno, syscall });
}

type Phase = 'listen' | 'connect' | 'stream';

/** What an errno means depends on what was being done: no such file is a missing folder, or a missing listener. */
const TRANSPORT_CODES: Readonly<Record<Phase, Readonly<Record<string, Code>>>> = {
  listen: {
    // libuv gives EACCES for a folder that is not there.
    EACCES: 'ADDRESS_INVALID',
    EADDRINUSE: 'ADDRESS_IN_USE',
    EADDRNOTAVAIL: 'ADDRESS_INVALID',
    EINVAL: 'ADDRESS_INVALID',
    ENAMETOOLONG: 'ADDRESS_INVALID',
    ENOENT: 'ADDRESS_INVALID',
    ENOTDIR: 'ADDRESS_INVALID',
    EPERM: 'ADDRESS_INVALID',
    EROFS: 'ADDRESS_INVALID',
  },
  connect: {
    // On AF_VSOCK a port without a listener answers with a reset, and a context id without a peer is no device.
    ECONNREFUSED: 'CONNECTION_REFUSED',
    ECONNRESET: 'CONNECTION_REFUSED',
    EHOSTUNREACH: 'CONNECTION_REFUSED',
    ENETUNREACH: 'CONNECTION_REFUSED',
    ENODEV: 'CONNECTION_REFUSED',
    ENOENT: 'CONNECTION_REFUSED',
    ENOTSOCK: 'CONNECTION_REFUSED',
    EINVAL: 'ADDRESS_INVALID',
    ENOTDIR: 'ADDRESS_INVALID',
    ETIMEDOUT: 'CONNECTION_TIMEOUT',
  },
  stream: {
    ECONNRESET: 'CONNECTION_LOST',
    EPIPE: 'CONNECTION_LOST',
    ETIMEDOUT: 'CONNECTION_LOST',
    ERR_STREAM_PREMATURE_CLOSE: 'CONNECTION_LOST',
  },
};

/**
 * The AssayError of anything that a socket threw or emitted; an AssayError stays itself. Streams emit Node's own
 * errors, so that TLS and others find what they expect: pass them through here before showing them.
 */
export function transportError(error: unknown, phase: Phase = 'stream'): AssayError {
  if (error instanceof AssayError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new AssayError(TRANSPORT_CODES[phase][code ?? ''] ?? 'TRANSPORT_FAILED', message, { cause: error });
}
