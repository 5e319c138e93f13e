/**
 * Mutations of what the log is made of. Whatever is still accepted says exactly what the original said; nothing
 * but typed errors comes out; and no mutated audit bundle is trusted with other facts than the honest one.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { equalBytes, utf8 } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  decodeEntries,
  decodeLeaf,
  decodeNote,
  draftLeaf,
  encodeEntries,
  encodeLeaf,
  formatNote,
  formatReceipt,
  formatReceiptFile,
  formatSealFile,
  formatTlogProof,
  openCheckpoint,
  parseNote,
  parseReceipt,
  parseReceiptFile,
  parseSealFile,
  parseTlogProof,
  parseVkey,
  verifyCheckpoint,
} from '../../src/log/index.ts';
import { auditLog, type AuditReport } from '../../verifier/audit/index.ts';
import { verifyReceipt } from '../../verifier/receipt.ts';
import { cborSpans, MUTATIONS, mutate, mutateAsync, SEED } from '../support/mutate.ts';
import { decisionDraft, judgeOf, TestLog } from '../support/log.ts';
import { placeLeaf } from '../../src/log/leaf.ts';

const counts: string[] = [];
afterAll(() => console.log(`mutations of the log, ASSAY_SEED=${SEED}: ${counts.join(', ')}`));

function note(format: string, made: number, accepted: number): void {
  counts.push(`${format} ${made} (${accepted} still valid)`);
  expect(made).toBeGreaterThan(0);
}

/** The value, or null for a typed refusal of any kind. */
function tried<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof AssayError) return null;
    throw error;
  }
}

async function triedAsync<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof AssayError) return null;
    throw error;
  }
}

function smallLog(): TestLog {
  const log = new TestLog();
  log.startEpoch();
  log.loadPolicy();
  for (let i = 0; i < 9; i++) log.decide({ decision: i % 2 === 0 ? 'allow' : 'deny' });
  log.seal();
  log.startEpoch();
  for (let i = 0; i < 9; i++) log.decide();
  log.seal();
  return log;
}

const log = smallLog();
const text = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

