import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { decodeLeaf, draftLeaf, encodeLeaf } from '../../src/log/index.ts';
import { UNANCHORED_CLOCK } from '../../src/statement/seal.ts';
import { type AuditReader, auditLog } from '../../verifier/audit/index.ts';
import { readerOf, audit, sampleLog, receiptFile } from '../support/audit.ts';
import { judgeOf, TestLog } from '../support/log.ts';

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

  it('whose seals say that nothing anchored their clock is trusted, and says so: CLOCK_UNANCHORED', async () => {
    const log = new TestLog();
    log.startEpoch();
    log.loadPolicy();
    log.seal();
    const fields = { clockSource: UNANCHORED_CLOCK };
    for (let i = 0; i < 3; i++) log.seal({ fields });
    const report = await audit(log.files(), log);
    expect(report).toMatchObject({
      verdict: 'trusted',
      code: null,
      grades: ['VERIFIED', 'CLOCK_UNANCHORED', 'UNWITNESSED'],
    });
    expect(report.findings[0]?.message).toContain('seals 2 to 4');
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
