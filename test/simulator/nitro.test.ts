import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseFaults } from '../../host/simulator/faults.ts';
import { hardwareIdentity } from '../../host/simulator/identity.ts';
import { openSeed } from '../../host/simulator/state.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import { appraiseNitro, NITRO_ROOTS, verifyNitro } from '../../verifier/nitro/index.ts';
import { webCrypto } from '../../verifier/webcrypto.ts';
import { CORPUS, corpusBytes } from '../support/corpus.ts';
import { MEASURED, simulatedMachine, type SimulatedMachine } from '../support/simulated.ts';
import { itWithOpenssl } from '../support/openssl.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const folder = mkdtempSync(join(tmpdir(), 'assay-sim-'));
afterAll(() => rmSync(folder, { recursive: true }));

const fields = { userData: new Uint8Array(64).fill(1), nonce: new Uint8Array(32).fill(2), publicKey: null };

async function quote(machine: SimulatedMachine, given: Partial<typeof fields> = {}): Promise<Uint8Array> {
  return machine.module.attest(machine.registers, { ...fields, ...given });
}

const expectations = {
  pcrs: { 0: [toHex(MEASURED.pcr0)], 1: [toHex(MEASURED.pcr1)], 2: [toHex(MEASURED.pcr2)] },
  debug: 'reject' as const,
  partitions: 'any' as const,
  hardware: 'any' as const,
  revocation: 'any' as const,
};

describe('simulated Nitro documents', () => {
  it('verify unchanged under the production verifier with their root named', async () => {
    const machine = await simulatedMachine();
    const document = parseNitro(await quote(machine));
    for (const crypto of [nodeCrypto, webCrypto]) {
      const verified = await verifyNitro(document, { at: machine.now, crypto, roots: machine.roots });
      expect(verified.claims).toMatchObject({
        kind: 'enclave',
        moduleId: machine.module.moduleId,
        instanceId: machine.hardware.instanceId,
        partition: 'simulated',
        timestamp: machine.now,
        launchedAt: machine.now,
        userData: fields.userData,
        nonce: fields.nonce,
        publicKey: null,
        debug: false,
        unknownFields: [],
      });
      expect(Object.keys(verified.claims.pcrs)).toHaveLength(16);
    }
  });

  it('are refused by the pins of AWS, and their root has none of its names', async () => {
    const machine = await simulatedMachine();
    const document = parseNitro(await quote(machine));
    await expect(
      verifyNitro(document, { at: machine.now, crypto: nodeCrypto, roots: NITRO_ROOTS }),
    ).toRejectWith('CHAIN_ROOT_UNTRUSTED');
    expect(NITRO_ROOTS.map(({ name }) => name)).not.toContain(machine.hardware.rootName);
    for (const der of [...document.cabundle, document.certificate])
      expect(parseCertificate(der).subject.attributes.map(({ value }) => value)).not.toContain('Amazon');
  });

  it('are refused under the root of another install', async () => {
    const machine = await simulatedMachine();
    const other = await simulatedMachine([], 2);
    const document = parseNitro(await quote(machine));
    await expect(
      verifyNitro(document, { at: machine.now, crypto: nodeCrypto, roots: other.roots }),
    ).toRejectWith('CHAIN_ROOT_UNTRUSTED');
  });

  it('have the order of fields and the map form of recorded documents', async () => {
    const machine = await simulatedMachine();
    const order = (bytes: Uint8Array): string[] => {
      const names = [
        'module_id',
        'digest',
        'timestamp',
        'pcrs',
        'certificate',
        'cabundle',
        'public_key',
        'user_data',
        'nonce',
      ];
      const text = Buffer.from(bytes).toString('latin1');
      const keyed = names.map(
        (name) => [text.indexOf(String.fromCharCode(0x60 + name.length) + name), name] as const,
      );
      return keyed.sort(([a], [b]) => a - b).map(([, name]) => name);
    };
    const own = await quote(machine);
    expect(Buffer.from(own.subarray(0, 8)).toString('hex')).toBe('8444a1013822a059');
    expect(own[10]).toBe(0xbf);
    if (CORPUS !== null)
      expect(order(own)).toEqual(order(corpusBytes('nitro', 'docs/reclaim-2025-10-15.cbor')));
  });

  it('have high-S signatures about half of the time', async () => {
    const machine = await simulatedMachine();
    const half =
      BigInt(
        '0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
      ) / 2n;
    let high = 0;
    for (let i = 0; i < 64; i++) {
      const { signature } = parseNitro(await quote(machine)).sign1;
      if (BigInt(`0x${toHex(signature.subarray(48))}`) > half) high++;
    }
    // The chance of either end is below one in 10^9.
    expect(high).toBeGreaterThan(8);
    expect(high).toBeLessThan(56);
  });

  it('keep their leaf until an hour before its end, and outlive every certificate', async () => {
    const machine = await simulatedMachine();
    const leaf = async (): Promise<string> => toHex(parseNitro(await quote(machine)).certificate);
    const first = await leaf();
    machine.now += 1.5 * HOUR;
    expect(await leaf()).toBe(first);
    for (const step of [HOUR, 13 * HOUR, 30 * DAY]) {
      machine.now += step;
      expect(await leaf()).not.toBe(first);
      const document = parseNitro(await quote(machine));
      const verified = await verifyNitro(document, {
        at: machine.now,
        crypto: nodeCrypto,
        roots: machine.roots,
      });
      expect(verified.claims.timestamp).toBe(machine.now);
    }
  });
});

