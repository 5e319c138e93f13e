import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createNitroPlatform, type NsmTransport } from '../../enclave/platform/nitro.ts';
import { connectSimulatedNsm } from '../../enclave/platform/simulated-nsm.ts';
import { createNsm } from '../../host/simulator/nsm.ts';
import { serveNsm } from '../../host/simulator/nsm-server.ts';
import { concat, u32be } from '../../src/base/bytes.ts';
import { NSM_MAX_REQUEST, NSM_MAX_RESPONSE } from '../../src/evidence/nsm.ts';
import { MEASURED, simulatedMachine } from '../support/simulated.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-nsm-'));
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A module whose every answer is `reply`'s to make. */
async function module(reply: (socket: Socket, request: Uint8Array) => void): Promise<NsmTransport> {
  const path = join(folder, `${servers.length}.sock`);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Uint8Array) => reply(socket, new Uint8Array(chunk)));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return connectSimulatedNsm(path);
}

const ONE = Uint8Array.of(1);

describe('the socket of the simulated module', () => {
  it('is the whole device for the platform', async () => {
    const machine = await simulatedMachine();
    const path = join(folder, 'whole.sock');
    const server = await serveNsm(path, createNsm(machine.module, machine.module.bootRegisters(MEASURED)));
    const platform = createNitroPlatform(await connectSimulatedNsm(path), { simulated: true });
    const many = await Promise.all(Array.from({ length: 20 }, () => platform.random(300)));
    expect(new Set(many.map(String)).size).toBe(20);
    expect(await platform.image()).toEqual(MEASURED.pcr0);
    await server.close();
    await expect(platform.random(1)).toRejectWith('QUOTE_UNAVAILABLE');
  });

  it('gives answers to their questions in order, in whatever pieces they come', async () => {
    let count = 0;
    const device = await module((socket, request) => {
      // Each question is u32be 1 and one byte.
      for (let at = 0; at < request.length; at += 5) {
        const answer = concat(u32be(3), Uint8Array.of(7, count++, request[at + 4] as number));
        for (const byte of answer) socket.write(Uint8Array.of(byte));
      }
    });
    const answers = await Promise.all([4, 5, 6].map((value) => device.request(Uint8Array.of(value))));
    expect(answers.map((answer) => [...answer])).toEqual([
      [7, 0, 4],
      [7, 1, 5],
      [7, 2, 6],
    ]);
  });

  it('ends on an answer longer than a module has, without waiting for it', async () => {
    const device = await module((socket) => socket.write(u32be(NSM_MAX_RESPONSE + 1)));
    const pending = [device.request(ONE), device.request(ONE)];
    for (const request of pending) await expect(request).toRejectWith('QUOTE_UNAVAILABLE');
    await expect(device.request(ONE)).toRejectWith('QUOTE_UNAVAILABLE');
  });

  it('ends when the module goes in the middle of an answer', async () => {
    const device = await module((socket) => socket.end(concat(u32be(100), new Uint8Array(50))));
    await expect(device.request(ONE)).toRejectWith('QUOTE_UNAVAILABLE');
    await expect(device.request(ONE)).toRejectWith('QUOTE_UNAVAILABLE');
  });

  it('ends when the module resets the connection', async () => {
    const device = await module((socket) => socket.destroy());
    await expect(device.request(ONE)).toRejectWith('QUOTE_UNAVAILABLE');
  });

  it('survives an answer that nobody asked for', async () => {
    const device = await module((socket) => socket.write(concat(u32be(1), ONE, u32be(1), ONE)));
    expect(await device.request(ONE)).toEqual(ONE);
  });

  it('sends nothing that is longer than a request may be: NSM_REFUSED', async () => {
    const device = await module(() => undefined);
    await expect(async () => device.request(new Uint8Array(NSM_MAX_REQUEST + 1))).toRejectWith('NSM_REFUSED');
  });

  it('says so when there is no module', async () => {
    await expect(connectSimulatedNsm(join(folder, 'none'))).rejects.toThrow();
  });
});
