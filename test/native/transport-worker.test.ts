/** The addon in worker threads: each has its own loop, and a worker that is killed leaves nothing open. */
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, listen } from '../../native/index.ts';
import {
  closed,
  demandAddon,
  openDescriptors,
  removeSockets,
  settledDescriptors,
  socketPath,
} from './support.ts';

beforeAll(demandAddon);
afterAll(removeSockets);

const program = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.native).then(async ({ listen, connect }) => {
    const address = { family: 'unix', path: workerData.path, via: 'addon' };
    if (workerData.role === 'server') await listen(address, {}, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    else for (let i = 0; i < 8; i++) {
      const socket = await connect(address);
      socket.on('error', () => {});
      socket.resume();
      const chunk = Buffer.alloc(65536, i);
      const pump = () => { while (socket.write(chunk)); socket.once('drain', pump); };
      pump();
    }
    parentPort.postMessage('up');
  });
`;

async function start(role: 'server' | 'client', path: string): Promise<Worker> {
  const native = resolve(import.meta.dirname, '../../native/index.ts');
  const worker = new Worker(program, {
    eval: true,
    workerData: { native, path, role },
    execArgv: ['--no-warnings'],
  });
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

describe('worker threads', () => {
  it('serve, next to the main thread', async () => {
    const before = openDescriptors();
    const path = socketPath();
    const worker = await start('server', path);
    const client = await connect({ family: 'unix', path, via: 'addon' });
    expect(await echoed(client, 'hello')).toBe('hello');
    await worker.terminate();
    await closed(client);
    expect(await settledDescriptors(before)).toBeLessThanOrEqual(before);
  });

  it('leave nothing open when they are terminated in the middle', async () => {
    const before = openDescriptors();
    for (let round = 0; round < 5; round++) {
      const path = socketPath();
      const open = new Set<Duplex>();
      const listener = await listen({ family: 'unix', path, via: 'addon' }, {}, (socket) => {
        open.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => open.delete(socket));
        socket.pipe(socket);
      });
      const worker = await start('client', path);
      await new Promise((done) => setTimeout(done, 10 * round));
      await worker.terminate();
      for (let i = 0; i < 200 && open.size > 0; i++) await new Promise((done) => setTimeout(done, 10));
      expect(open.size).toBe(0);
      await listener.close();
    }
    expect(await settledDescriptors(before)).toBeLessThanOrEqual(before);
  });

  it('end by themselves once their sockets are closed', async () => {
    const path = socketPath();
    const listener = await listen({ family: 'unix', path, via: 'addon' }, {}, (socket) => socket.end('done'));
    const native = resolve(import.meta.dirname, '../../native/index.ts');
    const worker = new Worker(
      `const { workerData } = require('node:worker_threads');
       import(workerData.native).then(async ({ connect }) => {
         const socket = await connect({ family: 'unix', path: workerData.path, via: 'addon' });
         for await (const _ of socket);
       });`,
      { eval: true, workerData: { native, path }, execArgv: ['--no-warnings'] },
    );
    expect(await new Promise((done) => worker.once('exit', done))).toBe(0);
    await listener.close();
  });
});
