/** `assay policy`: build, check, keygen, sign; what it writes verifies, and what it refuses writes nothing. */
import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPolicyFolder, readAuthorityKey } from '../../host/policy/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Code } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { parseOrderFile } from '../../src/statement/order-file.ts';
import { verifyOrder } from '../../src/statement/order.ts';
import { assay } from '../support/cli.ts';

const SAMPLE = resolve(import.meta.dirname, '../../host/cli/sample');
const NOW = Date.UTC(2026, 10, 20);
const folder = mkdtempSync(join(tmpdir(), 'assay-policy-'));
const at = (name: string): string => join(folder, name);
const [BUNDLE, KEY, ORDER, NEVER] = [at('bundle.json'), at('a.pem'), at('one.order'), at('never')];
const TERMS = ['--origin', 'sim.example/log', '--not-after', '+30d'];

/** What a command that must succeed says with `--json`. */
async function said(...args: string[]): Promise<Record<string, unknown>> {
  const result = await assay(['policy', ...args, '--json'], { now: NOW });
  expect([result.status, result.err]).toEqual([0, '']);
  return result.json();
}

let built: Record<string, unknown>;
let keygen: Record<string, unknown>;
beforeAll(async () => {
  built = await said('build', SAMPLE, '-o', BUNDLE);
  keygen = await said('keygen', '-o', KEY);
  await said('sign', BUNDLE, '--key', KEY, '--version', '1', ...TERMS, '-o', ORDER);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('assay policy', () => {
  it('checks a bundle and the folder that it was built from alike', async () => {
    expect((await said('check', BUNDLE))['digest']).toBe(built['digest']);
    expect((await assay(['policy', 'check', SAMPLE])).out).toContain(built['digest']);
  });

  it('makes a key that only its owner reads', () => {
    expect(statSync(KEY).mode & 0o777).toBe(0o600);
    expect(toHex(readAuthorityKey(KEY).publicKey)).toBe(keygen['public_key']);
  });

  it('signs for several authorities, and chains the next order to this one', async () => {
    const second = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(at('b.pem'), second, { mode: 0o600 });
    const both = await said('sign', BUNDLE, '--key', at('b.pem'), '--order', ORDER, '-o', at('two.order'));
    expect(both['signed_by']).toContain(keygen['public_key']);
    const { kind, signed } = parseOrderFile(readFileSync(at('two.order')));
    const authorities = [fromHex(keygen['public_key'] as string), readAuthorityKey(at('b.pem')).publicKey];
    const order = await verifyOrder(signed, {
      kind: 'policy',
      authorities,
      threshold: 2,
      crypto: nodeCrypto,
    });
    expect(kind).toBe('policy');
    expect(order).toMatchObject({
      tenant: 'acme',
      version: 1,
      previous: null,
      notAfter: NOW + 30 * 86_400_000,
    });
    expect(toHex(order.bundleDigest)).toBe(built['digest']);
    const previous = ['--version', '2', '--previous', at('two.order')];
    const next = await said('sign', BUNDLE, '--key', KEY, ...previous, ...TERMS, '-o', at('next.order'));
    expect(next['previous']).toBe(both['order']);
  });

  it('signs again without counting twice', async () => {
    await said('sign', BUNDLE, '--key', KEY, '--order', ORDER, '-o', at('again.order'));
    expect(parseOrderFile(readFileSync(at('again.order'))).signed.signatures.length).toBe(1);
  });

  const sign = (...args: string[]): string[] => ['sign', BUNDLE, '--key', KEY, ...args, '-o', NEVER];
  const first = (...args: string[]): string[] => sign('--origin', 'o', ...args);
  const cases: readonly [name: string, args: readonly string[], code: Code, status?: number][] = [
    ['no action', [], 'USAGE'],
    ['unknown action', ['destroy'], 'USAGE'],
    ['no folder', ['build', '-o', NEVER], 'USAGE'],
    ['no output', ['build', SAMPLE], 'USAGE'],
    ['unknown option', ['check', SAMPLE, '--force'], 'USAGE'],
    ['too many files', ['check', SAMPLE, SAMPLE], 'USAGE'],
    ['file that is missing', ['check', at('absent.json')], 'POLICY_SOURCE_INVALID'],
    ['not a bundle', ['check', join(SAMPLE, 'principals.json')], 'POLICY_BUNDLE_INVALID'],
    ['version 0', first('--version', '0', '--not-after', '+1d'), 'USAGE'],
    ['version 2 without previous', first('--version', '2', '--not-after', '+1d'), 'USAGE'],
    ['no time', first('--version', '1'), 'USAGE'],
    ['a time in the past', first('--version', '1', '--not-after', '2020-01-01T00:00:00Z'), 'USAGE'],
    ['a vague time', first('--version', '1', '--not-after', 'tomorrow'), 'USAGE'],
    ['order and version', sign('--order', ORDER, '--version', '1'), 'USAGE'],
    [
      'another bundle',
      ['sign', at('other.json'), '--key', KEY, '--order', ORDER, '-o', NEVER],
      'ORDER_BUNDLE_MISMATCH',
      1,
    ],
    ['not an order', sign('--order', BUNDLE), 'JSON_DEPTH'],
    ['not a key', ['sign', BUNDLE, '--key', BUNDLE, '--order', ORDER, '-o', NEVER], 'POLICY_SOURCE_INVALID'],
    [
      'no key file',
      ['sign', BUNDLE, '--key', at('no.pem'), '--order', ORDER, '-o', NEVER],
      'POLICY_SOURCE_INVALID',
    ],
    ['key over a file', ['keygen', '-o', KEY], 'POLICY_SOURCE_INVALID'],
  ];
  it.each(cases)('refuses %s, in one line, and writes nothing', async (_name, args, code, exit = 2) => {
    const other = { tenant: 'acme', principals: [] };
    writeFileSync(at('other.json'), buildPolicyFolder(SAMPLE, { principals: other }));
    const key = readFileSync(KEY);
    const { status, out, err } = await assay(['policy', ...args], { now: NOW });
    expect([status, out, err.split('\n')[0]]).toEqual([
      exit,
      '',
      expect.stringContaining(`assay: ${code}: `),
    ]);
    expect(existsSync(NEVER)).toBe(false);
    expect(readFileSync(KEY).equals(key)).toBe(true);
  });

  it('writes nothing where it may not', async () => {
    mkdirSync(at('locked'), { mode: 0o500 });
    // Modes do not bind root, as whom a container's tests may run.
    const target = process.getuid?.() === 0 ? '/proc/never/b.json' : at('locked/b.json');
    const result = await assay(['policy', 'build', SAMPLE, '-o', target]);
    expect([result.status, result.err]).toEqual([2, expect.stringContaining('POLICY_SOURCE_INVALID')]);
    chmodSync(at('locked'), 0o700);
  });
});
