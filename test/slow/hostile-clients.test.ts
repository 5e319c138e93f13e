/**
 * Strangers who take every connection that relay and enclave have: a client who is served stays served, those who
 * never finish their handshake are dropped, and then there is room again.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { RELAY_LIMITS } from '../../host/relay/index.ts';
import { SERVE_LIMITS } from '../../native/rpc/index.ts';
import { testFolder } from '../support/ledger.ts';
import { decide, startSystem } from '../support/system.ts';

const RUDE = 400;
const HALF_OPEN = 1_500;
const LIMIT = Math.min(RELAY_LIMITS.maxConnections, SERVE_LIMITS.maxConnections);
const SILENT = 16;
const ANSWER_MS = 2_000;
const GRACE_MS = 2_000;

interface Stranger {
  readonly socket: Socket | TLSSocket;
  /** Keeps his side open when the service has closed its own, so that the relay must give him up. */
  readonly stubborn: boolean;
  /** The service has closed its side. */
  dropped: boolean;
  closed: boolean;
}

/** What a stranger does once connected. */
type Manner = (socket: Socket) => void;

const sendNothing: Manner = () => undefined;
/** A TLS record header that promises a hello of 512 bytes. */
const sendHalfAHello: Manner = (socket) => void socket.write(Uint8Array.of(0x16, 3, 1, 2, 0));
const sendNothingMore: Manner = (socket) => void socket.end();
const sendGarbage: Manner = (socket) => void socket.write('GET / HTTP/1.1\r\n\r\n');

function watch(socket: Socket | TLSSocket, stubborn: boolean): Stranger {
  const stranger: Stranger = { socket, stubborn, dropped: false, closed: false };
  socket.on('error', () => undefined);
  socket.once('end', () => {
    stranger.dropped = true;
  });
  socket.once('close', () => {
    stranger.dropped = true;
    stranger.closed = true;
  });
  return stranger;
}

function stranger(port: number, manner: Manner, stubborn: boolean): Stranger {
  const socket = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: stubborn }, () => manner(socket));
  return watch(socket.resume(), stubborn);
}

/** One who finishes the handshake, and then has nothing to say. */
function silent(port: number): Promise<Stranger> {
  return new Promise((resolve, reject) => {
    const socket = connectTls(
      { host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['assay/1'] },
      () => resolve(watch(socket.resume(), false)),
    );
    socket.once('error', reject);
  });
}

const open = (all: readonly Stranger[]): number => all.filter(({ closed }) => !closed).length;

it('serves its client while strangers hold all connections', { timeout: 120_000 }, async () => {
  using folder = testFolder({ real: true });
  const target = await startSystem(folder.path);
  const strangers: Stranger[] = [];
  try {
    const port = Number(target.system.relay.ready['port']);
    const client = await target.connect();
    let [going, slowest, decided] = [true, 0, 0];
    const served = (async () => {
      while (going) {
        const asked = performance.now();
        expect((await decide(client)).decision).toBe('allow');
        slowest = Math.max(slowest, performance.now() - asked);
        decided++;
        await sleep(10);
      }
    })();
    served.catch(() => undefined);

    for (let i = 0; i < SILENT; i++) strangers.push(await silent(port));
    // Those who are dropped at once, then more silent ones than there is room for.
    const crowd = async (
      count: number,
      manners: readonly Manner[],
      isStubborn: (i: number) => boolean,
    ): Promise<void> => {
      for (let i = 0; i < count; i++) {
        strangers.push(stranger(port, manners[i % manners.length] as Manner, isStubborn(i)));
        if (i % 50 === 0) await sleep(5);
      }
    };
    await crowd(RUDE, [sendGarbage, sendNothingMore], () => false);
    await sleep(500);
    await crowd(HALF_OPEN, [sendNothing, sendHalfAHello], (i) => i % 3 === 0);
    const held = (): number => strangers.filter(({ dropped }) => !dropped).length;
    // One connection is the client's own.
    await expect.poll(held, { timeout: SERVE_LIMITS.handshakeMs / 2, interval: 20 }).toBe(LIMIT - 1);
    await expect(target.connect()).toRejectWith('TLS_FAILED');

    await sleep(SERVE_LIMITS.handshakeMs + GRACE_MS);
    const left = strangers.filter(({ closed }) => !closed);
    expect(
      left.filter(({ stubborn }) => !stubborn),
      'the silent, who finished the handshake',
    ).toHaveLength(SILENT);
    const newcomer = await target.connect();
    expect((await decide(newcomer)).decision).toBe('allow');
    newcomer.close();
    await sleep(RELAY_LIMITS.halfOpenMs + GRACE_MS);
    // Their side is open still: the first byte is answered by a reset, and the second one meets it.
    for (let byte = 0; byte < 2; byte++) {
      for (const { socket, stubborn, closed } of strangers) if (stubborn && !closed) socket.write('?');
      await sleep(GRACE_MS);
    }
    expect(open(strangers), 'the stubborn have been given up').toBe(SILENT);

    going = false;
    await served;
    expect(slowest).toBeLessThan(ANSWER_MS);
    client.close();
    console.log(
      `${RUDE + HALF_OPEN} strangers, ${LIMIT - 1} at once: ${decided} decisions meanwhile, the slowest took ${Math.round(slowest)} ms`,
    );
  } finally {
    for (const { socket } of strangers) socket.destroy();
    await target.system.stop();
  }
});
