/**
 * Streams between two processes over a Unix socket: node:net against the addon, round trips and throughput, plain
 * and under TLS 1.3. Prints medians of rounds and the machine; takes about twenty seconds.
 */
import { fork } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect, createSecureContext, TLSSocket } from 'node:tls';
import { connect, listen, type UnixAddress } from '../../native/index.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { selfSignedCertificate } from '../../src/codec/x509-write.ts';

type Via = 'node' | 'addon';

const ROUND_MS = 700;
const ROUNDS = 5;
const MESSAGE_BYTES = 512;

function serverContext(): ReturnType<typeof createSecureContext> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = selfSignedCertificate({
    subjectCommonName: 'bench',
    serial: Uint8Array.of(1),
    notBefore: Date.UTC(2020, 0, 1),
    notAfter: Date.UTC(2049, 0, 1),
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    sign: (tbs) => new Uint8Array(sign('sha256', tbs, privateKey)),
  });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return createSecureContext({ key, cert: formatPem('CERTIFICATE', certificate), minVersion: 'TLSv1.3' });
}

/** The other process: echoes on `PATH.echo`, swallows on `PATH.sink` and says when it had a round's bytes. */
async function serve(via: Via, tls: boolean, path: string): Promise<void> {
  const secureContext = tls ? serverContext() : null;
  const wrap = (raw: Duplex): Duplex => {
    const socket = secureContext === null ? raw : new TLSSocket(raw, { isServer: true, secureContext });
    return socket.on('error', () => undefined);
  };
  await listen({ family: 'unix', path: `${path}.echo`, via }, {}, (raw) => {
    const socket = wrap(raw);
    socket.on('data', (data) => socket.write(data));
  });
  await listen({ family: 'unix', path: `${path}.sink`, via }, {}, (raw) => wrap(raw).resume());
  process.send?.('up');
}

async function open(address: UnixAddress, tls: boolean): Promise<Duplex> {
  const raw = await connect(address);
  if (!tls) return raw;
  const socket = tlsConnect({ socket: raw, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  return socket;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

/** Microseconds of each round trip of one message at a time. */
async function roundTrips(socket: Duplex): Promise<number[]> {
  const message = Buffer.alloc(MESSAGE_BYTES, 1);
  const times: number[] = [];
  const end = performance.now() + ROUND_MS;
  while (performance.now() < end) {
    const started = performance.now();
    socket.write(message);
    for (let got = 0; got < MESSAGE_BYTES; )
      got += await new Promise<number>((resolve) =>
        socket.once('data', (data: Buffer) => resolve(data.length)),
      );
    times.push((performance.now() - started) * 1000);
  }
  return times.sort((a, b) => a - b);
}

/** MiB per second that the kernel takes while the other end reads; the sockets' buffers are small beside a round. */
async function throughput(socket: Duplex): Promise<number> {
  const chunk = Buffer.alloc(256 * 1024, 2);
  const started = performance.now();
  let sent = 0;
  while (performance.now() - started < ROUND_MS) {
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve));
    sent += chunk.length;
  }
  return sent / (1 << 20) / ((performance.now() - started) / 1000);
}

async function measure(via: Via, tls: boolean, folder: string): Promise<string> {
  const path = join(folder, `${via}-${tls}`);
  const child = fork(import.meta.filename, [via, String(tls), path], { execArgv: ['--no-warnings'] });
  await new Promise((resolve) => child.once('message', resolve));
  const echo = await open({ family: 'unix', path: `${path}.echo`, via }, tls);
  const sink = await open({ family: 'unix', path: `${path}.sink`, via }, tls);
  await roundTrips(echo);
  const p50: number[] = [];
  const p99: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const times = await roundTrips(echo);
    p50.push(times[times.length >> 1] as number);
    p99.push(times[Math.floor(times.length * 0.99)] as number);
    rates.push(await throughput(sink));
  }
  for (const socket of [echo, sink]) socket.on('error', () => undefined).destroy();
  child.kill();
  const what = `${via === 'node' ? 'node:net' : 'addon'}${tls ? ' + TLS 1.3' : ''}`;
  const figures = [median(p50).toFixed(1), median(p99).toFixed(1), median(rates).toFixed(0)];
  return `${what.padEnd(20)} ${figures.map((figure) => figure.padStart(10)).join(' ')}`;
}

if (process.send !== undefined) {
  const [via, tls, path] = process.argv.slice(2) as [Via, string, string];
  await serve(via, tls === 'true', path);
} else {
  const folder = mkdtempSync(join(tmpdir(), 'assay-bench-'));
  console.log(
    `Unix socket between two processes, ${MESSAGE_BYTES}-byte round trips; ${cpus().length} x ${cpus()[0]?.model}`,
  );
  console.log(`${''.padEnd(20)} ${['p50 us', 'p99 us', 'MiB/s'].map((head) => head.padStart(10)).join(' ')}`);
  for (const tls of [false, true])
    for (const via of ['node', 'addon'] as const) console.log(await measure(via, tls, folder));
  rmSync(folder, { recursive: true, force: true });
}
