import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { type Code, fail } from '../../src/base/errors.ts';
import {
  decodeEntries,
  decodeLeaf,
  draftLeaf,
  encodeEntries,
  encodeLeaf,
  encodeTile,
  entriesPath,
  formatCheckpoint,
  formatSealFile,
  leafHash,
  type ReceiptFile,
  signCheckpoint,
  signNote,
  tilePath,
} from '../../src/log/index.ts';
import { formatAttestation } from '../../src/statement/attestation.ts';
import {
  type AuditReader,
  type AuditReport,
  auditLog,
  formatBundleIndex,
} from '../../verifier/audit/index.ts';
import { decisionDraft, judgeOf, type TestEpoch, TestLog, testKey } from '../support/log.ts';

type Files = Map<string, Uint8Array>;

const readerOf = (files: Files): AuditReader => ({
  read: async (path, maxBytes) => {
    const bytes = files.get(path) ?? null;
    if (bytes !== null && bytes.length > maxBytes) fail('AUDIT_BUNDLE_INVALID', `${path} is too long`);
    return bytes;
  },
});

async function audit(
  files: Files,
  log: TestLog,
  options: { receipts?: ReceiptFile[]; others?: TestLog[] } = {},
): Promise<AuditReport> {
  return auditLog(readerOf(files), {
    judgeEpoch: judgeOf(log, ...(options.others ?? [])),
    crypto: nodeCrypto,
    receipts: options.receipts ?? [],
    trustSha256: null,
  });
}

/** Two boots, 700 decisions, a seal every hundred, a policy change, and nothing unsealed at the end. */
function sampleLog(options: { seed?: TestLog } = {}): TestLog {
  const log = options.seed ?? new TestLog();
  log.startEpoch();
  log.loadPolicy('policy 1');
  for (let i = 0; i < 300; i++) {
    log.decide({ decision: i % 3 === 0 ? 'deny' : 'allow' });
    if (i % 100 === 50) log.seal();
  }
  log.loadPolicy('policy 2');
  log.seal();
  log.startEpoch();
  for (let i = 0; i < 400; i++) {
    log.decide();
    if (i % 100 === 50) log.seal();
  }
  log.seal();
  return log;
}

const receiptFile = (
  log: TestLog,
  index: number,
  size?: number,
  epoch: TestEpoch = log.current,
): ReceiptFile => ({
  receipt: { ...log.receipt(index, size), checkpoint: log.checkpoint(size, epoch) },
  attestation: epoch.attestation,
  seal: null,
});

/** Replaces one entry in the stored bundle, and in the hash tile too if asked. */
function replaceEntry(files: Files, log: TestLog, index: number, bytes: Uint8Array, hashesToo = false): void {
  const tile = Math.floor(index / 256);
  const width = Math.min(256, log.size - tile * 256);
  const path = `log/${entriesPath(tile, width)}`;
  const entries = decodeEntries(files.get(path)!, width);
  entries[index - tile * 256] = bytes;
  files.set(path, encodeEntries(entries));
  if (hashesToo)
    files.set(
      `log/${tilePath(0, tile, width)}`,
      encodeTile(entries.map((entry) => leafHash(nodeCrypto, entry))),
    );
}

