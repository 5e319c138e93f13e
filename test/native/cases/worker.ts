/** The worker of workers.ts: an echo server, a client that floods, or one that reads a greeting and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Address, connect, listen } from '../../../native/index.ts';

export interface WorkerOrder {
  readonly role: 'server' | 'flood' | 'greeted';
  readonly address: Address;
}

const FLOODS = 8;
const PIECE = 65_536;
const { role, address } = workerData as WorkerOrder;

async function flood(piece: number): Promise<void> {
  const socket = await connect(address);
  socket.on('error', () => undefined);
  socket.resume();
  const chunk = Buffer.alloc(PIECE, piece);
  const pump = (): void => {
    while (socket.write(chunk));
    socket.once('drain', pump);
  };
  pump();
}

if (role === 'server')
  await listen(address, {}, (socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
else if (role === 'flood') for (let i = 0; i < FLOODS; i++) await flood(i);
else for await (const _ of await connect(address)) continue;
parentPort?.postMessage('up');
