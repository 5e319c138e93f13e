/** `assay policy genesis` writes what an enclave without a keyring takes: signed by k of n, for one origin, for a time. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAuthorityKey } from '../../host/policy/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import {
  checkGenesisOrder,
  type GenesisOrder,
  parseSignedOrder,
  verifyOrder,
} from '../../src/statement/order.ts';
import { assay } from '../support/cli.ts';

const NOW = Date.UTC(2026, 10, 20);
const DAY = 86_400_000;
const ORIGIN = 'example.org/log';
const folder = mkdtempSync(join(tmpdir(), 'assay-genesis-'));
const at = (name: string): string => join(folder, name);
const ask = (...args: string[]): ReturnType<typeof assay> => assay(['policy', ...args], { now: NOW });
const first = ['genesis', '--key', at('a.pem'), '--origin', ORIGIN, '--not-after', '+1d', '-o', at('one')];

beforeAll(async () => {
  for (const name of ['a.pem', 'b.pem']) expect((await ask('keygen', '-o', at(name))).status).toBe(0);
  expect((await ask(...first)).status).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const verified = (file: string, threshold: number): Promise<GenesisOrder> =>
  verifyOrder(parseSignedOrder(new Uint8Array(readFileSync(file))), {
    kind: 'genesis',
    authorities: ['a.pem', 'b.pem'].map((name) => readAuthorityKey(at(name)).publicKey),
    threshold,
    crypto: nodeCrypto,
  });

describe('assay policy genesis', () => {
  it('writes an order as the enclave reads it', async () => {
    const order = await verified(at('one'), 1);
    expect(order).toMatchObject({ origin: ORIGIN, keyringId: null, notAfter: NOW + DAY });
    expect(order.nonce).toHaveLength(32);
    checkGenesisOrder(order, { origin: ORIGIN, now: NOW + DAY - 1 });
    expect(() => checkGenesisOrder(order, { origin: ORIGIN, now: NOW + DAY })).toFailWith('ORDER_EXPIRED');
    await expect(verified(at('one'), 2)).rejects.toMatchObject({ code: 'ORDER_THRESHOLD_NOT_MET' });
  });

  it('adds a second signature to the same order', async () => {
    const more = ['genesis', '--key', at('b.pem'), '--origin', ORIGIN, '--order', at('one')];
    const result = await ask(...more, '-o', at('two'), '--json');
    expect(result.json()).toMatchObject({ origin: ORIGIN, not_after: '2026-11-21T00:00:00Z' });
    expect(await verified(at('two'), 2)).toEqual(await verified(at('one'), 1));
    // Once more by the same key is one signature still.
    await ask('genesis', '--key', at('b.pem'), '--origin', ORIGIN, '--order', at('two'), '-o', at('three'));
    expect(readFileSync(at('three'))).toEqual(readFileSync(at('two')));
  });

  it.each([
    ['no key', ['genesis', '--origin', ORIGIN, '--not-after', '+1d', '-o', at('never')], 'USAGE'],
    ['no time', ['genesis', '--key', at('a.pem'), '--origin', ORIGIN, '-o', at('never')], 'USAGE'],
    [
      'another origin',
      [...first.slice(0, 4), 'example.org/b', '--order', at('one'), '-o', at('never')],
      'ORDER_MISDIRECTED',
    ],
    ['a new time for an old order', [...first.slice(0, -1), at('never'), '--order', at('one')], 'USAGE'],
  ])('refuses %s, and writes nothing', async (_name, args, code) => {
    const { status, err } = await ask(...args);
    expect([status === 0, err.split('\n')[0]]).toEqual([false, expect.stringContaining(`assay: ${code}: `)]);
    expect(existsSync(at('never'))).toBe(false);
  });
});
