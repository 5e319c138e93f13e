import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createNsm, type Nsm } from '../../host/simulator/nsm.ts';
import { serveNsm } from '../../host/simulator/nsm-server.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, u32be } from '../../src/base/bytes.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import {
  decodeNsmResponse,
  encodeNsmRequest,
  type NsmRequest,
  type NsmResponse,
} from '../../src/evidence/nsm.ts';
import { MEASURED, simulatedMachine } from '../support/simulated.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-nsm-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function booted(): Promise<{ nsm: Nsm; ask: (request: NsmRequest) => Promise<NsmResponse> }> {
  const { module } = await simulatedMachine();
  const nsm = createNsm(module, module.bootRegisters(MEASURED));
  return { nsm, ask: async (request) => decodeNsmResponse(await nsm.handle(encodeNsmRequest(request))) };
}

const error = (code: string): unknown => ({ kind: 'Error', code });
const quote: NsmRequest = { kind: 'Attestation', userData: null, nonce: null, publicKey: null };

describe('the simulated module', () => {
  it('boots with registers 0 to 15 locked and the rest free', async () => {
    const { ask } = await booted();
    expect(await ask({ kind: 'DescribeNSM' })).toMatchObject({
      maxPcrs: 32,
      digest: 'SHA384',
      lockedPcrs: Array.from({ length: 16 }, (_, i) => i),
      moduleId: expect.stringMatching(/^i-[0-9a-f]{17}-enc[0-9a-f]{16}$/),
    });
    expect(await ask({ kind: 'DescribePCR', index: 0 })).toEqual({
      kind: 'DescribePCR',
      lock: true,
      data: MEASURED.pcr0,
    });
    expect(await ask({ kind: 'DescribePCR', index: 3 })).toEqual({
      kind: 'DescribePCR',
      lock: true,
      data: new Uint8Array(48),
    });
    expect(await ask({ kind: 'DescribePCR', index: 16 })).toEqual({
      kind: 'DescribePCR',
      lock: false,
      data: new Uint8Array(48),
    });
  });

  it('extends free registers until they are locked, and lists them in documents from then on', async () => {
    const { ask } = await booted();
    const data = new Uint8Array(5).fill(1);
    const once = nodeCrypto.sha384(new Uint8Array(48), data);
    expect(await ask({ kind: 'ExtendPCR', index: 16, data })).toEqual({ kind: 'ExtendPCR', data: once });
    const twice = nodeCrypto.sha384(once, data);
    expect(await ask({ kind: 'ExtendPCR', index: 16, data })).toEqual({ kind: 'ExtendPCR', data: twice });
    const pcrs = async (): Promise<readonly string[]> => {
      const response = await ask(quote);
      return response.kind === 'Attestation' ? Object.keys(parseNitro(response.document).pcrs) : [];
    };
    expect(await pcrs()).toHaveLength(16);
    expect(await ask({ kind: 'LockPCR', index: 16 })).toEqual({ kind: 'LockPCR' });
    expect(await pcrs()).toContain('16');
    expect(await ask({ kind: 'ExtendPCR', index: 16, data })).toEqual(error('ReadOnlyIndex'));
    expect(await ask({ kind: 'LockPCR', index: 16 })).toEqual(error('ReadOnlyIndex'));
    expect(await ask({ kind: 'DescribePCR', index: 16 })).toEqual({
      kind: 'DescribePCR',
      lock: true,
      data: twice,
    });
    expect(await ask({ kind: 'LockPCRs', range: 32 })).toEqual({ kind: 'LockPCRs' });
    expect(await pcrs()).toHaveLength(32);
  });

  it('does not let the image registers be extended, which is what an attacker inside would want', async () => {
    const { ask } = await booted();
    for (let index = 0; index < 16; index++)
      expect(await ask({ kind: 'ExtendPCR', index, data: new Uint8Array(1) })).toEqual(
        error('ReadOnlyIndex'),
      );
  });

  it('answers faults of a request by the names of the protocol', async () => {
    const { ask, nsm } = await booted();
    expect(await ask({ kind: 'DescribePCR', index: 32 })).toEqual(error('InvalidIndex'));
    expect(await ask({ kind: 'ExtendPCR', index: 99, data: new Uint8Array(0) })).toEqual(
      error('InvalidIndex'),
    );
    expect(await ask({ kind: 'LockPCR', index: 0xffff })).toEqual(error('InvalidIndex'));
    expect(await ask({ kind: 'LockPCRs', range: 33 })).toEqual(error('InvalidIndex'));
    expect(await ask({ ...quote, nonce: new Uint8Array(1_025) })).toEqual(error('InputTooLarge'));
    expect(decodeNsmResponse(await nsm.handle(Uint8Array.of(0xff)))).toEqual(error('InvalidOperation'));
    expect(decodeNsmResponse(await nsm.handle(new Uint8Array(4_097)))).toEqual(error('InputTooLarge'));
  });

  it('signs 1,024 bytes in each field, as hardware does', async () => {
    const { ask } = await booted();
    const full = new Uint8Array(1_024).fill(7);
    const response = await ask({ kind: 'Attestation', userData: full, nonce: full, publicKey: full });
    if (response.kind !== 'Attestation') throw new Error(JSON.stringify(response));
    expect(parseNitro(response.document)).toMatchObject({ userData: full, nonce: full, publicKey: full });
  });

  it('gives 256 random bytes, other ones each time', async () => {
    const { ask } = await booted();
    const [a, b] = [await ask({ kind: 'GetRandom' }), await ask({ kind: 'GetRandom' })];
    expect(a).toMatchObject({ kind: 'GetRandom', random: expect.objectContaining({ length: 256 }) });
    expect(a).not.toEqual(b);
  });
});

