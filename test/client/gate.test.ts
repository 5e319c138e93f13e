import { describe, expect, it } from 'vitest';
import { MAX_TIME } from '../../src/base/clock.ts';
import { type Gate, type PresentedCall, requireDecision } from '../../host/client/index.ts';
import { nodeCrypto } from '../../native/index.ts';
import { codeOf } from '../../src/base/errors.ts';
import type { JsonValue } from '../../src/codec/json.ts';
import { actionIdentity } from '../../src/log/action.ts';
import type { LeafDraft } from '../../src/log/leaf.ts';
import type { VerifiedService } from '../../verifier/index.ts';
import { TEST_TIME, TestLog } from '../support/log.ts';

const AUDIENCE = 'tools.example.org';
const ARGS = { order: 'A-17', cents: 1_999 };
const PRINCIPAL = nodeCrypto.sha256(Uint8Array.of(1));

interface Bench {
  readonly log: TestLog;
  readonly gate: Gate;
  now: number;
  /** A decision for the call, and the call with its receipt. */
  call(changes?: Partial<LeafDraft>, nonce?: number): PresentedCall;
}

function bench(options: { capacity?: number; level?: 0 | 1 | 2 } = {}): Bench {
  const log = new TestLog();
  log.startEpoch();
  log.loadPolicy();
  const out = { now: TEST_TIME + 1_000 };
  const service = log.current.service as unknown as VerifiedService;
  const { level = 0, ...rest } = options;
  const gate = requireDecision({ service, audience: AUDIENCE, level, now: () => out.now, ...rest });
  const call = (changes: Partial<LeafDraft> = {}, nonce = log.size): PresentedCall => {
    const bytes = new Uint8Array(16).fill(nonce);
    const { index } = log.decide({
      principal: PRINCIPAL,
      audience: AUDIENCE,
      action: actionIdentity(nodeCrypto, 'refund', ARGS),
      nonce: bytes,
      notAfter: TEST_TIME + 60_000,
      ...changes,
    });
    return {
      tool: 'refund',
      arguments: ARGS,
      receipt: log.receipt(index),
      nonce: bytes,
      principal: PRINCIPAL,
    };
  };
  return Object.assign(out, { log, gate, call });
}

const outcome = (gate: Gate, call: PresentedCall): Promise<JsonValue> => gate.admit(call).catch(codeOf);

describe('a tool behind receipts', () => {
  it('acts on exactly the arguments that were decided, in whatever order they are written', async () => {
    const { gate, call } = bench();
    const swapped = { cents: 1_999, order: 'A-17' };
    expect(await gate.admit({ ...call(), arguments: swapped })).toBe(swapped);
  });

  it('acts once: RECEIPT_REPLAYED', async () => {
    const { gate, call } = bench();
    const one = call();
    await gate.admit(one);
    await expect(gate.admit(one)).toRejectWith('RECEIPT_REPLAYED');
    await gate.admit(call());
  });

  it('acts once also when a receipt comes many times at the same moment', async () => {
    const { gate, call } = bench();
    const one = call();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome(gate, one)));
    expect(outcomes.filter((each) => each === 'RECEIPT_REPLAYED')).toHaveLength(19);
  });

  it('acts once also when the receipt comes under a newer checkpoint', async () => {
    const { gate, call, log } = bench();
    const one = call();
    await gate.admit(one);
    log.decide();
    const again = { ...one, receipt: log.receipt(one.receipt.index) };
    expect(again.receipt.checkpoint).not.toBe(one.receipt.checkpoint);
    await expect(gate.admit(again)).toRejectWith('RECEIPT_REPLAYED');
  });

  it('refuses what was decided for another call', async () => {
    const { gate, call } = bench();
    const one = call();
    const cases: [Partial<PresentedCall>, string][] = [
      [{ arguments: { ...ARGS, cents: 999_999 } }, 'RECEIPT_ACTION_MISMATCH'],
      [{ arguments: null }, 'RECEIPT_ACTION_MISMATCH'],
      [{ tool: 'wire' }, 'RECEIPT_ACTION_MISMATCH'],
      [{ principal: new Uint8Array(32) }, 'RECEIPT_PRINCIPAL_MISMATCH'],
      [{ nonce: new Uint8Array(16) }, 'RECEIPT_NONCE_MISMATCH'],
      [{ receipt: { ...one.receipt, index: one.receipt.index - 1 } }, 'INCLUSION_INVALID'],
    ];
    for (const [changes, code] of cases) expect(await outcome(gate, { ...one, ...changes })).toBe(code);
    expect(await outcome(gate, call({ audience: 'other.example.org' }))).toBe('RECEIPT_AUDIENCE_MISMATCH');
    for (const [decision, code] of [
      ['deny', 'DECISION_DENY'],
      ['warn', 'DECISION_WARN'],
      ['escalate', 'DECISION_ESCALATE'],
    ] as const)
      expect(await outcome(gate, call({ decision }))).toBe(code);
    // None of the attempts has used the receipt up.
    expect(await outcome(gate, one)).toBe(ARGS);
  });

  it('asks for the level that it was given', async () => {
    const { gate, call } = bench({ level: 1 });
    expect(await outcome(gate, call())).toBe('RECEIPT_LEVEL_TOO_LOW');
  });

  it('refuses rather than forgets what could be used again: GATE_FULL', async () => {
    const one = bench({ capacity: 2 });
    const first = one.call();
    await one.gate.admit(first);
    await one.gate.admit(one.call({ notAfter: TEST_TIME + 90_000 }));
    await expect(one.gate.admit(one.call())).toRejectWith('GATE_FULL');
    await expect(one.gate.admit(first)).toRejectWith('RECEIPT_REPLAYED');
    // The last millisecond of the first one: it still counts.
    one.now = TEST_TIME + 60_000;
    await expect(one.gate.admit(one.call())).toRejectWith('GATE_FULL');
  });

  it('forgets what has expired, and keeps it refused when the clock is set back', async () => {
    const one = bench({ capacity: 1 });
    const first = one.call();
    await one.gate.admit(first);
    one.now = TEST_TIME + 60_001;
    await one.gate.admit(one.call({ notAfter: TEST_TIME + 120_000 }));
    await expect(one.gate.admit(first)).toRejectWith('RECEIPT_EXPIRED');
    one.now = TEST_TIME + 1_000;
    await expect(one.gate.admit(first)).toRejectWith('RECEIPT_EXPIRED');
  });

  it('does not act on the judgement of a service that has expired', async () => {
    const one = bench();
    const call = one.call({ notAfter: MAX_TIME });
    one.now = TEST_TIME + 1e12 + 1;
    await expect(one.gate.admit(call)).toRejectWith('SERVICE_EXPIRED');
  });
});
