import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import type { Code } from '../../src/base/errors.ts';
import {
  decodeLeaf,
  type Decision,
  draftLeaf,
  encodeLeaf,
  formatCheckpoint,
  formatReceipt,
  parseReceipt,
  signCheckpoint,
  signNote,
} from '../../src/log/index.ts';
import { type ActionExpectations, verifyReceipt, verifyReceiptForAction } from '../../verifier/receipt.ts';
import { verifySeal } from '../../verifier/seal.ts';
import { TEST_TIME, TestLog, testKey } from '../support/log.ts';

function setUp() {
  const log = new TestLog();
  log.startEpoch();
  log.loadPolicy();
  for (let i = 0; i < 9; i++) log.decide();
  const leaf = log.decide();
  const expectations: ActionExpectations = {
    service: log.current.service,
    crypto: nodeCrypto,
    audience: 'tools.example.org',
    action: leaf.action as Uint8Array,
    nonce: leaf.nonce as Uint8Array,
    principal: leaf.principal as Uint8Array,
    level: 0,
    now: TEST_TIME + 1_000,
  };
  return { log, leaf, index: leaf.index, expectations };
}

describe('a receipt', () => {
  it('proves its leaf, and says that nobody witnessed it', async () => {
    const { log, index } = setUp();
    const receipt = parseReceipt(formatReceipt(log.receipt(index)));
    const verified = await verifyReceipt(receipt, log.current.service, nodeCrypto);
    expect(verified).toMatchObject({ level: 0, simulated: true, notes: ['UNWITNESSED'] });
    const adrift = { ...log.current.service, clock: 'unanchored' } as const;
    expect((await verifyReceipt(receipt, adrift, nodeCrypto)).notes).toEqual([
      'UNWITNESSED',
      'CLOCK_UNANCHORED',
    ]);
    expect(verified.leaf).toEqual(decodeLeaf(receipt.leaf));
    expect(verified.checkpoint.size).toBe(log.size);
  });

  it('fails after any change of leaf, index, proof or checkpoint', async () => {
    const { log, index } = setUp();
    const receipt = log.receipt(index);
    const { service } = log.current;
    const other = encodeLeaf({ ...decodeLeaf(receipt.leaf), decision: 'deny' });
    const moved = encodeLeaf({ ...decodeLeaf(receipt.leaf), index: index - 1 });
    const [first, ...rest] = receipt.proof;
    const cases: [Code, typeof receipt][] = [
      ['INCLUSION_INVALID', { ...receipt, leaf: other }],
      ['INCLUSION_INVALID', { ...receipt, leaf: moved }],
      ['INCLUSION_INVALID', { ...receipt, index: index - 1 }],
      ['INCLUSION_INVALID', { ...receipt, index: -1 }],
      ['INCLUSION_INVALID', { ...receipt, index: 2 ** 53 }],
      ['INCLUSION_INVALID', { ...receipt, proof: rest }],
      ['INCLUSION_INVALID', { ...receipt, proof: [first as Uint8Array, ...receipt.proof] }],
      ['NOTE_SIGNATURE_INVALID', { ...receipt, checkpoint: receipt.checkpoint.replace('\n12\n', '\n13\n') }],
      ['NOTE_INVALID', { ...receipt, checkpoint: receipt.checkpoint.slice(0, -1) }],
    ];
    for (const [code, bad] of cases) await expect(verifyReceipt(bad, service, nodeCrypto)).toRejectWith(code);
  });

  it('is not bound to hardware when only the log key signed, and not of the log when only the epoch key did', async () => {
    const { log, index } = setUp();
    const { service } = log.current;
    const receipt = log.receipt(index);
    const signers = log.signers();
    const text = formatCheckpoint(log.head());
    const logOnly = { ...receipt, checkpoint: signNote(text, [signers.log]) };
    const epochOnly = { ...receipt, checkpoint: signNote(text, [signers.epoch]) };
    const thief = { ...signers.epoch, sign: testKey().signer.sign };
    const forged = { ...receipt, checkpoint: signCheckpoint(log.head(), { log: signers.log, epoch: thief }) };
    await expect(verifyReceipt(logOnly, service, nodeCrypto)).toRejectWith('NOT_HARDWARE_BOUND');
    await expect(verifyReceipt(epochOnly, service, nodeCrypto)).toRejectWith('LOG_SIGNATURE_MISSING');
    await expect(verifyReceipt(forged, service, nodeCrypto)).toRejectWith('NOTE_SIGNATURE_INVALID');
  });

  it('is of one log, one epoch and the attested log key', async () => {
    const { log, index } = setUp();
    const { service } = log.current;
    const receipt = log.receipt(index);
    const otherOrigin = { ...service, origin: 'sim.other.example' };
    await expect(verifyReceipt(receipt, otherOrigin, nodeCrypto)).toRejectWith('CHECKPOINT_ORIGIN_MISMATCH');
    const later = { ...service, epoch: 2 };
    await expect(verifyReceipt(receipt, later, nodeCrypto)).toRejectWith('RECEIPT_EPOCH_MISMATCH');
    const swapped = { ...service, logKey: testKey().raw };
    await expect(verifyReceipt(receipt, swapped, nodeCrypto)).toRejectWith('LOG_KEY_MISMATCH');
    await expect(verifyReceipt(receipt, { ...service, logKey: null }, nodeCrypto)).toRejectWith(
      'LOG_KEY_MISMATCH',
    );
    await expect(verifyReceipt(receipt, { ...service, keyring: [] }, nodeCrypto)).toRejectWith(
      'LOG_KEY_MISMATCH',
    );
    const real = { ...service, simulated: false };
    await expect(verifyReceipt(receipt, real, nodeCrypto)).toRejectWith('SIMULATED_MISMATCH');
  });

  it('may show a leaf of an earlier epoch under a later head, but not for an action', async () => {
    const { log, index, expectations } = setUp();
    log.startEpoch();
    const { service } = log.current;
    const receipt = log.receipt(index);
    expect((await verifyReceipt(receipt, service, nodeCrypto)).leaf.epoch).toBe(1);
    await expect(verifyReceiptForAction(receipt, { ...expectations, service })).toRejectWith(
      'RECEIPT_EPOCH_MISMATCH',
    );
  });

  it('shows what the enclave itself got wrong: a leaf whose place is not its own', async () => {
    const { log } = setUp();
    log.append(draftLeaf({ kind: 'padding' }), { index: 3 });
    const receipt = log.receipt(log.size - 1);
    await expect(verifyReceipt(receipt, log.current.service, nodeCrypto)).toRejectWith(
      'RECEIPT_INDEX_MISMATCH',
    );
    log.append(draftLeaf({ kind: 'padding' }), { epoch: 9 });
    const future = log.receipt(log.size - 1);
    await expect(verifyReceipt(future, log.current.service, nodeCrypto)).toRejectWith(
      'RECEIPT_EPOCH_MISMATCH',
    );
  });
});