describe('the simulated PKI', () => {
  itWithOpenssl('is verified by openssl at its time, and refused after it', async () => {
    const machine = await simulatedMachine();
    const { cabundle, certificate } = parseNitro(await quote(machine));
    const write = (name: string, ders: readonly Uint8Array[]): string => {
      const path = join(folder, name);
      writeFileSync(path, ders.map((der) => new X509Certificate(der).toString()).join(''));
      return path;
    };
    const [root, ...middle] = cabundle;
    const files = [
      write('root.pem', [root as Uint8Array]),
      write('middle.pem', middle),
      write('leaf.pem', [certificate]),
    ] as const;
    const verify = (at: number): string =>
      execFileSync(
        'openssl',
        [
          'verify',
          '-attime',
          String(Math.floor(at / 1000)),
          '-CAfile',
          files[0],
          '-untrusted',
          files[1],
          files[2],
        ],
        {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      );
    expect(verify(machine.now)).toMatch(/: OK\n$/);
    expect(() => verify(machine.now + 4 * HOUR)).toThrow();
  });

  const shapeOf = (bytes: Uint8Array): unknown[] => {
    const { cabundle, certificate } = parseNitro(bytes);
    return [...cabundle, certificate].map((der) => {
      const { basicConstraints, keyUsage, extensions, subject, signatureAlgorithm, spki, version } =
        parseCertificate(der);
      return {
        basicConstraints,
        keyUsage,
        extensions: extensions.map(({ oid, critical }) => [oid, critical]),
        nameParts: subject.attributes.map(({ oid }) => oid),
        signatureAlgorithm,
        algorithm: [spki.algorithm, spki.curve],
        version,
      };
    });
  };

  it.skipIf(CORPUS === null)(
    'has the shape of recorded certificates: names, constraints, usages, extensions, criticality',
    async () => {
      const machine = await simulatedMachine();
      expect(shapeOf(await quote(machine))).toEqual(
        shapeOf(corpusBytes('nitro', 'docs/reclaim-2025-10-15.cbor')),
      );
    },
  );

  it('has the genuine lifetimes and path lengths', async () => {
    const machine = await simulatedMachine();
    const { cabundle, certificate } = parseNitro(await quote(machine));
    const found = [...cabundle, certificate].map((der) => parseCertificate(der));
    const hours = found.map(({ notAfter, notBefore }) => (notAfter - notBefore) / HOUR);
    expect(hours.slice(1)).toEqual([481, 144, 24, 3 + 3 / 3600]);
    expect(found.map(({ basicConstraints }) => basicConstraints?.pathLength ?? null)).toEqual([
      null,
      2,
      1,
      0,
      null,
    ]);
  });

  it('is the same root for the same seed, and another one for each install', async () => {
    const one = await hardwareIdentity(join(folder, 'one'));
    const again = await hardwareIdentity(join(folder, 'one'));
    const other = await hardwareIdentity(join(folder, 'other'));
    expect(again.rootSpkiSha256).toEqual(one.rootSpkiSha256);
    expect(again.keyArn).toBe(one.keyArn);
    expect(other.rootSpkiSha256).not.toEqual(one.rootSpkiSha256);
    expect(other.keyArn).not.toBe(one.keyArn);
    expect(statSync(join(folder, 'one', 'seed')).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'one')).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(folder, 'one', 'seed'))).toHaveLength(32);
  });

  it('is not made from a seed that is not one', () => {
    const state = join(folder, 'broken');
    openSeed(state);
    writeFileSync(join(state, 'seed'), 'short');
    expect(() => openSeed(state)).toFailWith('SIMULATOR_STATE_INVALID');
  });
});

