/** A whole service as `make build` leaves it: store, simulated hardware with its enclave, relay, each a process. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildTrustPolicy, readMeasurements } from '../../host/cli/trust-make.ts';
import {
  type AssayClient,
  connect,
  type ConnectOptions,
  createClientIdentity,
  openChannel,
} from '../../host/client/index.ts';
import {
  type DevHome,
  devHome,
  genesisOrder,
  launchSystem,
  ORIGIN,
  signOrder,
  startProgram,
  type System,
  type SystemOptions,
} from '../../host/launch/index.ts';
import { readAuthorityKey } from '../../host/policy/index.ts';
import { auditCopy, copyLog, sealNow } from '../../host/story/log-attacks.ts';
import { nodeCrypto } from '../../native/index.ts';
import { codeOf } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { encodeBundle } from '../../src/policy/index.ts';
import { Enclave } from '../../src/rpc/service.ts';
import { encodePolicyOrder, encodeSignedOrder } from '../../src/statement/order.ts';
import { Seal } from '../../src/statement/seal.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import { verifyReceipt } from '../../verifier/index.ts';
import { toolManifest } from '../policy/support.ts';
import { assay } from '../support/cli.ts';
import { frame } from '../support/frames.ts';
import { rawTls } from '../server/support.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-e2e-'));
const running: System[] = [];
const clients: AssayClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const system of running.splice(0)) await system.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Copies, so that another build or service of this checkout changes nothing in the middle. */
const home = installationOf(devHome());

function installationOf(built: DevHome): DevHome {
  const own = (name: string): string => join(folder, name);
  const copies = {
    image: own('enclave.img'),
    measurements: own('measurements.json'),
    keyPolicy: own('key-policy.json'),
    simulator: own('simulator'),
  };
  for (const part of Object.keys(copies) as (keyof typeof copies)[])
    cpSync(built[part], copies[part], { recursive: true });
  return { ...built, ...copies };
}

const authority = readAuthorityKey(home.authorityKey);
const identity = createClientIdentity();
const trust = buildTrustPolicy(
  readMeasurements(new Uint8Array(readFileSync(home.measurements)), home.measurements),
  {
    anyService: false,
  },
);

const bundle = encodeBundle({
  version: 1,
  tenant: 'acme',
  manifest: toolManifest(
    {
      type: 'custom',
      adapter: 'assay/rules/v1',
      rules: [{ id: 'small', when: [{ path: '$policy_target.cents', lte: 5_000 }], decision: 'allow' }],
    },
    ['pay'],
  ),
  principals: [{ id: 'one', tenant: 'acme', agent: 'agent-1', key: toHex(identity.principal) }],
});

const order = encodeSignedOrder(
  signOrder(
    authority,
    'policy',
    encodePolicyOrder({
      origin: ORIGIN,
      tenant: 'acme',
      version: 1,
      previous: null,
      bundleDigest: nodeCrypto.sha256(bundle),
      notAfter: Date.now() + 3_600_000,
    }),
  ),
);

/** What the enclave said on its console, of the last start. */
let said: string[] = [];

async function launch(store: string, changes: Partial<SystemOptions> = {}): Promise<System> {
  said = [];
  const lines = said;
  const system = await launchSystem({
    simulator: home.simulator,
    image: home.image,
    store: join(folder, store),
    genesis: genesisOrder(authority, Date.now()),
    keyPolicy: home.keyPolicy,
    onConsole: (line) => lines.push(line),
    ...changes,
  });
  running.push(system);
  return system;
}

async function stop(system: System): Promise<void> {
  running.splice(running.indexOf(system), 1);
  await system.stop();
}

async function open({ url }: System, options: Partial<ConnectOptions> = {}): Promise<AssayClient> {
  const client = await connect(url, { trust, identity, ...options });
  clients.push(client);
  return client;
}

const pay = (cents: number) => ({
  interventionPoint: 'pre_tool_call',
  snapshot: { tool_call: { name: 'pay', args: { cents } } },
  audience: 'shop.example',
});

