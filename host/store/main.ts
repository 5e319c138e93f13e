/**
 * The store as a process: `node dist/host/store/main.js --dir DIR --listen unix:PATH|vsock:CID:PORT`.
 *
 * Prints one JSON line when it listens. SIGTERM and SIGINT end it, and the end of its input if that is a pipe, so that
 * it goes with whoever started it. A disk that is full or failing does not end it: it listens, refuses, and
 * recovers. A damaged folder does end it, because serving less than was acknowledged would hide the damage.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { parseArgs } from 'node:util';
import { nodeCrypto } from '../../native/crypto.ts';
import { type Listener, listen } from '../../native/transport.ts';
import { catalogued } from '../../src/base/codes/index.ts';
import { AssayError, codeOf, fail } from '../../src/base/errors.ts';
import { onAbandoned, say } from '../as-program.ts';
import { formatAddress, parseAddress } from '../client/address.ts';
import { nodeDisk } from './disk.ts';
import { serveStore } from './server.ts';
import { DEFAULT_STORE_LIMITS, Store, type StoreLimits } from './store.ts';

interface Options {
  readonly dir: string;
  readonly address: Parameters<typeof listen>[0];
  readonly limits: StoreLimits;
}

const SIZE = /^[1-9][0-9]{0,11}$/;

function readOptions(argv: readonly string[]): Options {
  const size = (text: string | undefined, fallback: number, flag: string): number => {
    if (text === undefined) return fallback;
    return SIZE.test(text) ? Number(text) : fail('USAGE', `--${flag} needs a number of bytes`);
  };
  const option = { type: 'string' } as const;
  let values: Record<string, string | undefined>;
  try {
    values = parseArgs({
      args: [...argv],
      options: { dir: option, listen: option, 'segment-bytes': option, 'stage-bytes': option },
      strict: true,
    }).values;
  } catch (cause) {
    return fail('USAGE', (cause as Error).message, { cause });
  }
  const { dir, listen: at } = values;
  if (dir === undefined || at === undefined)
    return fail('USAGE', '--dir DIR and --listen ADDRESS are needed');
  const address = parseAddress(at);
  if (address.family === 'tcp' || address.family === 'hybrid')
    return fail('USAGE', '--listen takes unix:PATH or vsock:CID:PORT');
  const limits: StoreLimits = {
    ...DEFAULT_STORE_LIMITS,
    segmentBytes: size(values['segment-bytes'], DEFAULT_STORE_LIMITS.segmentBytes, 'segment-bytes'),
    stageBytes: size(values['stage-bytes'], DEFAULT_STORE_LIMITS.stageBytes, 'stage-bytes'),
  };
  return { dir, address, limits };
}

/**
 * Keeps a second process off the folder: a socket in the abstract namespace, named after the folder's inode,
 * belongs to one process at a time and is gone with it, however it ends. Holds within one network namespace.
 */
function lockFolder(dir: string): Promise<Server> {
  const { dev, ino } = statSync(dir, { bigint: true });
  const server = createServer((socket) => socket.destroy());
  // The lock alone is no reason to go on.
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new AssayError('STORE_LOCKED', `another process serves ${dir}`, { cause })),
    );
    server.listen(`\0assay-store-${dev}-${ino}`, () => resolve(server));
  });
}

/** Opens the folder; only a disk that may get better is left for the first session to try again. */
async function firstOpen(store: Store): Promise<string | null> {
  try {
    await store.open();
    return null;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'STORE_FULL' || code === 'STORE_IO' || code === 'STORE_FSYNC_FAILED') return code;
    throw error;
  }
}

async function main(argv: readonly string[]): Promise<void> {
  const { dir, address, limits } = readOptions(argv);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(dir);
  const session = (): number => randomBytes(6).readUIntBE(0, 6);
  const store = new Store({ folder: dir, disk: nodeDisk, hashing: nodeCrypto, session, limits });
  const code = await firstOpen(store);
  const server = serveStore(store, (error) => say({ event: 'dropped', error: error.message }));
  const listener: Listener = await listen(address, {}, (socket) => server.accept(socket));
  let stopped: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    const closed = listener.close();
    server.close();
    await closed;
    await store.close();
    lock.close();
  };
  const stop = (): void => void (stopped ??= close());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  onAbandoned(stop);
  say({ event: 'ready', program: 'store', listen: formatAddress(address), dir, code });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const known =
    error instanceof AssayError ? error : new AssayError('INTERNAL', String(error), { cause: error });
  process.stderr.write(`store: ${known.code}: ${known.message}\n${catalogued(known).remedy}\n`);
  process.exitCode = catalogued(known).kind === 'malformed' ? 2 : 1;
});