describe('a receipt for an action', () => {
  it('lets exactly this action happen', async () => {
    const { log, index, expectations } = setUp();
    const verified = await verifyReceiptForAction(log.receipt(index), expectations);
    expect(verified.leaf.decision).toBe('allow');
    const leaf = log.decide({ decision: 'transform' });
    expect((await verifyReceiptForAction(log.receipt(leaf.index), expectations)).leaf.decision).toBe(
      'transform',
    );
  });

  it.each<[Decision, Code]>([
    ['deny', 'DECISION_DENY'],
    ['warn', 'DECISION_WARN'],
    ['escalate', 'DECISION_ESCALATE'],
  ])('never lets %s pass', async (decision, code) => {
    const { log, expectations } = setUp();
    const leaf = log.decide({ decision });
    await expect(verifyReceiptForAction(log.receipt(leaf.index), expectations)).toRejectWith(code);
  });

  it('refuses a leaf that is no decision', async () => {
    const { log, expectations } = setUp();
    await expect(verifyReceiptForAction(log.receipt(1), expectations)).toRejectWith('RECEIPT_NOT_DECISION');
  });

  const other = utf8('0123456789abcdef0123456789abcdef');
  it.each<[Code, Partial<ActionExpectations>]>([
    ['RECEIPT_AUDIENCE_MISMATCH', { audience: 'other.example.org' }],
    ['RECEIPT_AUDIENCE_MISMATCH', { audience: '' }],
    ['RECEIPT_ACTION_MISMATCH', { action: other }],
    ['RECEIPT_NONCE_MISMATCH', { nonce: other }],
    ['RECEIPT_NONCE_MISMATCH', { nonce: new Uint8Array(0) }],
    ['RECEIPT_PRINCIPAL_MISMATCH', { principal: other }],
    ['RECEIPT_LEVEL_TOO_LOW', { level: 1 }],
    ['RECEIPT_LEVEL_TOO_LOW', { level: 2 }],
    ['RECEIPT_EXPIRED', { now: TEST_TIME + 60_001 }],
    ['SERVICE_EXPIRED', { now: TEST_TIME + 1e13 }],
  ])('refuses with %s', async (code, change) => {
    const { log, index, expectations } = setUp();
    await expect(verifyReceiptForAction(log.receipt(index), { ...expectations, ...change })).toRejectWith(
      code,
    );
  });

  it('holds until the last millisecond of the decision and of the service', async () => {
    const { log, index, expectations } = setUp();
    const receipt = log.receipt(index);
    const at = (now: number, validUntil: number): Promise<unknown> =>
      verifyReceiptForAction(receipt, {
        ...expectations,
        now,
        service: { ...expectations.service, validUntil },
      });
    const end = decodeLeaf(receipt.leaf).notAfter as number;
    await expect(at(end, end)).resolves.toMatchObject({ level: 0 });
    await expect(at(end + 1, end + 1)).toRejectWith('RECEIPT_EXPIRED');
    await expect(at(end, end - 1)).toRejectWith('SERVICE_EXPIRED');
  });

  it('asks for every expectation at run time too', async () => {
    const { log, index, expectations } = setUp();
    for (const name of Object.keys(expectations) as (keyof ActionExpectations)[]) {
      const { [name]: _left, ...rest } = expectations;
      const lacking = rest as unknown as ActionExpectations;
      await expect(verifyReceiptForAction(log.receipt(index), lacking)).toRejectWith('EXPECTATION_MISSING');
    }
    const nothing = undefined as unknown as ActionExpectations;
    await expect(verifyReceiptForAction(log.receipt(index), nothing)).toRejectWith('EXPECTATION_MISSING');
    for (const bad of [
      { level: 3 },
      { now: Number.NaN },
      { now: '5' },
      { service: { ...expectations.service, validUntil: Number.NaN } },
      { service: { ...expectations.service, validUntil: undefined } },
    ] as unknown as ActionExpectations[])
      await expect(verifyReceiptForAction(log.receipt(index), { ...expectations, ...bad })).toRejectWith(
        'EXPECTATION_MISSING',
      );
  });

  it('does not compile without every expectation', () => {
    const { log, index, expectations } = setUp();
    const { level: _level, ...rest } = expectations;
    // @ts-expect-error level is not given
    void verifyReceiptForAction(log.receipt(index), rest).catch(() => undefined);
  });

  it('refuses decisions without an action, an audience or a time limit', async () => {
    const { log, expectations } = setUp();
    for (const [code, fields] of [
      ['RECEIPT_ACTION_MISMATCH', { action: null }],
      ['RECEIPT_AUDIENCE_MISMATCH', { audience: null }],
      ['RECEIPT_EXPIRED', { notAfter: null }],
    ] as const) {
      const leaf = log.decide(fields);
      await expect(verifyReceiptForAction(log.receipt(leaf.index), expectations)).toRejectWith(code);
    }
  });
});

