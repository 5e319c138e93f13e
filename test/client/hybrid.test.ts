/** A guest's vsock behind a Unix socket: the line that opens it, and peers that do not keep to it. */
import { createServer, type Server, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../host/client/address.ts';
import { connectStream } from '../../host/client/stream.ts';

let folder: string;
let count = 0;
const servers: Server[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-hybrid-'));
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A device that does this once it has read the whole line. */
async function device(answer: (socket: Socket, line: string) => void): Promise<string> {
  const path = join(folder, String(count++));
  const server = createServer((socket) => {
    let line = '';
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        line += String(chunk);
        if (line.endsWith('\n')) answer(socket, line);
      });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

const open = (path: string, timeoutMs = 1_000): ReturnType<typeof connectStream> =>
  connectStream({ family: 'hybrid', path, port: 5000 }, { timeoutMs });

describe('a vsock behind a Unix socket', () => {
  it('is opened by one line, and what follows the answer belongs to the stream', async () => {
    const path = await device((socket, line) =>
      socket.end(line === 'CONNECT 5000\n' ? 'OK 1073741824\nhello' : 'no\n'),
    );
    let text = '';
    for await (const chunk of await open(path)) text += String(chunk);
    expect(text).toBe('hello');
  });

  it('is opened when the answer comes byte by byte', async () => {
    const path = await device(async (socket) => {
      for (const byte of 'OK 7\nx') {
        socket.write(byte);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      socket.end();
    });
    let text = '';
    for await (const chunk of await open(path)) text += String(chunk);
    expect(text).toBe('x');
  });

  it.each([
    ['closes', (socket: Socket) => socket.destroy()],
    ['ends', (socket: Socket) => socket.end()],
    ['says something else', (socket: Socket) => socket.write('ERROR\n')],
    ['says OK without a number', (socket: Socket) => socket.write('OK\n')],
    ['says OK and more', (socket: Socket) => socket.write('OK 1 2\n')],
    ['says no end of a line', (socket: Socket) => socket.write('OK 11111111111111111111111111111111111')],
  ])('refuses a device that %s: CONNECTION_REFUSED', async (_, answer) => {
    await expect(open(await device((socket) => void answer(socket)))).toRejectWith('CONNECTION_REFUSED');
  });

  it('does not wait for ever: CONNECTION_TIMEOUT', async () => {
    await expect(open(await device(() => undefined), 60)).toRejectWith('CONNECTION_TIMEOUT');
  });

  it('has an address that people can write', () => {
    const address = parseAddress('hybrid:/run/vm/guest:5000');
    expect(address).toEqual({ family: 'hybrid', path: '/run/vm/guest', port: 5000 });
    expect(formatAddress(address)).toBe('hybrid:/run/vm/guest:5000');
    for (const bad of [
      'hybrid:',
      'hybrid:/run/vm',
      'hybrid::5000',
      `hybrid:/${'x'.repeat(107)}:1`,
      'hybrid:/a:4294967296',
    ])
      expect(() => parseAddress(bad), bad).toFailWith('ADDRESS_INVALID');
  });
});
