import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createClientIdentity, loadClientIdentity } from '../../host/client/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-identity-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const pem = (curve: string): string =>
  generateKeyPairSync('ec', { namedCurve: curve }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;

describe('a client identity', () => {
  it('is made once, for its owner alone, and is the same each time after', () => {
    const path = join(folder, 'deep', 'client.key');
    const made = loadClientIdentity(path, { create: true });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(loadClientIdentity(path, { create: true }).principal).toEqual(made.principal);
    expect(loadClientIdentity(path, { create: false }).principal).toEqual(made.principal);
    expect(made.key).toBe(readFileSync(path, 'utf8'));
  });

  it('is another one for another key', () => {
    expect(createClientIdentity().principal).not.toEqual(createClientIdentity().principal);
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const locked = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  });
  it.each([
    ['empty', ''],
    ['no PEM', 'key'],
    ['a PEM of nothing', '-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n'],
    ['half a key', pem('P-256').slice(0, 120)],
    ['P-384', pem('P-384')],
    ['secp256k1', pem('secp256k1')],
    ['RSA', rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string],
    ['Ed25519', generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string],
    ['a public key', rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string],
    ['locked with a passphrase', locked as string],
    ['binary', Buffer.from([0, 255, 254])],
  ])('that is %s is CLIENT_KEY_INVALID, and stays as it is', (name, text) => {
    const path = file(name.replaceAll(' ', '-'), text);
    for (const create of [true, false])
      expect(() => loadClientIdentity(path, { create })).toFailWith('CLIENT_KEY_INVALID');
    expect(readFileSync(path)).toEqual(Buffer.from(text));
  });

  it('that is not there, or cannot be made, is CLIENT_KEY_INVALID', () => {
    expect(() => loadClientIdentity(join(folder, 'none'), { create: false })).toFailWith(
      'CLIENT_KEY_INVALID',
    );
    expect(() => loadClientIdentity(join(file('plain', ''), 'key'), { create: true })).toFailWith(
      'CLIENT_KEY_INVALID',
    );
    expect(() => loadClientIdentity(folder, { create: true })).toFailWith('CLIENT_KEY_INVALID');
  });
});