describe('a sealed receipt', () => {
  it('takes no seal that differs from its head in one thing', async () => {
    const { log, index } = setUp();
    const { service } = log.current;
    const receipt = log.receipt(index);
    log.seal();
    const seal = await verifySeal(log.seals[0]!.file, service, nodeCrypto, log.judgeEvidence);
    expect((await verifyReceipt({ receipt, seal }, service, nodeCrypto)).level).toBe(1);
    for (const change of [
      { origin: 'sim.other.example' },
      { treeSize: seal.statement.treeSize + 1 },
      { root: new Uint8Array(32) },
      { bootId: new Uint8Array(32) },
    ]) {
      const other = { ...seal, statement: { ...seal.statement, ...change } };
      await expect(verifyReceipt({ receipt, seal: other }, service, nodeCrypto)).toRejectWith(
        'SEAL_HEAD_MISMATCH',
      );
    }
  });

  it('reaches level 1 with a seal of its own head, and not with another', async () => {
    const { log, expectations } = setUp();
    const leaf = log.decide({ requiredLevel: 1 });
    const receipt = log.receipt(leaf.index);
    await expect(verifyReceiptForAction(receipt, expectations)).toRejectWith('RECEIPT_LEVEL_TOO_LOW');
    log.seal();
    const { file } = log.seals[0]!;
    const seal = await verifySeal(file, log.current.service, nodeCrypto, log.judgeEvidence);
    expect((await verifyReceiptForAction({ receipt, seal }, expectations)).level).toBe(1);
    const later = log.receipt(leaf.index);
    await expect(verifyReceiptForAction({ receipt: later, seal }, expectations)).toRejectWith(
      'SEAL_HEAD_MISMATCH',
    );
    await expect(verifyReceiptForAction({ receipt, seal }, { ...expectations, level: 2 })).toRejectWith(
      'RECEIPT_LEVEL_TOO_LOW',
    );
  });

  it('is judged: evidence of other bytes, another boot and no evidence do not count', async () => {
    const { log } = setUp();
    log.seal();
    log.seal({ quoted: false });
    const [quoted, unquoted] = log.seals;
    const { service } = log.current;
    await expect(verifySeal(unquoted!.file, service, nodeCrypto, log.judgeEvidence)).toRejectWith(
      'SEAL_UNQUOTED',
    );
    const mixed = { statement: unquoted!.file.statement, evidence: quoted!.file.evidence };
    await expect(verifySeal(mixed, service, nodeCrypto, log.judgeEvidence)).toRejectWith('SIGNATURE_INVALID');
    log.startEpoch();
    await expect(verifySeal(quoted!.file, log.current.service, nodeCrypto, log.judgeEvidence)).toRejectWith(
      'SEAL_SERVICE_MISMATCH',
    );
    const otherKey = { ...service, epochKey: testKey().raw };
    await expect(verifySeal(quoted!.file, otherKey, nodeCrypto, log.judgeEvidence)).toRejectWith(
      'SEAL_SERVICE_MISMATCH',
    );
    const otherOrigin = { ...service, origin: 'sim.other' };
    await expect(verifySeal(quoted!.file, otherOrigin, nodeCrypto, log.judgeEvidence)).toRejectWith(
      'SEAL_SERVICE_MISMATCH',
    );
  });
});
