import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../host/cli/main.ts';
import type { Io } from '../../host/cli/io.ts';
import { exportBundle } from '../../host/audit/index.ts';
import { toHex } from '../../src/base/hex.ts';
import { formatReceiptFile } from '../../src/log/index.ts';
import { localStore, TestService, testFolder, testStore } from '../support/ledger.ts';
import { decisionDraft, TestLog } from '../support/log.ts';
import { MEASURED, simulatedMachine, type SimulatedMachine } from '../support/simulated.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-audit-'));
afterAll(() => rmSync(folder, { recursive: true }));

const HOUR = 3_600_000;
let machine: SimulatedMachine;
let log: TestLog;

const quote = (binding: Uint8Array): Promise<Uint8Array> =>
  machine.module.attest(machine.registers, { userData: binding, nonce: null, publicKey: null });

async function startEpoch(): Promise<void> {
  const draft = log.draftEpoch();
  log.enterEpoch(draft, await quote(draft.binding));
}

async function seal(): Promise<void> {
  const draft = log.draftSeal();
  log.enterSeal(draft, await quote(draft.binding));
}

/** A service on simulated Nitro hardware: two boots, three seals, 300 decisions. */
beforeAll(async () => {
  machine = await simulatedMachine();
  log = new TestLog({ platform: 'nitro', time: machine.now });
  await startEpoch();
  log.loadPolicy();
  for (let i = 0; i < 150; i++) log.decide({ notAfter: machine.now + 120_000 });
  await seal();
  await startEpoch();
  for (let i = 0; i < 150; i++) log.decide({ notAfter: machine.now + 120_000 });
  await seal();
});

function write(path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), bytes);
}

function writeStore(name: string): string {
  for (const [path, bytes] of log.files()) if (path !== 'index.json') write(`${name}/${path}`, bytes);
  write(`${name}/objects/${'ab'.repeat(32)}`, 'object');
  write(`${name}/keyring`, 'sealed');
  return join(folder, name);
}

function trustFile(change: Record<string, unknown> = {}): string {
  const [root] = machine.roots;
  const trust = {
    version: 1,
    service: {
      origin: log.origin,
      config_digest: toHex(log.epochs[0]!.service.configDigest),
      policy_authorities: 'any',
    },
    hardware: { ids: 'any' },
    platforms: { nitro: { pcrs: { 0: [toHex(MEASURED.pcr0)] }, debug: 'reject', partitions: 'any' } },
    freshness: { max_age_seconds: 300, nonce: 'session' },
    revocation: 'any',
    simulated: { roots: [{ platform: 'nitro', spki_sha256: root!.spkiSha256, name: root!.name }] },
    witnesses: 'none',
    ...change,
  };
  write('trust.json', JSON.stringify(trust));
  return join(folder, 'trust.json');
}

async function assay(
  args: readonly string[],
  now = machine.now + 60_000,
): Promise<{ status: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const io: Io = {
    stdin: async () => new Uint8Array(0),
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    isTty: false,
    now: () => now,
  };
  return { status: await main(args, io), out, err };
}

let counter = 0;
const fresh = (): string => join(folder, `bundle-${counter++}`);