describe('a service', () => {
  it('decides, seals, and goes on after a restart where it was', async () => {
    const first = await launch('life');
    const one = await open(first);
    expect(one.service).toMatchObject({ origin: ORIGIN, simulated: true, epoch: 1 });
    await expect(one.decide(pay(1))).toRejectWith('POLICY_MISSING');
    const loaded = await one.loadPolicy(order, bundle);
    expect(loaded.version).toBe(1);
    await expect(one.loadPolicy(order, bundle)).toRejectWith('ORDER_OUT_OF_SEQUENCE');
    const allowed = await one.decide(pay(1_999));
    expect(allowed).toMatchObject({ decision: 'allow', rule: 'small' });
    expect((await one.decide(pay(9_999))).decision).toBe('deny');
    await expect(one.decide({ ...pay(1), nonce: new Uint8Array(4) })).toRejectWith('REQUEST_INVALID');
    await expect(one.receipt(1_000)).toRejectWith('LOG_INDEX_UNKNOWN');

    const challenge = new Uint8Array(32).fill(9);
    const seal = await one.seal(challenge);
    expect(parseNitro(seal.evidence).userData).toEqual(bind(nodeCrypto, DOMAINS.seal, seal.statement));
    expect(Seal.decode(seal.statement)).toMatchObject({ origin: ORIGIN, epoch: 1, refused: 1 });
    await expect(one.seal(new Uint8Array(31))).toRejectWith('CHALLENGE_INVALID');
    const before = await one.status();
    expect(before).toMatchObject({
      state: 'SERVING',
      code: '',
      simulated: true,
      epoch: 1,
      policyVersion: 1,
      refused: 1,
      witness: 'UNWITNESSED',
    });
    expect(before.seals).toBeGreaterThanOrEqual(1);
    await stop(first);

    const two = await open(await launch('life'));
    expect(two.service).toMatchObject({ epoch: 2, keyring: one.service.keyring });
    expect(two.service.bootId).not.toEqual(one.service.bootId);
    const after = await two.status();
    expect(after.policyVersion).toBe(1);
    expect(after.size).toBeGreaterThanOrEqual(before.size + 1);
    // The old receipt is good under the boot that gave it, and only there; the new boot gives one for the same leaf.
    await verifyReceipt(allowed.receipt, one.service, nodeCrypto);
    await expect(verifyReceipt(allowed.receipt, two.service, nodeCrypto)).toRejectWith(
      'RECEIPT_EPOCH_MISMATCH',
    );
    const again = await two.receipt(allowed.receipt.index);
    expect(again.leaf).toEqual(allowed.receipt.leaf);
    expect((await two.decide(pay(5))).leaf).toMatchObject({ epoch: 2, rule: 'small' });
    await expect(two.loadPolicy(order, bundle)).toRejectWith('ORDER_OUT_OF_SEQUENCE');
    await sealNow(two);
    const { size } = await two.status();
    const copy = join(folder, 'life-audit');
    cpSync(join(folder, 'life'), `${copy}-store`, { recursive: true });
    const report = await auditCopy({ trust }, await copyLog(join(folder, 'life'), copy, size), []);
    expect(report.verdict).toBe('trusted');
  });

  it("without the keyring or order is locked, and with another service's is too", async () => {
    const store = 'locked';
    const first = await launch(store);
    await stop(first);
    const keyring = join(folder, store, 'keyring');
    writeFileSync(keyring, readFileSync(keyring).subarray(0, 100));
    await expect(launch(store)).toRejectWith('KEYRING_INVALID');
    rmSync(keyring);
    // A new keyring is made under the order, and does not continue the log of the old one.
    expect(await launch(store).then(() => 'STARTED', codeOf)).toMatch(
      /^(EPOCH_UNACCEPTABLE|RECOVERY_HEAD_INVALID)$/,
    );
    await expect(launch('none', { genesis: new Uint8Array(0) })).rejects.toThrow();
    const late = genesisOrder(authority, Date.now() - 2 * 86_400_000);
    await expect(launch('late', { genesis: late })).toRejectWith('ORDER_EXPIRED');
    expect(existsSync(join(folder, 'late', 'keyring'))).toBe(false);
  });

  it('starts under a genesis order that assay policy genesis has signed', async () => {
    const order = join(folder, 'genesis.order');
    const signing = ['policy', 'genesis', '--key', home.authorityKey, '--origin', ORIGIN];
    const made = await assay([...signing, '--not-after', '+1d', '-o', order], { now: Date.now() });
    expect([made.status, made.err]).toEqual([0, '']);
    await launch('signed', { genesis: new Uint8Array(readFileSync(order)) });
    expect(existsSync(join(folder, 'signed', 'keyring'))).toBe(true);
  });

  it('whose store withholds or swaps the bundle does not start: POLICY_MISSING', async () => {
    const first = await launch('withheld');
    const one = await open(first);
    await one.loadPolicy(order, bundle);
    await stop(first);
    const object = join(folder, 'withheld', 'objects', toHex(nodeCrypto.sha256(bundle)));
    const genuine = readFileSync(object);
    writeFileSync(object, Buffer.from(genuine.toString().replace('5000', '9000')));
    await expect(launch('withheld')).toRejectWith('POLICY_MISSING');
    rmSync(object);
    await expect(launch('withheld')).toRejectWith('POLICY_MISSING');
    writeFileSync(object, genuine);
    expect((await (await open(await launch('withheld'))).status()).policyVersion).toBe(1);
  });

  it('whose clock was set back does not start: CLOCK_BEFORE_LOG', async () => {
    await stop(await launch('clock'));
    await expect(launch('clock', { clockOffsetMs: -600_000 })).toRejectWith('CLOCK_BEFORE_LOG');
  });

  it('says nothing on its console but what the console may say', async () => {
    const client = await open(await launch('console'));
    await client.loadPolicy(order, bundle);
    await client.decide(pay(4_111));
    const events = said
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['booting', 'measured', 'keyring', 'recovered', 'booted', 'serving']),
    );
    expect(said.join('\n')).not.toContain('4111');
    expect(said.join('\n')).not.toContain('tool_call');
  });
});