describe('faults', () => {
  it('debug: authentic, and rejected as debug', async () => {
    const machine = await simulatedMachine(['debug']);
    const verified = await verifyNitro(parseNitro(await quote(machine)), {
      at: machine.now,
      crypto: nodeCrypto,
      roots: machine.roots,
    });
    expect(() => appraiseNitro(verified, expectations)).toFailWith('NITRO_DEBUG_MODE');
    const healthy = await simulatedMachine();
    const document = parseNitro(await quote(healthy));
    appraiseNitro(
      await verifyNitro(document, { at: healthy.now, crypto: nodeCrypto, roots: healthy.roots }),
      expectations,
    );
  });

  it('expired-leaf: CHAIN_EXPIRED, also where only the document is judged', async () => {
    const machine = await simulatedMachine(['expired-leaf']);
    const document = parseNitro(await quote(machine));
    await expect(
      verifyNitro(document, { at: machine.now, crypto: nodeCrypto, roots: machine.roots }),
    ).toRejectWith('CHAIN_EXPIRED');
    const at = parseCertificate(document.certificate).notAfter;
    await expect(verifyNitro(document, { at, crypto: nodeCrypto, roots: machine.roots })).toRejectWith(
      'NITRO_TIMESTAMP_MISMATCH',
    );
  });

  it('wrong-root: CHAIN_ROOT_UNTRUSTED under the root of this machine', async () => {
    const machine = await simulatedMachine(['wrong-root']);
    const document = parseNitro(await quote(machine));
    await expect(
      verifyNitro(document, { at: machine.now, crypto: nodeCrypto, roots: machine.roots }),
    ).toRejectWith('CHAIN_ROOT_UNTRUSTED');
  });

  it('replayed-nonce: each document has the nonce of the request before', async () => {
    const machine = await simulatedMachine(['replayed-nonce']);
    const nonces = [3, 4, 5].map((byte) => new Uint8Array(32).fill(byte));
    const seen = [];
    for (const nonce of nonces) seen.push(parseNitro(await quote(machine, { nonce })).nonce);
    expect(seen[0]).not.toEqual(nonces[0]);
    expect(seen.slice(1)).toEqual(nonces.slice(0, 2));
  });

  it('slow-quotes: each document takes its time', async () => {
    const machine = await simulatedMachine(['slow-quotes=120']);
    const started = performance.now();
    await quote(machine);
    expect(performance.now() - started).toBeGreaterThan(115);
    expect(parseFaults(['slow-quotes']).slowQuotesMs).toBe(2_000);
  });

  it('are refused by any other name', () => {
    for (const name of ['', 'Debug', 'slow-quotes=', 'slow-quotes=x', 'expired', '__proto__'])
      expect(() => parseFaults([name]), name).toFailWith('SIMULATOR_FAULT_UNKNOWN');
  });
});

it('a document does not verify with its instance id changed', async () => {
  const machine = await simulatedMachine();
  const bytes = await quote(machine);
  const at = Buffer.from(bytes).indexOf(Buffer.from(utf8(machine.hardware.instanceId)));
  bytes[at + 5]! ^= 1;
  await expect(
    verifyNitro(parseNitro(bytes), { at: machine.now, crypto: nodeCrypto, roots: machine.roots }),
  ).toRejectWith('NITRO_SIGNATURE_INVALID');
});