describe('an honest log', () => {
  it('is trusted, and the report says what is in it and that nobody witnessed it', async () => {
    const log = sampleLog();
    const report = await audit(log.files(), log, {
      receipts: [receiptFile(log, 5), receiptFile(log, 400, 500)],
    });
    expect(report.findings.filter(({ code }) => code !== 'UNWITNESSED')).toEqual([]);
    expect(report).toMatchObject({
      verdict: 'trusted',
      code: null,
      grades: ['VERIFIED', 'UNWITNESSED'],
      origin: log.origin,
      simulated: true,
      size: log.size,
      unsealed: 0,
      seals: { count: 9, quoted: 9 },
      receipts: 2,
      waived: ['witnesses'],
      leaves: {
        decisions: { allow: 600, deny: 100 },
        kinds: { decision: 700, seal_ref: 9, epoch_start: 2, policy_change: 2 },
      },
    });
    expect(report.epochs.map(({ epoch, first_leaf }) => [epoch, first_leaf])).toEqual([
      [1, 0],
      [2, 307],
    ]);
  });

  it.each([1, 2, 255, 256, 257, 512, 513])('of %i leaves is trusted too', async (size) => {
    const log = new TestLog();
    log.startEpoch();
    if (size > 1) log.loadPolicy();
    while (log.size < size) log.decide();
    const report = await audit(log.files(), log);
    expect(report).toMatchObject({
      verdict: 'trusted',
      size,
      grades: ['VERIFIED', 'UNSEALED_TAIL', 'UNWITNESSED'],
    });
  });

  it('with thousands of leaves has hash tiles of two levels, which are compared', async () => {
    const log = new TestLog();
    log.startEpoch();
    const padding = encodeLeaf({ ...decodeLeaf(log.leaves[0]!), kind: 'padding', references: {} });
    expect(padding.length).toBeGreaterThan(0);
    while (log.size < 66_000) log.append(draftLeaf({ kind: 'padding' }));
    const files = log.files();
    expect((await audit(files, log)).verdict).toBe('trusted');
    for (const path of [
      'log/tile/1/000',
      'log/tile/1/001.p/1',
      'log/tile/2/000.p/1',
      'log/tile/0/257.p/208',
    ]) {
      const spoiled = new Map(files);
      const bytes = files.get(path)!.slice();
      bytes[bytes.length - 1]! ^= 1;
      spoiled.set(path, bytes);
      expect(await audit(spoiled, log)).toMatchObject({ verdict: 'rejected', code: 'TILE_MISMATCH' });
      spoiled.delete(path);
      expect((await audit(spoiled, log)).verdict).toBe('trusted');
    }
  });

  it('whose tail no seal covers says how long the tail is', async () => {
    const log = sampleLog();
    log.decide();
    log.decide();
    const report = await audit(log.files(), log);
    expect(report).toMatchObject({
      verdict: 'trusted',
      grades: ['VERIFIED', 'UNSEALED_TAIL', 'UNWITNESSED'],
      unsealed: 3,
    });
  });

  it('may have seals that the hardware never answered: a later one covers them', async () => {
    const log = new TestLog();
    log.startEpoch();
    log.loadPolicy();
    log.seal();
    log.decide();
    log.seal({ quoted: false });
    log.decide();
    log.seal();
    const report = await audit(log.files(), log);
    expect(report).toMatchObject({ verdict: 'trusted', seals: { count: 3, quoted: 2 }, unsealed: 0 });
  });

  it('whose evidence has expired since is only as old as it says itself', async () => {
    const log = sampleLog();
    const judge = judgeOf(log);
    const report = await auditLog(readerOf(log.files()), {
      judgeEpoch: async (attestation) => ({ ...(await judge(attestation)), anchored: false }),
      crypto: nodeCrypto,
      receipts: [],
      trustSha256: null,
    });
    expect(report).toMatchObject({
      verdict: 'undetermined',
      code: 'TIME_UNANCHORED',
      grades: ['VERIFIED', 'TIME_UNANCHORED', 'UNWITNESSED'],
    });
  });

  it('reports progress', async () => {
    const log = sampleLog();
    const seen: number[] = [];
    await auditLog(readerOf(log.files()), {
      judgeEpoch: judgeOf(log),
      crypto: nodeCrypto,
      receipts: [],
      trustSha256: null,
      onProgress: (done) => seen.push(done),
    });
    expect(seen).toEqual([256, 512, log.size]);
  });
});

/** The leaf with allow for deny, or the reverse. */
function flipped(log: TestLog, index: number): Uint8Array {
  const leaf = decodeLeaf(log.leaves[index]!);
  expect(leaf.kind).toBe('decision');
  return encodeLeaf({ ...leaf, decision: leaf.decision === 'allow' ? 'deny' : 'allow' });
}

