import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Io } from '../../host/cli/io.ts';
import { main } from '../../host/cli/main.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { fromHex } from '../../src/base/hex.ts';
import { parseEmulatedNitro, parseNitro } from '../../src/evidence/nitro.ts';
import { verifyNitro } from '../../verifier/nitro/index.ts';
import { simulatedRoot } from '../../verifier/roots.ts';
import { itWithOpenssl } from '../support/openssl.ts';
import { vectors } from '../support/vectors.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-simulate-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);
const NOW = Date.UTC(2026, 10, 20);

async function assay(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const io: Io = {
    stdin: async () => new Uint8Array(0),
    out: (text) => void (said.out += text),
    err: (text) => void (said.err += text),
    isTty: false,
    now: () => NOW,
  };
  return { status: await main(args, io), ...said };
}

describe('assay simulate nitro', () => {
  itWithOpenssl(
    'writes a document that verifies under the root it prints, with the fields asked for',
    async () => {
      const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      writeFileSync(file('key.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
      const pcr = 'ab'.repeat(48);
      const files = ['-o', file('a.cbor'), '--root', file('root.pem'), '--public-key', file('key.pem')];
      const fields = ['--user-data', '0102', '--nonce', 'ff', '--pcr', `0=${pcr}`, '--pcr', `16=${pcr}`];
      const { status, out } = await assay('simulate', 'nitro', '--json', ...files, ...fields);
      expect(status).toBe(0);
      const { root } = JSON.parse(out) as { root: { name: string; spki_sha256: string } };
      const document = parseNitro(new Uint8Array(readFileSync(file('a.cbor'))));
      const roots = [simulatedRoot('nitro', root.name, root.spki_sha256)];
      const { claims } = await verifyNitro(document, { at: NOW, crypto: nodeCrypto, roots });
      expect(claims).toMatchObject({
        userData: Uint8Array.of(1, 2),
        nonce: Uint8Array.of(255),
        debug: false,
      });
      expect(claims.publicKey).toEqual(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })));
      expect(
        [claims.pcrs[0], claims.pcrs[16]].map((value) => Buffer.from(value ?? []).toString('hex')),
      ).toEqual([pcr, pcr]);
      const spki = execFileSync('openssl', ['x509', '-in', file('root.pem'), '-pubkey', '-noout']);
      const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input: spki });
      expect(Buffer.from(nodeCrypto.sha256(der)).toString('hex')).toBe(root.spki_sha256);
    },
  );

  it('signs what an emulated module claimed, so that all but the signature is judged', async () => {
    const [recorded] = vectors<{ hex: string }>('nitro-emulated.json').cases;
    const unsigned = fromHex((recorded as { hex: string }).hex);
    writeFileSync(file('emulated.cbor'), unsigned);
    const args = ['simulate', 'nitro', '--countersign', file('emulated.cbor'), '-o', file('signed.cbor')];
    const { status, out, err } = await assay(...args, '--json');
    expect([status, err]).toEqual([0, '']);
    const { root } = JSON.parse(out) as { root: { name: string; spki_sha256: string } };
    const signed = parseNitro(new Uint8Array(readFileSync(file('signed.cbor'))));
    const claimed = parseEmulatedNitro(unsigned);
    const roots = [simulatedRoot('nitro', root.name, root.spki_sha256)];
    const { claims } = await verifyNitro(signed, { at: claimed.timestamp, crypto: nodeCrypto, roots });
    const { moduleId, timestamp, pcrs, userData, nonce, publicKey } = claimed;
    expect(signed).toMatchObject({ moduleId, timestamp, pcrs, userData, nonce, publicKey });
    expect(claims.pcrs[0]).toEqual(pcrs[0]);
  });

  it.each([
    [['--pcr', `4=${'00'.repeat(48)}`], 'USAGE'],
    [['--nonce', '00'], 'USAGE'],
  ])('does not mix claims of its own with those of a module: %j', async (more, code) => {
    const args = ['simulate', 'nitro', '--countersign', file('emulated.cbor'), '-o', file('mixed.cbor')];
    const { status, err } = await assay(...args, ...more);
    expect([status, err]).toEqual([2, expect.stringContaining(code)]);
    expect(existsSync(file('mixed.cbor'))).toBe(false);
  });

  it('signs nothing that somebody has signed', async () => {
    await assay('simulate', 'nitro', '-o', file('genuine.cbor'));
    const again = await assay(
      'simulate',
      'nitro',
      '--countersign',
      file('genuine.cbor'),
      '-o',
      file('x.cbor'),
    );
    expect(again.status).toBe(2);
    expect(existsSync(file('x.cbor'))).toBe(false);
  });

  it('is the same hardware for the same seed and another one otherwise', async () => {
    writeFileSync(file('seed'), new Uint8Array(32).fill(5));
    const root = async (...more: string[]): Promise<unknown> =>
      (
        JSON.parse((await assay('simulate', 'nitro', '-o', file('b.cbor'), '--json', ...more)).out) as {
          root: unknown;
        }
      ).root;
    expect(await root('--seed', file('seed'))).toEqual(await root('--seed', file('seed')));
    expect(await root()).not.toEqual(await root('--seed', 'random'));
  });

  it.each([
    ['debug', 'authentic'],
    ['expired-leaf', 'rejected'],
    ['wrong-root', 'rejected'],
  ])('--fault %s is seen by assay verify', async (fault) => {
    const name = file(`${fault}.cbor`);
    const { status } = await assay('simulate', 'nitro', '-o', name, '--fault', fault);
    expect(status).toBe(0);
    const judged = await assay('verify', name, '--authentic-only', '--json');
    // Whatever the fault: without its root named, simulated evidence is nobody's.
    expect(judged.status).toBe(1);
    expect(JSON.parse(judged.out)).toMatchObject({ verdict: 'rejected', code: 'CHAIN_ROOT_UNTRUSTED' });
  });

  it.each([
    ['no platform', []],
    ['another platform', ['cca', '-o', file('no')]],
    ['no output', ['nitro']],
    ['an unknown option', ['nitro', '-o', file('no'), '--trusted']],
    ['an unknown fault', ['nitro', '-o', file('no'), '--fault', 'gremlin']],
    ['hex that is not', ['nitro', '-o', file('no'), '--nonce', 'xyz']],
    ['a nonce too long', ['nitro', '-o', file('no'), '--nonce', '00'.repeat(1025)]],
    [
      'a register twice',
      ['nitro', '-o', file('no'), '--pcr', `1=${'00'.repeat(48)}`, '--pcr', `1=${'00'.repeat(48)}`],
    ],
    ['register 32', ['nitro', '-o', file('no'), '--pcr', `32=${'00'.repeat(48)}`]],
    ['a seed that is missing', ['nitro', '-o', file('no'), '--seed', file('absent')]],
    ['a key that is none', ['nitro', '-o', file('no'), '--public-key', file('seed')]],
    ['a folder that is missing', ['nitro', '-o', file('absent/no')]],
  ])('writes nothing and ends with 2 on %s', async (_name, args) => {
    const { status, out, err } = await assay('simulate', ...args);
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(/^assay: [A-Z_]+: .+\n$/);
    expect(existsSync(file('no'))).toBe(false);
  });

  it('explains itself', async () => {
    expect((await assay('simulate', '--help')).out).toContain('assay simulate nitro');
    expect((await assay('--help')).out).toContain('simulate');
  });
});