describe('mutations', () => {
  it('leaves: one encoding', () => {
    const full = placeLeaf(
      decisionDraft({
        labels: ['a', 'b'],
        effects: [{ counter: 'spend', amount: -5, window: 'day' }],
        commitments: { field: new Uint8Array(32) },
        blobs: [new Uint8Array(32)],
        userCommitment: new Uint8Array(32),
        modelDigest: new Uint8Array(32),
        parent: 3,
      }),
      { index: 7, epoch: 1, time: 5 },
    );
    const reference = placeLeaf(
      draftLeaf({ kind: 'seal_ref', references: { statement: new Uint8Array(32) } }),
      {
        index: 8,
        epoch: 1,
        time: 6,
      },
    );
    let accepted = 0;
    const made = mutate(
      'leaf',
      [encodeLeaf(full), encodeLeaf(reference)],
      ({ bytes }) => {
        const leaf = tried(() => decodeLeaf(bytes));
        if (leaf === null) return;
        accepted++;
        expect(equalBytes(encodeLeaf(leaf), bytes)).toBe(true);
      },
      { spans: cborSpans },
    );
    note('leaf', made, accepted);
  });

  it('entry bundles: one encoding', () => {
    let accepted = 0;
    const made = mutate('bundle', [encodeEntries(log.leaves.slice(0, 5))], ({ bytes }) => {
      const entries = tried(() => decodeEntries(bytes, 5));
      if (entries === null) return;
      accepted++;
      expect(equalBytes(encodeEntries(entries), bytes)).toBe(true);
    });
    note('bundle', made, accepted);
  });

  it('notes: one text; verification keys: one text', () => {
    let accepted = 0;
    const made = mutate(
      'note',
      [utf8(log.checkpoint()), utf8(log.checkpoint(3, log.epochs[0]))],
      ({ bytes }) => {
        const read = tried(() => ({ text: decodeNote(bytes), note: parseNote(decodeNote(bytes)) }));
        if (read === null) return;
        accepted++;
        expect(formatNote(read.note)).toBe(read.text);
      },
    );
    note('note', made, accepted);
    const vkey = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8';
    const keys = mutate('vkey', [utf8(vkey)], ({ bytes }) => {
      const key = tried(() => parseVkey(nodeCrypto, text(bytes)));
      if (key !== null) expect(text(bytes)).toBe(vkey);
    });
    note('vkey', keys, 0);
  });

  it('checkpoints: no other head under the same keys', async () => {
    const { service } = log.current;
    const keys = {
      origin: log.origin,
      logKey: log.log.raw,
      epoch: service.epoch,
      epochKey: service.epochKey,
    };
    const head = log.head();
    let accepted = 0;
    const made = await mutateAsync('checkpoint', [utf8(log.checkpoint())], async ({ bytes }) => {
      const found = await triedAsync(async () =>
        verifyCheckpoint(openCheckpoint(decodeNote(bytes)), keys, nodeCrypto),
      );
      if (found === null) return;
      accepted++;
      expect({ ...found, epoch: null }).toEqual({ ...head, epoch: null });
    });
    note('checkpoint', made, accepted);
  });

  it('receipts: no other leaf, no other place', async () => {
    const receipt = log.receipt(5);
    const proof = utf8(formatReceipt(receipt));
    let accepted = 0;
    const made = await mutateAsync('receipt', [proof], async ({ bytes }) => {
      const parsed = tried(() => parseTlogProof(text(bytes)));
      if (parsed !== null && bytes.every((byte) => byte < 0x80))
        expect(formatTlogProof(parsed)).toBe(text(bytes));
      const verified = await triedAsync(async () =>
        verifyReceipt(parseReceipt(text(bytes)), log.current.service, nodeCrypto),
      );
      if (verified === null) return;
      accepted++;
      expect(toHex(encodeLeaf(verified.leaf))).toBe(toHex(receipt.leaf));
      expect(verified.checkpoint).toMatchObject({ origin: log.origin, size: log.size });
    });
    note('receipt', made, accepted);
  });

  it('receipt and seal files: no untyped error, and what is read is written back alike', () => {
    const seal = log.seals[0]!.file;
    const file = { receipt: log.receipt(5), attestation: log.current.attestation, seal };
    let accepted = 0;
    const made = mutate('receipt file', [utf8(formatReceiptFile(file))], ({ bytes }) => {
      const read = tried(() => parseReceiptFile(bytes));
      if (read === null) return;
      accepted++;
      expect(parseReceiptFile(formatReceiptFile(read))).toEqual(read);
    });
    note('receipt file', made, accepted);
    const seals = mutate('seal file', [utf8(formatSealFile(seal))], ({ bytes }) => {
      const read = tried(() => parseSealFile(bytes));
      if (read !== null) expect(parseSealFile(formatSealFile(read))).toEqual(read);
    });
    note('seal file', seals, 0);
  });

  it('audit bundles: never trusted with other facts', async () => {
    const files = log.files();
    const paths = [...files.keys()];
    const audit = (changed: ReadonlyMap<string, Uint8Array>): Promise<AuditReport> =>
      auditLog(
        { read: async (path) => changed.get(path) ?? null },
        { judgeEpoch: judgeOf(log), crypto: nodeCrypto, receipts: [], trustSha256: null },
      );
    const honest = await audit(files);
    expect(honest.verdict).toBe('trusted');
    let accepted = 0;
    let made = 0;
    for (const path of paths)
      made += await mutateAsync(
        `bundle ${path}`,
        [files.get(path)!],
        async ({ bytes }) => {
          const report = await audit(new Map(files).set(path, bytes));
          if (report.verdict !== 'trusted') return;
          accepted++;
          expect(report).toEqual(honest);
        },
        { count: Math.ceil(MUTATIONS / paths.length) },
      );
    note('audit bundle', made, accepted);
  });
});