/** Each attack on the stored log of `sampleLog`, and what the audit calls it. */
const ATTACKS: readonly [name: string, code: Code, attack: (files: Files, log: TestLog) => void][] = [
  [
    'a decision flipped in a stored tile',
    'LOG_ALTERED',
    (files, log) => replaceEntry(files, log, 42, flipped(log, 42)),
  ],
  [
    'a decision flipped, and the hash tile made to fit',
    'LOG_ALTERED',
    (files, log) => replaceEntry(files, log, 42, flipped(log, 42), true),
  ],
  [
    'one bit of the last leaf flipped',
    'LOG_ALTERED',
    (files, log) => {
      const bytes = log.leaves.at(-1)!.slice();
      bytes[bytes.length - 1]! ^= 1;
      replaceEntry(files, log, log.size - 1, bytes);
    },
  ],
  [
    'two leaves swapped',
    'LOG_REORDERED',
    (files, log) => {
      replaceEntry(files, log, 310, log.leaves[311]!, true);
      replaceEntry(files, log, 311, log.leaves[310]!, true);
    },
  ],
  [
    'another policy digest in a stored decision',
    'LOG_ALTERED',
    (files, log) =>
      replaceEntry(
        files,
        log,
        77,
        encodeLeaf({ ...decodeLeaf(log.leaves[77]!), policyDigest: new Uint8Array(32) }),
      ),
  ],
  ['an entry bundle withheld', 'LOG_TRUNCATED', (files) => void files.delete('log/tile/entries/001')],
  [
    'an older checkpoint and a tail cut off',
    'LOG_TRUNCATED',
    (files, log) => {
      files.set('log/checkpoint', utf8(log.checkpoint(400)));
      const entries = decodeEntries(files.get(`log/${entriesPath(1)}`)!, 256).slice(0, 144);
      files.set(`log/${entriesPath(1, 144)}`, encodeEntries(entries));
    },
  ],
  [
    'an entry bundle cut short',
    'TILE_INVALID',
    (files) => void files.set('log/tile/entries/000', files.get('log/tile/entries/000')!.slice(0, -1)),
  ],
  [
    'a stored hash tile that fits no entry',
    'TILE_MISMATCH',
    (files) => void files.set('log/tile/0/000', files.get('log/tile/0/000')!.slice().fill(7, 32, 64)),
  ],
  [
    'an older seal in the place of the newest',
    'SEAL_REPLAYED',
    (files) => void files.set('seals/9', files.get('seals/4')!),
  ],
  [
    'a newer seal in the place of an older',
    'SEAL_CHAIN_BROKEN',
    (files) => void files.set('seals/4', files.get('seals/9')!),
  ],
  ['a seal withheld', 'SEAL_MISSING', (files) => void files.delete('seals/3')],
  [
    'the last seals withheld and not mentioned',
    'SEAL_MISSING',
    (files) => void files.set('index.json', utf8(formatBundleIndex({ epochs: [1, 2], seals: 6 }))),
  ],
  [
    'a seal whose statement was changed',
    'SIGNATURE_INVALID',
    (files, log) => {
      const { file } = log.seals[8]!;
      const statement = file.statement.slice();
      const at = statement.indexOf(0x0d);
      expect(at).toBeGreaterThan(0);
      // The state digest is in no chain: only the hardware's signature is over it.
      const digest = log.seals[8]!.statement.stateDigest;
      const found = Buffer.from(statement).indexOf(Buffer.from(digest));
      statement[found]! ^= 1;
      files.set('seals/9', utf8(formatSealFile({ ...file, statement })));
    },
  ],
  [
    'the evidence of another seal',
    'SIGNATURE_INVALID',
    (files, log) =>
      void files.set(
        'seals/5',
        utf8(formatSealFile({ ...log.seals[4]!.file, evidence: log.seals[3]!.file.evidence })),
      ),
  ],
  [
    'a checkpoint that a thief of the log key signed',
    'NOT_HARDWARE_BOUND',
    (files, log) =>
      void files.set('log/checkpoint', utf8(signNote(formatCheckpoint(log.head()), [log.signers().log]))),
  ],
  [
    'a checkpoint that only the epoch key signed',
    'LOG_SIGNATURE_MISSING',
    (files, log) =>
      void files.set('log/checkpoint', utf8(signNote(formatCheckpoint(log.head()), [log.signers().epoch]))),
  ],
  [
    'a forged checkpoint',
    'NOTE_SIGNATURE_INVALID',
    (files, log) => {
      const { log: logSigner, epoch } = log.signers();
      const forger = { ...epoch, sign: testKey().signer.sign };
      files.set('log/checkpoint', utf8(signCheckpoint(log.head(), { log: logSigner, epoch: forger })));
    },
  ],
  [
    'a checkpoint of an epoch that is not there',
    'EPOCH_UNATTESTED',
    (files) => void files.set('index.json', utf8(formatBundleIndex({ epochs: [1], seals: 9 }))),
  ],
  [
    'an earlier epoch left out',
    'EPOCH_UNATTESTED',
    (files) => void files.set('index.json', utf8(formatBundleIndex({ epochs: [2], seals: 9 }))),
  ],
  [
    'no epoch at all',
    'EPOCH_UNATTESTED',
    (files) => void files.set('index.json', utf8(formatBundleIndex({ epochs: [], seals: 9 }))),
  ],
  ['an attestation withheld', 'EPOCH_UNATTESTED', (files) => void files.delete('epochs/1')],
  [
    'the attestation of another epoch',
    'EPOCH_UNATTESTED',
    (files) => void files.set('epochs/1', files.get('epochs/2')!),
  ],
  [
    'an attestation that is no JSON',
    'AUDIT_BUNDLE_INVALID',
    (files) => void files.set('epochs/1', utf8('{')),
  ],
  ['no index', 'AUDIT_BUNDLE_INVALID', (files) => void files.delete('index.json')],
  [
    'an index of another type',
    'AUDIT_BUNDLE_INVALID',
    (files) => void files.set('index.json', utf8('{"type":"x","epochs":[],"seals":0}')),
  ],
  [
    'an index out of order',
    'AUDIT_BUNDLE_INVALID',
    (files) => void files.set('index.json', utf8(formatBundleIndex({ epochs: [2, 1], seals: 0 }))),
  ],
  ['no checkpoint', 'AUDIT_BUNDLE_INVALID', (files) => void files.delete('log/checkpoint')],
  ['a checkpoint that is none', 'NOTE_INVALID', (files) => void files.set('log/checkpoint', utf8('text'))],
  ['a seal file that is none', 'AUDIT_BUNDLE_INVALID', (files) => void files.set('seals/1', utf8('{}'))],
  [
    'a seal whose statement is no record',
    'AUDIT_BUNDLE_INVALID',
    (files) =>
      void files.set('seals/1', utf8(formatSealFile({ statement: Uint8Array.of(0xa0), evidence: null }))),
  ],
];

