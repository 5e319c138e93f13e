/** The boot order of design section 5, as the module, the custodian and the store see it. */
import { afterEach, describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Booted } from '../../enclave/boot.ts';
import { nodeCrypto } from '../../native/index.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { MAX_TIME } from '../../src/base/clock.ts';
import { toHex } from '../../src/base/hex.ts';
import { parseSealFile } from '../../src/log/files.ts';
import { parseAttestation } from '../../src/statement/attestation.ts';
import { Identity } from '../../src/statement/identity.ts';
import { Seal } from '../../src/statement/seal.ts';
import {
  type BootBench,
  bootBench,
  type BootOptions,
  extendedWith,
  kept,
  layGenesis,
  register16,
} from '../support/boot.ts';
import { type Authority, makeAuthority, policyOrder, TEST_ORIGIN } from '../support/enclave.ts';
import { localStore, testFolder, testStore } from '../support/ledger.ts';
import { bundleOf, keyOf } from '../support/policies.ts';

const NEXT_MONTH = Date.UTC(2026, 11, 1);
const folders: Disposable[] = [];
const running: Booted[] = [];
afterEach(async () => {
  for (const booted of running.splice(0)) await booted.stop();
  for (const folder of folders.splice(0)) folder[Symbol.dispose]();
});

interface Host {
  readonly folder: string;
  readonly authorities: readonly Authority[];
}

function newHost(): Host {
  const folder = testFolder();
  folders.push(folder);
  return { folder: folder.path, authorities: [makeAuthority(), makeAuthority()] };
}

async function booted(host: Host): Promise<{ bench: BootBench; enclave: Booted }> {
  const bench = await bootBench(host);
  const enclave = await bench.boot();
  running.push(enclave);
  return { bench, enclave };
}

async function until(bench: BootBench, event: string): Promise<void> {
  for (let i = 0; i < 400 && !bench.events.includes(event); i++) await sleep(10);
  expect(bench.events).toContain(event);
}

describe('the first boot', () => {
  it('does everything in the order of the design', async () => {
    const host = newHost();
    layGenesis(host, NEXT_MONTH);
    const { bench } = await booted(host);
    await until(bench, ': sealed');
    await until(bench, 'stage seal_ref');
    expect(bench.events).toEqual([
      ': booting',
      'random 32',
      `measure ${toHex(nodeCrypto.sha256(bench.machine.config))}`,
      ': measured',
      'quote',
      'open',
      'read keyring',
      'random 16',
      'random 32',
      'random 12',
      'quote',
      'quote for release',
      'kms GenerateDataKey',
      'put keyring',
      ': keyring',
      'open',
      ': recovered',
      'quote',
      'put epochs/1',
      'stage epoch_start',
      ': booted',
      'quote',
      'put seals/1',
      ': sealed',
      'stage seal_ref',
    ]);
    expect(await register16(bench)).toBe(extendedWith(bench.machine.config));
  });

  it('logs an epoch that its attestation at the host is of, and a seal that lies there', async () => {
    const host = newHost();
    layGenesis(host, NEXT_MONTH);
    const { bench, enclave } = await booted(host);
    await until(bench, 'stage seal_ref');
    await enclave.stop();
    const [start, sealed] = bench.leaves;
    const file = await kept(host, 'epochs/1');
    const identity = Identity.decode(parseAttestation(file).identity);
    expect(start?.references).toEqual({
      attestation: nodeCrypto.sha256(file),
      boot: identity.bootId,
      trail: new Uint8Array(32),
    });
    expect(identity).toMatchObject({
      origin: TEST_ORIGIN,
      epoch: 1,
      simulated: true,
      configDigest: nodeCrypto.sha256(bench.machine.config),
      tlsSpkiHash: enclave.tls.spkiHash,
    });
    const seal = parseSealFile(await kept(host, 'seals/1'));
    expect(sealed?.references['statement']).toEqual(nodeCrypto.sha256(seal.statement));
    expect(sealed?.references['evidence']).toEqual(nodeCrypto.sha256(seal.evidence ?? new Uint8Array(0)));
    expect(Seal.decode(seal.statement)).toMatchObject({
      treeSize: 1,
      number: 1,
      epoch: 1,
      parentSeal: null,
      epochKey: identity.epochKey,
      logKeyThumbprint: identity.keyring[0]?.thumbprint,
    });
  });

  it('stays locked without a genesis order, and asks the custodian for nothing: KEYRING_MISSING', async () => {
    const bench = await bootBench(newHost());
    await expect(bench.boot()).toRejectWith('KEYRING_MISSING');
    expect(bench.events.slice(-2)).toEqual(['open', 'read keyring']);
  });
});

