/** The policy that ships as an example says what its comments say. */
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildPolicyFolder } from '../../host/policy/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { fromHex } from '../../src/base/hex.ts';
import type { JsonValue } from '../../src/codec/json.ts';
import { compileBundle, createEngines, evaluate } from '../../src/policy/index.ts';
import { cedarModule } from './support.ts';

const SAMPLE = resolve(import.meta.dirname, '../../host/cli/sample');
const bytes = buildPolicyFolder(SAMPLE);
const policy = compileBundle(bytes, { hashing: nodeCrypto, engines: createEngines({ cedar: cedarModule }) });
const principal = policy.principal(fromHex(`${'0'.repeat(63)}1`));

const REDACTED = { to: 'a@example.com', subject: 'Your order', body: 'Please log in to read this message.' };
const CALLS: [string, JsonValue, string, string | null, string | null, JsonValue][] = [
  ['search_orders', { customer: 'c-17' }, 'allow', null, 'read-tools', null],
  ['get_order', { order: 'o-4' }, 'allow', null, 'read-tools', null],
  ['refund', { order: 'o-4', amount_cents: 2500 }, 'allow', null, 'refund-within-limit', null],
  [
    'refund',
    { order: 'o-4', amount_cents: 45_000 },
    'escalate',
    'refund_above_limit',
    'refund-above-limit',
    null,
  ],
  ['refund', { order: 'o-4', amount_cents: -1 }, 'deny', 'no_matching_policy', null, null],
  [
    'send_email',
    { ...REDACTED, body: 'Card 4111 1111 1111 1111' },
    'transform',
    'body_redacted',
    'email-without-body',
    REDACTED,
  ],
  ['delete_customer', { customer: 'c-17' }, 'deny', 'never-delete', 'never-delete', null],
  ['wire_transfer', { iban: 'X' }, 'deny', 'runtime_error:tool_unknown', null, null],
];

describe('sample policy', () => {
  it.each(CALLS)('%s %j: %s', (name, args, decision, reason, rule, transformed) => {
    const evaluation = evaluate(policy, {
      interventionPoint: 'pre_tool_call',
      snapshot: { tool_call: { name, args } },
      principal,
    });
    expect(evaluation).toMatchObject({
      decision,
      reason,
      rule,
      transformedPolicyTarget: transformed,
      toolName: name,
    });
    expect(evaluation.arguments).toEqual(transformed ?? args);
  });

  it('lets nobody else in', () => {
    expect(policy.principal(new Uint8Array(32))).toBeNull();
    const stranger = { id: 's', tenant: 'acme', agent: 'other', key: '0'.repeat(64) };
    const call = {
      tool_call: { name: 'get_order', args: {} },
      agent: { id: 'shop-assistant' },
      envelope: { agent: { id: 'shop-assistant' } },
    };
    const asked = evaluate(policy, {
      interventionPoint: 'pre_tool_call',
      snapshot: call,
      principal: stranger,
    });
    expect(asked).toMatchObject({ decision: 'deny', reason: 'no_matching_policy' });
  });

  it('denies a refund whose amount is not whole cents', () => {
    for (const amount_cents of [12.5, '2500', null, [2500]]) {
      const snapshot = { tool_call: { name: 'refund', args: { amount_cents } } };
      expect(evaluate(policy, { interventionPoint: 'pre_tool_call', snapshot, principal }).decision).toBe(
        'deny',
      );
    }
  });
});