describe('its socket', () => {
  const frame = (request: Uint8Array): Uint8Array => concat(u32be(request.length), request);

  /** Sends the chunks and collects what comes back until `bytes` are there or the other side hangs up. */
  async function exchange(
    path: string,
    chunks: readonly Uint8Array[],
    bytes: number,
  ): Promise<Uint8Array | 'closed'> {
    const socket: Socket = connect(path);
    const received: Uint8Array[] = [];
    let total = 0;
    return new Promise((resolve) => {
      socket.on('error', () => resolve('closed'));
      socket.on('close', () => resolve('closed'));
      socket.on('data', (chunk: Uint8Array) => {
        received.push(chunk);
        total += chunk.length;
        if (total < bytes) return;
        resolve(concat(...received));
        socket.destroy();
      });
      for (const chunk of chunks) socket.write(chunk);
    });
  }

  it('takes frames whole, cut anywhere and several at once, answers in order, and drops what is too long', async () => {
    const { nsm } = await booted();
    const path = join(folder, 'nsm');
    const server = await serveNsm(path, nsm);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const lock = frame(encodeNsmRequest({ kind: 'LockPCR', index: 20 }));
    const wanted = concat(frame(await nsm.handle(encodeNsmRequest({ kind: 'LockPCR', index: 20 }))));
    const readOnly = frame(await nsm.handle(encodeNsmRequest({ kind: 'LockPCR', index: 20 })));
    expect(wanted).not.toEqual(readOnly);
    expect(await exchange(path, [lock], readOnly.length)).toEqual(readOnly);
    const pieces = [...lock].map((byte) => Uint8Array.of(byte));
    expect(await exchange(path, pieces, readOnly.length)).toEqual(readOnly);
    const both = concat(lock, frame(encodeNsmRequest({ kind: 'LockPCRs', range: 1 })));
    const last = frame(await nsm.handle(encodeNsmRequest({ kind: 'LockPCRs', range: 1 })));
    expect(await exchange(path, [both], readOnly.length + last.length)).toEqual(concat(readOnly, last));
    expect(await exchange(path, [u32be(4_097)], 1)).toBe('closed');
    expect(await exchange(path, [u32be(0xffffffff)], 1)).toBe('closed');
    await server.close();
    expect(await exchange(path, [lock], 1)).toBe('closed');
  });

  it('cannot be put where no socket fits', async () => {
    const { nsm } = await booted();
    await expect(serveNsm(join(folder, 'x'.repeat(120)), nsm)).toRejectWith('VM_START_FAILED');
  });
});
