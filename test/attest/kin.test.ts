import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/index.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { formatAttestation } from '../../src/statement/attestation.ts';
import { bind, DOMAINS, type Domain } from '../../src/statement/bind.ts';
import { Identity } from '../../src/statement/identity.ts';
import { TEST_ORIGIN, testEnclave, type TestEnclave } from '../support/enclave.ts';
import { MEASURED } from '../support/simulated.ts';
import { IDENTITY } from '../support/statements.ts';

/** An earlier epoch's attestation file, made by this enclave. */
async function epochFile(
  { platform }: TestEnclave,
  changes: Partial<Identity> = {},
  domain: Domain = DOMAINS.identity,
): Promise<Uint8Array> {
  const identity = Identity.encode({ ...IDENTITY, origin: TEST_ORIGIN, challengeRoot: null, ...changes });
  const binding = bind(nodeCrypto, domain, identity);
  const { evidence } = await platform.quote({ binding, challenge: null, recipient: null });
  return utf8(
    formatAttestation({
      platform: 'nitro',
      evidence,
      identity,
      challenge: null,
      keys: [],
      endorsements: null,
    }),
  );
}

describe('earlier epochs', () => {
  it('of the same image are believed, however long ago', async () => {
    const enclave = await testEnclave();
    const file = await epochFile(enclave, { epoch: 7 });
    enclave.machine.now += 400 * 86_400_000;
    expect(await enclave.kin.epoch(file, IDENTITY.keyring)).toMatchObject({
      epoch: 7,
      epochKey: IDENTITY.epochKey,
    });
  });

  it('of another image, hardware, service or statement are not: EPOCH_UNACCEPTABLE', async () => {
    const enclave = await testEnclave();
    const patched = await testEnclave({ measured: { ...MEASURED, pcr0: new Uint8Array(48).fill(1) } });
    const elsewhere = await testEnclave({ seed: 2 });
    const files = [
      await epochFile(patched),
      await epochFile(elsewhere),
      await epochFile(enclave, { origin: 'sim.example.org/other' }),
      await epochFile(enclave, {}, DOMAINS.keyring),
      await epochFile(enclave, { keyring: [{ name: 'log', thumbprint: new Uint8Array(32) }] }),
      await epochFile(enclave, { keyring: [] }),
      await epochFile(await testEnclave({ faults: ['debug'] })),
      utf8('{}'),
      new Uint8Array(0),
    ];
    for (const file of files)
      await expect(enclave.kin.epoch(file, IDENTITY.keyring)).toRejectWith('EPOCH_UNACCEPTABLE');
    const genuine = new TextDecoder().decode(await epochFile(enclave));
    const other = new TextDecoder().decode(await epochFile(enclave, { epoch: 9 }));
    const identity = /"identity": "[^"]+"/;
    const spliced = genuine.replace(identity, identity.exec(other)?.[0] as string);
    expect(spliced).not.toBe(genuine);
    await expect(enclave.kin.epoch(utf8(spliced), IDENTITY.keyring)).toRejectWith('EPOCH_UNACCEPTABLE');
  });
});