describe('assay audit', () => {
  it('exports a store and trusts the log on simulated hardware whose root the policy names', async () => {
    const target = fresh();
    const exported = await assay(['audit', 'export', writeStore('store'), '-o', target]);
    expect(exported).toMatchObject({ status: 0, err: '' });
    expect(exported.out).toContain(`${log.size} leaves, 2 epochs, 2 seals`);
    expect(readdirSync(target).sort()).toEqual(['epochs', 'index.json', 'log', 'objects', 'seals']);
    const human = await assay(['audit', 'verify', target, '--trust', trustFile()]);
    expect(human.err).toBe('');
    expect(human.status).toBe(0);
    expect(human.out).toContain('TRUSTED  VERIFIED, UNWITNESSED');
    const json = await assay(['audit', 'verify', target, '--trust', trustFile(), '--json']);
    expect(JSON.parse(json.out)).toMatchObject({
      verdict: 'trusted',
      simulated: true,
      size: log.size,
      seals: { count: 2, quoted: 2 },
      leaves: { decisions: { allow: 300 } },
    });
  });

  it('cuts what the store has published since to one checkpoint', async () => {
    const store = writeStore('growing');
    const size = log.size - 20;
    write('growing/log/checkpoint', log.checkpoint(size));
    const target = fresh();
    expect(await exportBundle(store, target)).toMatchObject({ size, seals: 1 });
    const report = JSON.parse(
      (await assay(['audit', 'verify', target, '--trust', trustFile(), '--json'])).out,
    );
    expect(report).toMatchObject({
      verdict: 'trusted',
      size,
      grades: ['VERIFIED', 'UNSEALED_TAIL', 'UNWITNESSED'],
    });
  });

  it('waits a moment for decisions that are durable and not published', async () => {
    using home = testFolder();
    const dir = join(home.path, 'store');
    const store = testStore(dir);
    const { ledger } = await new TestService().boot(
      localStore(() => store),
      { publishEveryMs: 3_600_000 },
    );
    const { index } = await ledger.append(decisionDraft());
    setTimeout(() => void ledger.publish(), 100);
    expect(await exportBundle(dir, fresh())).toMatchObject({ size: index + 1, unpublished: 0 });
    // Nobody publishes these two.
    await ledger.append(decisionDraft());
    await ledger.append(decisionDraft());
    const target = fresh();
    const { status, err } = await assay(['audit', 'export', dir, '-o', target]);
    expect(status).toBe(0);
    expect(err).toContain(`the last 2 of ${index + 3} leaves; start the service, and export again`);
    expect(await exportBundle(dir, fresh())).toMatchObject({ size: index + 1, unpublished: 2 });
    await ledger.close();
    await store.close();
  });

  it('waits a moment for the seal that the last leaves name', async () => {
    const store = writeStore('sealing');
    const late = readFileSync(join(store, 'seals/2'));
    rmSync(join(store, 'seals/2'));
    setTimeout(() => writeFileSync(join(store, 'seals/2'), late), 100);
    const target = fresh();
    expect(await exportBundle(store, target)).toMatchObject({ seals: 2 });
    expect((await assay(['audit', 'verify', target, '--trust', trustFile()])).status).toBe(0);
  });

  it('is undetermined once the hardware certificates have expired: nothing else says when it was', async () => {
    const target = fresh();
    await exportBundle(writeStore('old'), target);
    const late = machine.now + 24 * 365 * HOUR;
    const report = await assay(['audit', 'verify', target, '--trust', trustFile(), '--json'], late);
    expect(report.status).toBe(4);
    expect(JSON.parse(report.out)).toMatchObject({ verdict: 'undetermined', code: 'TIME_UNANCHORED' });
    const then = new Date(machine.now + 60_000).toISOString();
    const at = await assay(['audit', 'verify', target, '--trust', trustFile(), '--at', then, '--json'], late);
    expect(at.status).toBe(0);
  });

  it.each([
    ['another root', { simulated: 'reject' }, 'CHAIN_ROOT_UNTRUSTED'],
    [
      'another image',
      { platforms: { nitro: { pcrs: { 0: ['11'.repeat(48)] }, debug: 'reject', partitions: 'any' } } },
      'NITRO_PCR_MISMATCH',
    ],
    [
      'another service',
      { service: { origin: 'sim.other', config_digest: 'any', policy_authorities: 'any' } },
      'SERVICE_ORIGIN_MISMATCH',
    ],
  ])('rejects %s', async (_what, change, code) => {
    const target = fresh();
    await exportBundle(writeStore('rejected'), target);
    const report = await assay(['audit', 'verify', target, '--trust', trustFile(change), '--json']);
    expect(report.status).toBe(1);
    const read = JSON.parse(report.out) as { verdict: string; code: string };
    expect(read.verdict).toBe('rejected');
    expect(read.code).toBe(code);
    expect(report.err).toContain(code);
  });

  it('finds a flipped byte, a missing seal and a receipt that the log does not hold', async () => {
    const target = fresh();
    await exportBundle(writeStore('attacked'), target);
    const receipt = { receipt: log.receipt(log.size - 1), attestation: log.current.attestation, seal: null };
    write('held.json', formatReceiptFile(receipt));
    const held = await assay([
      'audit',
      'verify',
      target,
      '--trust',
      trustFile(),
      '--receipt',
      join(folder, 'held.json'),
      '--json',
    ]);
    expect(JSON.parse(held.out)).toMatchObject({ verdict: 'trusted', receipts: 1 });

    const cut = fresh();
    write('attacked/log/checkpoint', log.checkpoint(152, log.epochs[0]!));
    await exportBundle(join(folder, 'attacked'), cut);
    const truncated = await assay([
      'audit',
      'verify',
      cut,
      '--trust',
      trustFile(),
      '--receipt',
      join(folder, 'held.json'),
      '--json',
    ]);
    expect(JSON.parse(truncated.out)).toMatchObject({ verdict: 'rejected', code: 'LOG_TRUNCATED' });

    const path = join(target, 'log/tile/entries/000');
    const bytes = readFileSync(path);
    bytes[5_000]! ^= 1;
    writeFileSync(path, bytes);
    const altered = await assay(['audit', 'verify', target, '--trust', trustFile(), '--json']);
    expect(JSON.parse(altered.out)).toMatchObject({ verdict: 'rejected', code: 'LOG_ALTERED' });

    rmSync(join(cut, 'seals/1'));
    const missing = await assay(['audit', 'verify', cut, '--trust', trustFile(), '--json']);
    expect(JSON.parse(missing.out)).toMatchObject({ verdict: 'rejected', code: 'SEAL_MISSING' });
  });

  it('says what is wrong with the command line, and writes nothing', async () => {
    const store = writeStore('usage');
    for (const [args, status, code] of [
      [['audit'], 2, ''],
      [['audit', 'destroy'], 2, 'USAGE'],
      [['audit', 'verify'], 2, 'USAGE'],
      [['audit', 'verify', store], 2, 'EXPECTATION_MISSING'],
      [['audit', 'verify', join(folder, 'nothing'), '--trust', trustFile()], 2, 'AUDIT_BUNDLE_INVALID'],
      [['audit', 'verify', store, '--trust', join(folder, 'none.json')], 2, 'FILE_UNREADABLE'],
      [['audit', 'verify', store, '--trust', trustFile(), '--receipt', trustFile()], 2, 'JSON_SHAPE'],
      [['audit', 'verify', store, '--trust', trustFile(), '--at', 'yesterday'], 2, 'USAGE'],
      [['audit', 'export', store], 2, 'USAGE'],
      [['audit', 'export', 'tcp://localhost:1', '-o', fresh()], 2, 'USAGE'],
      [['audit', 'export', store, '-o', folder], 1, 'AUDIT_EXPORT_FAILED'],
      [['audit', 'export', join(folder, 'nothing'), '-o', fresh()], 2, 'AUDIT_BUNDLE_INVALID'],
    ] as const) {
      const result = await assay(args);
      expect(`${args.join(' ')}: ${result.status} ${result.err}`).toContain(`${args.join(' ')}: ${status} `);
      expect(result.err).toContain(code);
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('assay receipt', () => {
  const file = (index: number): string => {
    const sealed = log.seals.at(-1)!;
    const size = sealed.statement.treeSize;
    write(
      'receipt.json',
      formatReceiptFile({
        receipt: log.receipt(index, size),
        attestation: log.current.attestation,
        seal: sealed.file,
      }),
    );
    return join(folder, 'receipt.json');
  };

  it('shows what was decided, by whom it was sealed, and whether it lets an action happen', async () => {
    const index = 200;
    const result = await assay(['receipt', 'verify', file(index), '--trust', trustFile(), '--json']);
    expect(result.err).toBe('');
    const report = JSON.parse(result.out) as { leaf: Record<string, string> };
    expect(report).toMatchObject({
      verdict: 'trusted',
      level: 1,
      notes: ['UNWITNESSED'],
      leaf: { decision: 'allow', index: 200 },
    });
    const { action, nonce, principal } = report.leaf;
    const gate = [
      '--audience',
      'tools.example.org',
      '--action',
      action!,
      '--nonce',
      nonce!,
      '--principal',
      principal!,
    ];
    const base = ['receipt', 'verify', file(index), '--trust', trustFile(), '--json', ...gate];
    expect((await assay([...base, '--level', '1'])).status).toBe(0);
    expect(JSON.parse((await assay([...base, '--level', '2'])).out)).toMatchObject({
      code: 'RECEIPT_LEVEL_TOO_LOW',
    });
    expect(JSON.parse((await assay(base)).out)).toMatchObject({ code: 'EXPECTATION_MISSING' });
    expect((await assay([...base, '--level', '3'])).status).toBe(2);
    const human = await assay(['receipt', 'verify', file(index), '--trust', trustFile()]);
    expect(human.out).toContain('TRUSTED');
    expect(human.out).toContain('decision');
  });

  it('refuses a leaf of an earlier epoch only for an action, and a forged attestation always', async () => {
    expect((await assay(['receipt', 'verify', file(20), '--trust', trustFile()])).status).toBe(0);
    const rejected = await assay([
      'receipt',
      'verify',
      file(20),
      '--trust',
      trustFile({ simulated: 'reject' }),
      '--json',
    ]);
    expect(rejected.status).toBe(1);
    expect(JSON.parse(rejected.out)).toMatchObject({ verdict: 'rejected', code: 'CHAIN_ROOT_UNTRUSTED' });
    const late = await assay(
      ['receipt', 'verify', file(20), '--trust', trustFile(), '--json'],
      machine.now + 9_000 * HOUR,
    );
    expect(late.status).toBe(4);
    expect(JSON.parse(late.out)).toMatchObject({ verdict: 'undetermined', code: 'TIME_UNANCHORED' });
  });

  it('says what is wrong with the command line', async () => {
    for (const [args, status] of [
      [['receipt'], 2],
      [['receipt', 'burn'], 2],
      [['receipt', 'verify'], 2],
      [['receipt', 'verify', 'x'], 2],
      [['receipt', 'verify', join(folder, 'none'), '--trust', trustFile()], 2],
      [['receipt', 'verify', trustFile(), '--trust', trustFile()], 2],
      [['receipt', '--help'], 0],
      [['audit', 'verify', '--help'], 0],
      [['audit', '--help'], 0],
    ] as const)
      expect(`${args.join(' ')}: ${(await assay(args)).status}`).toBe(`${args.join(' ')}: ${status}`);
  });
});
