/** Streams in worker threads: each has its own loop, and a worker that is killed leaves nothing open. */
import { ok, strictEqual } from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { type Address, connect, listen } from '../../../native/index.ts';
import { type Case, closed, type Network, openDescriptors, settledDescriptors, sleep } from '../support.ts';
import type { WorkerOrder } from './worker.ts';

const ROUNDS = 5;

function newWorker(network: Network, role: WorkerOrder['role'], address: Address): Worker {
  const workerData: WorkerOrder = { role, address };
  return new Worker(network.worker, { workerData, execArgv: ['--no-warnings'] });
}

async function started(network: Network, role: WorkerOrder['role'], address: Address): Promise<Worker> {
  const worker = newWorker(network, role, address);
  await new Promise((up, down) => {
    worker.once('message', up);
    worker.once('error', down);
  });
  return worker;
}

async function echoed(socket: Duplex, text: string): Promise<string> {
  socket.write(text);
  return new Promise((done) => socket.once('data', (data: Buffer) => done(data.toString())));
}

export const workerCases = (network: Network): readonly Case[] => [
  {
    name: 'workers serve, next to the main thread',
    async run() {
      const before = openDescriptors();
      const address = network.fresh();
      const worker = await started(network, 'server', address);
      const client = await connect(address);
      strictEqual(await echoed(client, 'hello'), 'hello');
      await worker.terminate();
      await closed(client);
      ok((await settledDescriptors(before)) <= before, 'descriptors were left open');
    },
  },
  {
    name: 'workers leave nothing open when they are terminated in the middle',
    async run() {
      const before = openDescriptors();
      for (let round = 0; round < ROUNDS; round++) {
        const address = network.fresh();
        const open = new Set<Duplex>();
        const listener = await listen(address, {}, (socket) => {
          open.add(socket);
          socket.on('error', () => undefined);
          socket.once('close', () => open.delete(socket));
          socket.pipe(socket);
        });
        const worker = await started(network, 'flood', address);
        await sleep(10 * round);
        await worker.terminate();
        for (let i = 0; i < 200 && open.size > 0; i++) await sleep(10);
        strictEqual(open.size, 0);
        await listener.close();
      }
      ok((await settledDescriptors(before)) <= before, 'descriptors were left open');
    },
  },
  {
    name: 'workers end by themselves once their sockets are closed',
    async run() {
      const before = openDescriptors();
      const address = network.fresh();
      const listener = await listen(address, {}, (socket) => socket.end('done'));
      const worker = newWorker(network, 'greeted', address);
      strictEqual(await new Promise((done) => worker.once('exit', done)), 0);
      await listener.close();
      ok((await settledDescriptors(before)) <= before, 'descriptors were left open');
    },
  },
];
