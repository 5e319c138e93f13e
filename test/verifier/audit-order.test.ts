/** Leaves and seals that are right by themselves and wrong where they stand. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { u64be, utf8 } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { draftLeaf } from '../../src/log/index.ts';
import { formatAttestation } from '../../src/statement/attestation.ts';
import { type AuditReport, auditLog } from '../../verifier/audit/index.ts';
import { judgeOf, TestLog } from '../support/log.ts';

async function audit(log: TestLog): Promise<AuditReport> {
  const files = log.files();
  return auditLog(
    { read: async (path) => files.get(path) ?? null },
    { judgeEpoch: judgeOf(log), crypto: nodeCrypto, receipts: [], trustSha256: null },
  );
}

/** One boot with a policy, a decision and a seal that a leaf names. */
function sealedLog(): TestLog {
  const log = new TestLog();
  log.startEpoch();
  log.loadPolicy();
  log.decide();
  log.seal();
  return log;
}

const found = ({ verdict, code, findings }: AuditReport) => [verdict, code, findings[0]?.message];

describe('a leaf', () => {
  it('that changes the policy names the bundle that it puts in force', async () => {
    const log = sealedLog();
    const references = { order: new Uint8Array(32), bundle: new Uint8Array(32), version: u64be(2) };
    const policyDigest = new Uint8Array(32).fill(1);
    log.append(draftLeaf({ kind: 'policy_change', tenant: 'acme', policyDigest, references }));
    expect(found(await audit(log))).toEqual([
      'rejected',
      'POLICY_DIGEST_MISMATCH',
      'leaf 4 changes to another policy than the one it names',
    ]);
  });

  it('names a seal that no leaf has named before', async () => {
    const log = sealedLog();
    const { digest, file } = log.seals[0]!;
    const evidence = nodeCrypto.sha256(file.evidence ?? new Uint8Array(0));
    log.append(
      draftLeaf({ kind: 'seal_ref', references: { statement: digest, evidence, number: u64be(1) } }),
    );
    expect(found(await audit(log))).toEqual([
      'rejected',
      'SEAL_MISSING',
      'leaf 4 names a seal that is not in the chain at this place',
    ]);
  });

  it('names no seal that the hardware never answered', async () => {
    const log = sealedLog();
    log.seal({ quoted: false });
    log.append(draftLeaf({ kind: 'seal_ref', references: { statement: log.seals[1]!.digest } }));
    expect(found(await audit(log))).toEqual([
      'rejected',
      'SEAL_MISSING',
      'leaf 4 names a seal that is not in the chain at this place',
    ]);
  });

  it('starts an epoch once, however right it is', async () => {
    const log = sealedLog();
    const { attestation, service } = log.current;
    const references = {
      attestation: nodeCrypto.sha256(utf8(formatAttestation(attestation))),
      boot: service.bootId,
      parent: log.seals[0]!.digest,
    };
    log.append(draftLeaf({ kind: 'epoch_start', references }));
    expect(found(await audit(log))).toEqual([
      'rejected',
      'EPOCH_SPLICED',
      'leaf 4 of kind epoch_start in epoch 1 after epoch 1',
    ]);
  });

  it('that only pads, or only names a seal, needs no seal', async () => {
    const log = sealedLog();
    log.append(draftLeaf({ kind: 'padding' }));
    expect(await audit(log)).toMatchObject({ verdict: 'trusted', size: 5, unsealed: 0 });
    log.decide();
    expect(await audit(log)).toMatchObject({ size: 6, unsealed: 3 });
  });
});

describe('a seal', () => {
  it('has the number of its place', async () => {
    const log = sealedLog();
    log.seal({ fields: { number: 9 } });
    expect(found(await audit(log))).toEqual([
      'rejected',
      'SEAL_CHAIN_BROKEN',
      'seal 2 says that it is seal 9',
    ]);
  });

  it('that is the first of all has no parent', async () => {
    const log = new TestLog();
    log.startEpoch();
    log.seal({ fields: { parentSeal: new Uint8Array(32) } });
    expect(found(await audit(log))).toEqual([
      'rejected',
      'EPOCH_SPLICED',
      'seal 1 is the first but has a parent',
    ]);
  });

  it('is of no earlier epoch than the one before', async () => {
    const log = sealedLog();
    const { service } = log.current;
    log.startEpoch();
    log.seal();
    const { epoch, bootId, epochKey } = service;
    log.seal({ fields: { epoch, bootId, epochKey, parentSeal: log.seals[1]!.digest } });
    expect(found(await audit(log))).toEqual([
      'rejected',
      'SEAL_CHAIN_BROKEN',
      'seal 3 is of an earlier epoch than the one before',
    ]);
  });
});

describe('a receipt that is held', () => {
  it('of another boot with a number of the bundle is a fork, even where both logs agree', async () => {
    const log = sealedLog();
    const other = new TestLog();
    Object.assign(other, { log: log.log, hardware: log.hardware });
    const boot = other.startEpoch({ leaf: false });
    const receipt = { ...log.receipt(2), checkpoint: log.checkpoint(log.size, boot) };
    const files = log.files();
    const report = await auditLog(
      { read: async (path) => files.get(path) ?? null },
      {
        judgeEpoch: judgeOf(log, other),
        crypto: nodeCrypto,
        receipts: [{ receipt, attestation: boot.attestation, seal: null }],
        trustSha256: null,
      },
    );
    expect(found(report)).toEqual([
      'rejected',
      'LOG_FORKED',
      'receipt 1 of leaf 2 contradicts the checkpoint of size 4',
    ]);
  });
});

describe('a reader that fails ahead of the audit', () => {
  it('ends it with what it said, and leaves no rejection unheard', async () => {
    const log = sealedLog();
    while (log.size < 300) log.decide();
    const files = log.files();
    const read = async (path: string): Promise<Uint8Array | null> => {
      if (path.startsWith('log/tile/entries/001')) fail('AUDIT_BUNDLE_INVALID', 'gone');
      if (path === 'seals/1') await sleep(10);
      return files.get(path) ?? null;
    };
    const options = { judgeEpoch: judgeOf(log), crypto: nodeCrypto, receipts: [], trustSha256: null };
    expect(found(await auditLog({ read }, options))).toEqual(['rejected', 'AUDIT_BUNDLE_INVALID', 'gone']);
  });
});