describe('what is measured', () => {
  const refused = async (changes: Partial<BootOptions>): Promise<BootBench> => {
    const host = newHost();
    layGenesis(host, NEXT_MONTH);
    return bootBench({ ...host, ...changes });
  };

  it('is the configuration, before it is read: a bad one leaves its digest and no key', async () => {
    const config = utf8('{"version":1,"origin":"sim.example.org/enclave","unknown":true}');
    const bench = await refused({ config });
    await expect(bench.boot()).toRejectWith('CONFIG_INVALID');
    const measured = `measure ${toHex(nodeCrypto.sha256(config))}`;
    expect(bench.events).toEqual([': booting', 'random 32', measured]);
    expect(await register16(bench)).toBe(extendedWith(config));
  });

  it('cannot be extended again by anything that runs later: NSM_REFUSED', async () => {
    const bench = await refused({ config: utf8('{}') });
    await expect(bench.boot()).toRejectWith('CONFIG_INVALID');
    await expect(bench.platform.measureConfiguration(new Uint8Array(32))).toRejectWith('NSM_REFUSED');
    expect(await register16(bench)).toBe(extendedWith(utf8('{}')));
  });

  it('must be measured, or nothing is read: a module that refuses ends the boot', async () => {
    const bench = await refused({ config: utf8('{}') });
    await bench.platform.measureConfiguration(new Uint8Array(32));
    await expect(bench.boot()).toRejectWith('NSM_REFUSED');
  });

  it('is dated by the hardware: without a signed time no store is opened: QUOTE_UNAVAILABLE', async () => {
    const bench = await refused({
      changes: ({ quote }) => ({ quote: async (request) => ({ ...(await quote(request)), time: null }) }),
    });
    await expect(bench.boot()).toRejectWith('QUOTE_UNAVAILABLE');
    expect(bench.events.slice(-2)).toEqual([': measured', 'quote']);
  });
});

describe('hardware that signs no time', () => {
  it("starts from the guest's own clock, and every seal says that nothing anchors it", async () => {
    const host = newHost();
    layGenesis(host, NEXT_MONTH);
    const bench = await bootBench({
      ...host,
      changes: () => ({
        time: { signed: false, source: 'guest-unanchored', read: async () => Date.UTC(2026, 10, 21) },
      }),
    });
    const enclave = await bench.boot();
    running.push(enclave);
    await until(bench, 'stage seal_ref');
    // No quote before the store is opened: there is no time in one.
    expect(bench.events.slice(0, 4)).toEqual([': booting', 'random 32', expect.any(String), ': measured']);
    expect(bench.events[4]).toBe('open');
    expect(bench.leaves[0]?.time).toBeGreaterThanOrEqual(Date.UTC(2026, 10, 21));
    const seal = Seal.decode(parseSealFile(await kept(host, 'seals/1')).statement);
    expect(seal.clockSource).toBe('guest-unanchored');
    expect(seal.clockErrorMs).toBeGreaterThanOrEqual(MAX_TIME);
  });
});