describe('an attacked store', () => {
  it.each(ATTACKS)('%s is %s', async (_name, code, attack) => {
    const log = sampleLog();
    const files = log.files();
    attack(files, log);
    const report = await audit(files, log);
    expect(`${report.code}: ${report.findings[0]?.message}`).toContain(`${code}: `);
    expect(report.verdict).toBe('rejected');
    expect(report.grades[0]).toBe(code);
  });

  it('tells where it was altered: the range between two signed sizes, and the leaf if the hash tile is left', async () => {
    const log = sampleLog();
    const files = log.files();
    replaceEntry(files, log, 120, flipped(log, 120));
    const report = await audit(files, log);
    const [before, after] = [log.seals[0]!.statement.treeSize, log.seals[1]!.statement.treeSize];
    expect(report.findings[0]!.message).toContain(`leaves ${before}..${after - 1}`);
    expect(report.findings[0]!.message).toContain('leaf 120');
  });
});

describe('spliced boots', () => {
  it('an attestation of another boot with the same number and log key does not fit the seals or the leaves', async () => {
    const log = sampleLog();
    const twin = new TestLog();
    Object.assign(twin, { log: log.log, hardware: log.hardware });
    const files = log.files();
    files.set('epochs/1', utf8(formatAttestation(twin.startEpoch().attestation)));
    expect(await audit(files, log, { others: [twin] })).toMatchObject({ code: 'SEAL_SERVICE_MISMATCH' });
    const bare = new TestLog();
    bare.startEpoch();
    bare.startEpoch();
    const other = new TestLog();
    Object.assign(other, { log: bare.log, hardware: bare.hardware });
    const spliced = bare.files();
    spliced.set('epochs/1', utf8(formatAttestation(other.startEpoch().attestation)));
    expect(await audit(spliced, bare, { others: [other] })).toMatchObject({ code: 'EPOCH_SPLICED' });
  });
});

