/** What a host can do to a log that it keeps, and what convicts it. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { type Code } from '../../src/base/errors.ts';
import {
  decodeEntries,
  decodeLeaf,
  encodeEntries,
  encodeLeaf,
  entriesPath,
  formatCheckpoint,
  formatSealFile,
  signCheckpoint,
  signNote,
} from '../../src/log/index.ts';
import { formatAttestation } from '../../src/statement/attestation.ts';
import { formatBundleIndex } from '../../verifier/audit/index.ts';
import { type Files, audit, sampleLog, receiptFile, replaceEntry } from '../support/audit.ts';
import { decisionDraft, TestLog, testKey } from '../support/log.ts';

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