describe('faulty hardware', () => {
  it.each([
    ['debug', 'KEY_RELEASE_DENIED', 'NITRO_DEBUG_MODE'],
    ['expired-leaf', 'KMS_REQUEST_REFUSED', 'CHAIN_EXPIRED'],
    ['wrong-root', 'KMS_REQUEST_REFUSED', 'CHAIN_ROOT_UNTRUSTED'],
  ])(
    'with %s gets no key (%s), and with a colluding custodian no client (%s)',
    async (fault, denied, refused) => {
      await expect(launch(`${fault}-1`, { faults: [fault] })).toRejectWith(denied as never);
      const system = await launch(`${fault}-2`, { faults: [fault], custodianColludes: true });
      await expect(open(system)).toRejectWith(refused as never);
    },
  );

  it('that replays nonces is refused by whoever asks for a fresh quote: CHALLENGE_MISMATCH', async () => {
    const system = await launch('replayed', { faults: ['replayed-nonce'] });
    await expect(open(system, { fresh: true })).toRejectWith('CHALLENGE_MISMATCH');
  });

  it('that takes 2 s for a quote slows no decision, and leaves no gap in the chain of seals', async () => {
    const system = await launch('slow', { faults: ['slow-quotes=2000'] });
    const client = await open(system, { timeoutMs: 30_000 });
    await client.loadPolicy(order, bundle);
    const sealing = client.seal(new Uint8Array(32).fill(1));
    const started = performance.now();
    const attesting = [1, 2, 3].map(() => open(system, { fresh: true, timeoutMs: 30_000 }));
    const times: number[] = [];
    for (let i = 0; i < 60; i++) {
      const before = performance.now();
      await client.decide(pay(i));
      times.push(performance.now() - before);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const fresh = await Promise.all(attesting);
    expect(performance.now() - started).toBeGreaterThan(2_000);
    // The first asks for a quote at once; those that come meanwhile share the next one.
    expect(new Set(fresh.map(({ service }) => toHex(service.evidenceDigest))).size).toBeLessThanOrEqual(2);
    const sorted = times.toSorted((a, b) => a - b);
    expect(sorted[30]).toBeLessThan(250);
    expect(sorted[59]).toBeLessThan(1_500);
    const sealed = Seal.decode((await sealing).statement);
    expect(sealed.treeSize).toBeLessThan((await client.status()).size);
    await stop(system);
    const next = await open(await launch('slow'));
    await sealNow(next);
    const { size } = await next.status();
    const report = await auditCopy(
      { trust },
      await copyLog(join(folder, 'slow'), join(folder, 'slow-audit'), size),
      [],
    );
    expect(report.verdict).toBe('trusted');
  });
});

describe('a stranger', () => {
  let system: System | undefined;
  beforeAll(async () => {
    system = await launch('stranger');
    // One for all tests here.
    running.splice(running.indexOf(system), 1);
    const client = await open(system);
    await client.loadPolicy(order, bundle);
  });
  afterAll(() => system?.stop());

  it('gets evidence, checkpoint, seal and status, and nothing else', async () => {
    const { url } = system as System;
    const channel = await openChannel(url, { tls: {} });
    const none = new Uint8Array(0);
    expect((await channel.call(Enclave.Status, {})).state).toBe('SERVING');
    expect((await channel.call(Enclave.GetCheckpoint, {})).note).toContain(ORIGIN);
    expect(
      (await channel.call(Enclave.GetSeal, { number: null, challenge: new Uint8Array(32) })).number,
    ).toBeGreaterThan(0);
    expect((await channel.call(Enclave.GetSeal, { number: 1, challenge: none })).number).toBe(1);
    const decide = {
      interventionPoint: 'pre_tool_call',
      snapshot: none,
      audience: '',
      nonce: none,
      requiredLevel: 0,
      validForMs: 1,
      session: none,
      parent: null,
      labels: [],
    };
    const cases: [string, () => Promise<unknown>][] = [
      ['PRINCIPAL_UNKNOWN', () => channel.call(Enclave.Decide, decide)],
      ['PRINCIPAL_UNKNOWN', () => channel.call(Enclave.GetReceipt, { index: 0 })],
      ['SEAL_UNKNOWN', () => channel.call(Enclave.GetSeal, { number: 9_999, challenge: none })],
      ['SEAL_UNKNOWN', () => channel.call(Enclave.GetSeal, { number: 0, challenge: none })],
      [
        'CHALLENGE_INVALID',
        () => channel.call(Enclave.GetSeal, { number: null, challenge: new Uint8Array(31) }),
      ],
      ['CHALLENGE_INVALID', () => channel.call(Enclave.Attest, { challenge: none, fresh: true })],
      [
        'CHALLENGE_INVALID',
        () => channel.call(Enclave.Attest, { challenge: new Uint8Array(1_000), fresh: false }),
      ],
      ['ORDER_OUT_OF_SEQUENCE', () => channel.call(Enclave.LoadPolicy, { order, bundle })],
      ['ORDER_BUNDLE_MISMATCH', () => channel.call(Enclave.LoadPolicy, { order, bundle: none })],
    ];
    for (const [code, call] of cases) expect(await call().then(() => 'ANSWERED', codeOf), code).toBe(code);
    const garbage = await channel
      .call(Enclave.LoadPolicy, { order: none, bundle: none })
      .then(() => 'LOADED', codeOf);
    expect(garbage).not.toBe('INTERNAL');
    expect(garbage).not.toBe('LOADED');
    channel.close();
    const other = await openChannel(url, { tls: createClientIdentity() });
    expect(await other.call(Enclave.Decide, decide).then(() => 'ANSWERED', codeOf)).toBe('PRINCIPAL_UNKNOWN');
    const { refused } = await other.call(Enclave.Status, {});
    expect(refused).toBeGreaterThanOrEqual(2);
    other.close();
  });

  it('cannot bring the service down with bytes', async () => {
    const random = nodeCrypto.sha512(Uint8Array.of(1));
    const hostile: Uint8Array[] = [
      random,
      new Uint8Array(10),
      new Uint8Array(5_000).fill(0xff),
      frame(1, random),
      frame(2, random),
      frame(1, random, { type: 9 }),
      frame(1, random, { flags: 3 }),
      frame(1, new Uint8Array(0), { type: 2 }),
      frame(1, new Uint8Array(0), { length: 0xffff_ffff }),
    ];
    for (const bytes of hostile) {
      const socket = await rawTls((system as System).enclave.slice('unix:'.length));
      socket.write(bytes);
      await new Promise((resolve) => setTimeout(resolve, 30));
      socket.destroy();
    }
    expect((await (await open(system as System)).decide(pay(1))).decision).toBe('allow');
  });
});

describe('programs', () => {
  it('that are not built say so: NOT_BUILT', async () => {
    await expect(startProgram('nothing', 'host/none/main.js', [])).toRejectWith('NOT_BUILT');
  });

  it('that refuse say it with their own code', async () => {
    await expect(startProgram('store', 'host/store/main.js', ['--never'])).toRejectWith('USAGE');
    const corrupt = join(folder, 'corrupt.img');
    writeFileSync(corrupt, 'no image');
    await expect(launch('corrupt', { image: corrupt })).rejects.toThrow(/./);
  });

  it('that end without a word are PROGRAM_FAILED', async () => {
    await expect(startProgram('index', 'src/base/index.js', [])).toRejectWith('PROGRAM_FAILED');
  });
});