describe('the next boot', () => {
  /** A first boot with one seal and one policy, ended in order. */
  async function first(): Promise<{ host: Host; bench: BootBench; bundle: Uint8Array }> {
    const host = newHost();
    layGenesis(host, NEXT_MONTH);
    const { bench, enclave } = await booted(host);
    await until(bench, 'stage seal_ref');
    const bundle = bundleOf({});
    const order = policyOrder(
      {
        origin: TEST_ORIGIN,
        tenant: 'acme',
        version: 1,
        previous: null,
        bundleDigest: nodeCrypto.sha256(bundle),
        notAfter: NEXT_MONTH,
      },
      host.authorities,
    );
    const at = bench.events.length;
    expect(await bench.call(enclave, 'LoadPolicy', { order, bundle })).toMatchObject({ version: 1 });
    expect(bench.events.slice(at, at + 3)).toEqual([
      'put objects/digest',
      'put objects/digest',
      'stage policy_change',
    ]);
    await enclave.stop();
    return { host, bench, bundle };
  }

  it('opens the keyring that is there, names the last seal as parent, and takes up the policies', async () => {
    const { host, bench: before } = await first();
    const { bench, enclave } = await booted(host);
    await until(bench, 'stage seal_ref');
    expect(bench.events).toEqual([
      ': booting',
      'random 32',
      `measure ${toHex(nodeCrypto.sha256(bench.machine.config))}`,
      ': measured',
      'quote',
      'open',
      'read keyring',
      'quote for release',
      'kms Decrypt',
      ': keyring',
      'open',
      ': recovered',
      'quote',
      'put epochs/2',
      'stage epoch_start',
      ': policy',
      ': booted',
      'quote',
      'put seals/2',
      ': sealed',
      'stage seal_ref',
    ]);
    const seal = before.leaves.find(({ kind }) => kind === 'seal_ref')?.references['statement'];
    expect(bench.leaves[0]).toMatchObject({ index: 3, epoch: 2, references: { parent: seal } });
    const { statement } = parseSealFile(await kept(host, 'seals/2'));
    expect(Seal.decode(statement)).toMatchObject({
      number: 2,
      epoch: 2,
      previousSeal: seal,
      parentSeal: seal,
    });
    expect(await bench.call(enclave, 'Status', {})).toMatchObject({
      state: 'SERVING',
      epoch: 2,
      policyVersion: 1,
    });
  });

  it('knows the principals of the restored policy, and reads seals of earlier boots', async () => {
    const { host } = await first();
    const { bench, enclave } = await booted(host);
    expect(await bench.call(enclave, 'GetReceipt', { index: 2 }, keyOf(1))).toMatchObject({ index: 2 });
    const none = new Uint8Array(0);
    const seal = await bench.call(enclave, 'GetSeal', { number: 1, challenge: none });
    expect(seal).toMatchObject({
      number: 1,
      statement: parseSealFile(await kept(host, 'seals/1')).statement,
    });
    await expect(bench.call(enclave, 'GetSeal', { number: 9, challenge: none })).toRejectWith('SEAL_UNKNOWN');
  });

  it('does not serve without the policy that the log names: POLICY_MISSING', async () => {
    const { host, bundle } = await first();
    const store = localStore(() => testStore(`${host.folder}/store`));
    await store.open();
    await store.put(`objects/${toHex(nodeCrypto.sha256(bundle))}`, bundleOf({ effect: 'deny' }));
    const bench = await bootBench(host);
    await expect(bench.boot()).toRejectWith('POLICY_MISSING');
    expect(bench.events).not.toContain(': booted');
  });
});

describe('a clock behind the log', () => {
  it('ends the boot before it starts an epoch: CLOCK_BEFORE_LOG', async () => {
    const host = newHost();
    layGenesis(host, NEXT_MONTH);
    const { enclave } = await booted(host);
    await enclave.stop();
    const bench = await bootBench(host);
    bench.hardware.now -= 6_000;
    await expect(bench.boot()).toRejectWith('CLOCK_BEFORE_LOG');
    expect(bench.events.slice(-2)).toEqual([': keyring', 'open']);
  });
});

describe('stopping', () => {
  it('closes the ledger and ends the seals', async () => {
    const host = newHost();
    layGenesis(host, NEXT_MONTH);
    const { bench, enclave } = await booted(host);
    await until(bench, 'stage seal_ref');
    await enclave.stop();
    expect(await bench.call(enclave, 'Status', {})).toMatchObject({
      state: 'LOG_UNAVAILABLE',
      code: 'LOG_CLOSED',
      size: 2,
    });
    const challenge = new Uint8Array(32);
    await expect(bench.call(enclave, 'GetSeal', { number: null, challenge })).toRejectWith(
      'QUOTE_UNAVAILABLE',
    );
    expect(new TextDecoder().decode(await kept(host, 'log/checkpoint'))).toContain(`${TEST_ORIGIN}\n2\n`);
  });
});