describe('receipts that the auditor holds', () => {
  it('show that the tail, its seals and its boot were cut off', async () => {
    const log = sampleLog();
    const receipts = [receiptFile(log, log.size - 1)];
    const cut = new TestLog();
    Object.assign(cut, { log: log.log, hardware: log.hardware });
    for (const bytes of log.leaves.slice(0, 307)) cut.appendBytes(bytes);
    cut.epochs.push(log.epochs[0]!);
    cut.seals.push(...log.seals.slice(0, 4));
    const files = cut.files();
    expect(await audit(files, log)).toMatchObject({ verdict: 'trusted', size: 307 });
    expect(await audit(files, log, { receipts })).toMatchObject({
      verdict: 'rejected',
      code: 'LOG_TRUNCATED',
    });
    // One whose leaf is there, under a head that is not.
    const early = [receiptFile(log, 10, log.size)];
    expect(await audit(files, log, { receipts: early })).toMatchObject({ code: 'LOG_TRUNCATED' });
  });

  it('show that the log was forked', async () => {
    const log = sampleLog();
    const other = new TestLog();
    Object.assign(other, { log: log.log, hardware: log.hardware });
    other.epochs.push(...log.epochs);
    for (const bytes of log.leaves.slice(0, 500)) other.appendBytes(bytes);
    other.time = decodeLeaf(log.leaves[499]!).time;
    other.append(decisionDraft({ decision: 'deny' }));
    const receipts = [receiptFile(other, 500)];
    expect(await audit(log.files(), log, { receipts })).toMatchObject({
      verdict: 'rejected',
      code: 'LOG_FORKED',
    });
    // A leaf that both histories share, under a head that only one has.
    expect(await audit(log.files(), log, { receipts: [receiptFile(other, 10)] })).toMatchObject({
      code: 'LOG_FORKED',
    });
  });

  it('show two boots of one epoch number', async () => {
    const log = sampleLog();
    const other = new TestLog();
    Object.assign(other, { log: log.log, hardware: log.hardware });
    const twin = other.startEpoch();
    const receipts = [receiptFile(other, 0, 1, twin)];
    expect(await audit(log.files(), log, { receipts, others: [other] })).toMatchObject({
      code: 'LOG_FORKED',
    });
  });

  it('must verify themselves', async () => {
    const log = sampleLog();
    const good = receiptFile(log, 5);
    const bad = { ...good, receipt: { ...good.receipt, index: 6 } };
    expect(await audit(log.files(), log, { receipts: [bad] })).toMatchObject({ code: 'INCLUSION_INVALID' });
  });
});

