/** What happens when a process has no descriptors left: listeners wait, connects say so, and both recover. */
import { fork, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Duplex } from 'node:stream';
import { connect } from '../../native/index.ts';
import { closed, demandAddon, removeSockets, sleep, socketPath, type Via } from './support.ts';

beforeAll(demandAddon);
afterAll(removeSockets);

const native = resolve(import.meta.dirname, '../../native/index.ts');
/** `sh -c limited NODE PROGRAM` */
const limited = 'ulimit -n 64; exec "$0" --no-warnings --input-type=module -e "$1"';

describe('a process without descriptors', () => {
  it('goes on accepting through the addon when some come free', async () => {
    const path = socketPath();
    // The child holds every connection until it can open nothing more, then lets half of them go.
    const program = `
      const { listen } = await import(${JSON.stringify(native)});
      const held = [];
      await listen({ family: 'unix', path: ${JSON.stringify(path)}, via: 'addon' }, {}, (socket) => {
        socket.on('error', () => {});
        socket.write('hello');
        held.push(socket);
      });
      process.on('message', () => { for (const socket of held.splice(0)) socket.destroy(); });
      process.send('up');`;
    const child = fork('-', {
      execPath: '/bin/sh',
      execArgv: [
        '-c',
        `ulimit -n 64; exec "$0" --no-warnings --input-type=module -e "$1"`,
        process.execPath,
        program,
      ],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    try {
      await new Promise((up) => child.once('message', up));
      const clients = await Promise.all(
        Array.from({ length: 100 }, () => connect({ family: 'unix', path, via: 'addon' })),
      );
      const greeted: Duplex[] = [];
      for (const client of clients)
        client.once('data', () => greeted.push(client)).on('error', () => undefined);
      await sleep(250);
      expect(greeted.length).toBeLessThan(64);
      child.send('release');
      for (let i = 0; i < 40 && greeted.length < 100; i++) {
        await sleep(50);
        if (i === 10) child.send('release');
      }
      expect(greeted.length).toBe(100);
      await Promise.all(clients.map(closed));
    } finally {
      child.kill('SIGKILL');
    }
  });

  it.each<Via>(['node', 'addon'])('says so when it connects via %s', (via) => {
    const program = `
      const { connect, listen } = await import(${JSON.stringify(native)});
      const address = { family: 'unix', path: ${JSON.stringify(socketPath())}, via: '${via}' };
      await listen(address, {}, (socket) => socket.on('error', () => {}));
      let code = 'none';
      for (let i = 0; i < 64 && code === 'none'; i++) await connect(address).catch((error) => { code = error.code; });
      console.log(code);
      process.exit();`;
    const child = spawnSync('/bin/sh', ['-c', limited, process.execPath, program], { encoding: 'utf8' });
    expect(child.stderr).toBe('');
    expect(child.stdout).toBe('TRANSPORT_FAILED\n');
  });
});
