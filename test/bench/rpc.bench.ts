/**
 * What the wire costs: Decide with a 512-byte request and an answer of about 1 KiB, over TLS over a Unix socket,
 * server and client as two processes. Prints p50 and rate with 1 and 64 in flight, and the server's CPU a call.
 *
 *     node test/bench/rpc.bench.ts
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { handler, serveRpc } from '../../enclave/server/index.ts';
import { type Channel, openChannel } from '../../host/client/channel.ts';
import { createClientIdentity } from '../../host/client/identity.ts';
import { listen } from '../../native/transport.ts';
import type { DecideRequest, DecideResponse } from '../../src/rpc/messages.ts';
import { Enclave } from '../../src/rpc/service.ts';

const CALLS = Number(process.env['ASSAY_BENCH_CALLS'] ?? 60_000);

const request: DecideRequest = {
  interventionPoint: 'pre_tool_call',
  snapshot: new Uint8Array(400).fill(0x20),
  audience: 'payments',
  nonce: new Uint8Array(16).fill(1),
  requiredLevel: 0,
  validForMs: 60_000,
  session: new Uint8Array(16).fill(2),
  parent: null,
  labels: ['pii'],
};

const response: DecideResponse = {
  decision: 'allow',
  reason: '',
  rule: 'payments-small',
  message: '',
  target: new Uint8Array(0),
  inputIdentity: 'a'.repeat(64),
  enforcedIdentity: 'a'.repeat(64),
  receipt: {
    leaf: new Uint8Array(300).fill(3),
    index: 123_456,
    proof: Array.from({ length: 5 }, () => new Uint8Array(32).fill(4)),
    checkpoint: 'c'.repeat(400),
  },
};

async function serve(path: string): Promise<void> {
  const server = serveRpc({
    tls: createClientIdentity(),
    handlers: [
      handler(Enclave.Decide, async () => response),
      handler(Enclave.Status, async () => {
        const { user, system } = process.cpuUsage();
        const none = { code: '', origin: '', simulated: true, platform: '', epoch: 0, seals: 0, refused: 0 };
        return { ...none, state: '', size: user + system, policyVersion: 0, witness: '', timeMs: 0 };
      }),
    ],
  });
  await listen({ family: 'unix', path }, {}, (socket) => server.accept(socket));
  process.send?.('ready');
}

const cpuOf = async (channel: Channel): Promise<number> => (await channel.call(Enclave.Status, {})).size;

async function measure(channel: Channel, inFlight: number, calls: number) {
  const times: number[] = [];
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started++ < calls) {
      const began = performance.now();
      await channel.call(Enclave.Decide, request);
      times.push(performance.now() - began);
    }
  };
  const cpu = await cpuOf(channel);
  const own = process.cpuUsage();
  const began = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - began) / 1_000;
  const serverCpu = ((await cpuOf(channel)) - cpu) / calls;
  const { user, system } = process.cpuUsage(own);
  times.sort((a, b) => a - b);
  return {
    in_flight: inFlight,
    calls_per_s: Math.round(calls / seconds),
    p50_us: Math.round(1_000 * (times[times.length >> 1] as number)),
    p99_us: Math.round(1_000 * (times[Math.floor(times.length * 0.99)] as number)),
    server_cpu_us_per_call: Number(serverCpu.toFixed(1)),
    client_cpu_us_per_call: Number(((user + system) / calls).toFixed(1)),
  };
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-bench-'));
  const path = join(folder, 's');
  const child = fork(import.meta.filename, ['serve', path], { execArgv: ['--no-warnings'] });
  try {
    await new Promise((resolve) => child.once('message', resolve));
    const { key, cert } = createClientIdentity();
    const channel = await openChannel(`unix:${path}`, { tls: { key, cert } });
    await measure(channel, 64, CALLS / 3);
    const rows = [await measure(channel, 1, CALLS / 6), await measure(channel, 64, CALLS)];
    const sizes = {
      request_bytes: Enclave.Decide.request.encode(request).length,
      response_bytes: Enclave.Decide.response.encode(response).length,
    };
    console.log(JSON.stringify({ bench: 'rpc', ...sizes, rows }, null, 1));
    channel.close();
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[2] === 'serve') await serve(process.argv[3] as string);
else await main();