/** What code that runs measured and still writes a bad log is told. */
const FAULTS: readonly [name: string, code: Code, write: (log: TestLog) => void][] = [
  [
    'a leaf with another index',
    'LEAF_INDEX_MISMATCH',
    (log) => void log.append(draftLeaf({ kind: 'padding' }), { index: 40 }),
  ],
  [
    'a leaf from the past',
    'LEAF_TIME_BACKWARDS',
    (log) => void log.append(draftLeaf({ kind: 'padding' }), { time: 1 }),
  ],
  [
    'a leaf of another epoch',
    'EPOCH_SPLICED',
    (log) => void log.append(draftLeaf({ kind: 'padding' }), { epoch: 2 }),
  ],
  [
    'a decision under another policy',
    'POLICY_DIGEST_MISMATCH',
    (log) => void log.decide({ policyDigest: new Uint8Array(32) }),
  ],
  [
    'a decision for a tenant without one',
    'DECISION_WITHOUT_POLICY',
    (log) => void log.decide({ tenant: 'other', policyDigest: new Uint8Array(32) }),
  ],
  [
    'a change to a policy it does not name',
    'POLICY_DIGEST_MISMATCH',
    (log) =>
      void log.append(draftLeaf({ kind: 'policy_change', tenant: 'acme', policyDigest: new Uint8Array(32) })),
  ],
  [
    'a seal of another policy',
    'POLICY_DIGEST_MISMATCH',
    (log) => void log.seal({ fields: { policyDigest: null } }),
  ],
  ['a leaf that is no leaf', 'CBOR_TYPE', (log) => void log.appendBytes(utf8('leaf'))],
  [
    'a seal that no one has made',
    'SEAL_MISSING',
    (log) => void log.append(draftLeaf({ kind: 'seal_ref', references: { statement: new Uint8Array(32) } })),
  ],
  [
    'a seal with other evidence than was kept',
    'SEAL_EVIDENCE_MISMATCH',
    (log) => {
      log.seal({ leaf: false });
      const references = { statement: log.seals.at(-1)!.digest, evidence: new Uint8Array(32) };
      log.append(draftLeaf({ kind: 'seal_ref', references }));
    },
  ],
  ['a seal of a smaller tree', 'SEAL_CHAIN_BROKEN', (log) => void log.seal({ fields: { treeSize: 1 } })],
  ['a seal that is older', 'SEAL_CHAIN_BROKEN', (log) => void log.seal({ fields: { time: 1 } })],
  [
    'a seal over another previous size',
    'SEAL_CHAIN_BROKEN',
    (log) => void log.seal({ fields: { previousSize: 1 } }),
  ],
  ['a seal after no other', 'SEAL_CHAIN_BROKEN', (log) => void log.seal({ fields: { previousSeal: null } })],
  [
    'a seal of another configuration',
    'SEAL_SERVICE_MISMATCH',
    (log) => void log.seal({ fields: { configDigest: new Uint8Array(32) } }),
  ],
  [
    'a seal of another boot',
    'SEAL_SERVICE_MISMATCH',
    (log) => void log.seal({ fields: { bootId: new Uint8Array(32) } }),
  ],
  [
    'a seal with another root',
    'LOG_FORKED',
    (log) => void log.seal({ fields: { root: new Uint8Array(32) } }),
  ],
  [
    'a seal with a parent in the first epoch',
    'EPOCH_SPLICED',
    (log) => void log.seal({ fields: { parentSeal: new Uint8Array(32) } }),
  ],
  [
    'a boot from an older seal: rolled back',
    'EPOCH_SPLICED',
    (log) => {
      log.decide();
      log.seal();
      log.startEpoch({ parentSeal: log.seals[0]!.digest });
    },
  ],
  [
    'seals of a boot that descend from an older seal',
    'EPOCH_SPLICED',
    (log) => {
      log.startEpoch();
      log.seal({ fields: { parentSeal: null } });
    },
  ],
  [
    'an epoch that starts twice',
    'EPOCH_SPLICED',
    (log) => void log.append(draftLeaf({ kind: 'epoch_start' })),
  ],
  [
    'an epoch without its first leaf',
    'EPOCH_SPLICED',
    (log) => {
      log.startEpoch({ leaf: false });
      log.decide();
    },
  ],
  [
    'an epoch whose number goes back',
    'EPOCH_SPLICED',
    (log) => void log.append(draftLeaf({ kind: 'epoch_start' }), { epoch: 0 }),
  ],
];

describe('a log that the enclave itself wrote wrongly', () => {
  it.each(FAULTS)('%s is %s', async (_name, code, write) => {
    const log = new TestLog();
    log.startEpoch();
    log.loadPolicy();
    log.decide();
    log.seal();
    write(log);
    log.decide();
    const report = await audit(log.files(), log);
    expect(`${report.code}: ${report.findings[0]?.message}`).toContain(`${code}: `);
    expect(report.verdict).toBe('rejected');
  });

  it('in two epochs of two services', async () => {
    const log = new TestLog();
    log.startEpoch();
    const other = new TestLog();
    Object.assign(other, { hardware: log.hardware });
    other.startEpoch();
    other.startEpoch();
    log.epochs.push(other.epochs[1]!);
    expect(await audit(log.files(), log)).toMatchObject({ code: 'EPOCH_KEY_CHANGED' });
  });

  it('with a seal of a boot that no leaf begins', async () => {
    const log = new TestLog();
    log.startEpoch();
    log.seal();
    log.startEpoch({ leaf: false });
    log.seal({ leaf: false });
    expect(await audit(log.files(), log)).toMatchObject({ verdict: 'rejected', code: 'EPOCH_SPLICED' });
  });

  it('with a first leaf of a boot that names another boot or another attestation', async () => {
    for (const name of ['boot', 'attestation']) {
      const log = new TestLog();
      const { attestation, service } = log.startEpoch({ leaf: false });
      const references = {
        boot: service.bootId,
        attestation: nodeCrypto.sha256(utf8(formatAttestation(attestation))),
      };
      log.append(
        draftLeaf({ kind: 'epoch_start', references: { ...references, [name]: new Uint8Array(32) } }),
      );
      expect(await audit(log.files(), log)).toMatchObject({ verdict: 'rejected', code: 'EPOCH_SPLICED' });
    }
  });

  it('in two epochs of one log key and two names', async () => {
    const log = new TestLog();
    log.startEpoch();
    const { service, ...rest } = log.startEpoch();
    log.epochs[1] = { ...rest, service: { ...service, origin: 'sim.other.example' } };
    expect(await audit(log.files(), log)).toMatchObject({ code: 'EPOCH_KEY_CHANGED' });
  });

  it('whose origin does not say that it is simulated', async () => {
    const log = new TestLog();
    const { service, ...rest } = log.startEpoch();
    log.epochs[0] = { ...rest, service: { ...service, simulated: false } };
    expect(await audit(log.files(), log)).toMatchObject({ code: 'SIMULATED_MISMATCH' });
  });
});

describe('the judge', () => {
  it('has the last word on every epoch and every seal', async () => {
    const log = sampleLog();
    const stranger = new TestLog();
    expect(await audit(log.files(), stranger)).toMatchObject({
      verdict: 'rejected',
      code: 'STATEMENT_NOT_BOUND',
    });
    const judge = judgeOf(log);
    const report = await auditLog(readerOf(log.files()), {
      judgeEpoch: async (attestation) => ({
        ...(await judge(attestation)),
        judgeSeal: async () => fail('CHAIN_ROOT_UNTRUSTED', 'another root'),
      }),
      crypto: nodeCrypto,
      receipts: [],
      trustSha256: null,
    });
    expect(report).toMatchObject({ verdict: 'rejected', code: 'CHAIN_ROOT_UNTRUSTED' });
  });

  it('does not turn a fault of the reader into a verdict', async () => {
    const broken: AuditReader = { read: () => Promise.reject(new TypeError('disk')) };
    await expect(
      auditLog(broken, { judgeEpoch: judgeOf(), crypto: nodeCrypto, receipts: [], trustSha256: null }),
    ).rejects.toThrow(TypeError);
  });
});
