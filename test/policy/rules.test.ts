/** The built-in rules: every operator, first match, no coercion, and missing data is deny. */
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import { compileManifest, createRulesEngine, evaluate, type Evaluation } from '../../src/policy/index.ts';
import { hashing, toolCall, toolManifest } from './support.ts';

const engines = [createRulesEngine()];

function compile(rules: JsonValue, extra: JsonObject = {}): ReturnType<typeof compileManifest> {
  const policy = { type: 'custom', adapter: 'assay/rules/v1', rules, ...extra };
  return compileManifest(toolManifest(policy, ['a', 'b']), { hashing, engines });
}

function decide(rules: JsonValue, args: JsonValue, tool = 'a'): Evaluation {
  const policy = compile(rules);
  return evaluate(policy, {
    interventionPoint: 'pre_tool_call',
    snapshot: toolCall(tool, args),
    principal: null,
  });
}

const when = (...conditions: JsonValue[]): JsonValue => [{ id: 'r', when: conditions, decision: 'allow' }];
const at = (name: string, op: string, operand: JsonValue): JsonValue => ({
  path: `$policy_target.${name}`,
  [op]: operand,
});

describe('operators', () => {
  it.each([
    ['eq', 1, 1, true],
    ['eq', 1, 2, false],
    ['eq', '1', 1, false],
    ['eq', null, null, true],
    ['eq', 0, -0, true],
    ['eq', 'x', ['x'], false],
    ['neq', 1, 2, true],
    ['neq', 1, '1', true],
    ['neq', true, true, false],
    ['in', [1, 'b'], 'b', true],
    ['in', [1, 'b'], '1', false],
    ['in', [], 1, false],
    ['not_in', [1, 2], 3, true],
    ['not_in', [1, 2], 2, false],
    ['lt', 5, 4, true],
    ['lt', 5, 5, false],
    ['lte', 5, 5, true],
    ['gt', 5, 6, true],
    ['gt', 5, 5, false],
    ['gte', 5, 5, true],
    ['gte', 5, 4.9, false],
    ['contains', 'x', ['y', 'x'], true],
    ['contains', 'x', 'a box', true],
    ['contains', 1, [2], false],
    ['prefix', 'https://a.example/', 'https://a.example/x', true],
    ['prefix', 'https://a.example/', 'https://a.example.evil/', false],
    ['exists', true, 'anything', true],
    ['exists', false, 'anything', false],
  ] as [string, JsonValue, JsonValue, boolean][])('%s %j on %j: %s', (op, operand, value, holds) => {
    expect(decide(when(at('v', op, operand)), { v: value }).decision).toBe(holds ? 'allow' : 'deny');
  });

  it('exists asks, the others need', () => {
    expect(decide(when(at('v', 'exists', false)), {}).decision).toBe('allow');
    expect(decide(when(at('v.deeper', 'exists', false)), { v: 1 }).decision).toBe('allow');
    expect(decide(when(at('v', 'neq', 1)), {}).reason).toBe('runtime_error:path_missing');
    expect(decide(when(at('v.deeper', 'neq', 1)), { v: 1 }).reason).toBe('runtime_error:path_type_mismatch');
    expect(decide(when(at('v', 'exists', true), at('v', 'lte', 5)), {}).reason).toBe('no_matching_rule');
  });

  it.each([
    ['lt', 5, '4'],
    ['gte', 5, null],
    ['contains', 1, 'text'],
    ['contains', 'x', 7],
    ['prefix', 'x', 7],
  ] as [string, JsonValue, JsonValue][])('%s %j on %j is deny, not false', (op, operand, value) => {
    const rules = [
      { id: 'no', when: [at('v', op, operand)], decision: 'deny' },
      { id: 'yes', decision: 'allow' },
    ];
    expect(decide(rules, { v: value }).reason).toBe('runtime_error:path_type_mismatch');
  });
});

describe('rules', () => {
  it('the first match decides; reason is the identifier unless given', () => {
    const rules = [
      { id: 'one', when: [{ path: '$tool.name', eq: 'b' }], decision: 'deny', reason: 'not_b' },
      { id: 'two', when: [{ path: '$tool.name', in: ['a', 'b'] }], decision: 'warn', message: 'careful' },
      { id: 'three', decision: 'allow' },
    ];
    expect(decide(rules, {}, 'b')).toMatchObject({ decision: 'deny', rule: 'one', reason: 'not_b' });
    expect(decide(rules, {}, 'a')).toMatchObject({
      decision: 'warn',
      rule: 'two',
      reason: 'two',
      message: 'careful',
    });
    expect(decide([rules[0] as JsonValue], {}, 'a')).toMatchObject({
      decision: 'deny',
      rule: null,
      reason: 'no_matching_rule',
    });
  });

  it('keeps the order between rules for a tool and rules for any', () => {
    const rules = [
      { id: 'any', when: [at('v', 'eq', 1)], decision: 'deny' },
      { id: 'tool', when: [{ path: '$tool.name', eq: 'a' }], decision: 'allow' },
    ];
    expect(decide(rules, { v: 1 }).rule).toBe('any');
    expect(decide(rules, { v: 2 }).rule).toBe('tool');
    expect(decide(rules, { v: 2 }, 'b').rule).toBeNull();
  });

  it('transforms and labels', () => {
    const rules = [
      {
        id: 't',
        decision: 'transform',
        transform: { path: '$policy_target.to[0]', value: '-' },
        result_labels: ['pii'],
      },
    ];
    expect(decide(rules, { to: ['x', 'y'] })).toMatchObject({
      arguments: { to: ['-', 'y'] },
      resultLabels: ['pii'],
    });
    expect(decide(rules, { to: [] }).reason).toBe('runtime_error:transform_invalid');
  });

  it.each([
    ['no rules', []],
    ['not a list', {}],
    ['no id', [{ decision: 'allow' }]],
    [
      'same id',
      [
        { id: 'x', decision: 'allow' },
        { id: 'x', decision: 'deny' },
      ],
    ],
    ['unknown member', [{ id: 'x', decision: 'allow', unless: [] }]],
    ['unknown decision', [{ id: 'x', decision: 'permit' }]],
    ['reserved reason', [{ id: 'x', decision: 'deny', reason: 'runtime_error:x' }]],
    ['reserved id', [{ id: 'runtime_error:x', decision: 'deny' }]],
    ['transform elsewhere', [{ id: 'x', decision: 'transform', transform: { path: '$snap.x', value: 1 } }]],
    ['transform missing', [{ id: 'x', decision: 'transform' }]],
    ['unknown operator', when(at('v', 'matches', '.*'))],
    ['prototype operator', when(at('v', 'constructor', 1))],
    ['two operators', when({ path: '$snap.x', eq: 1, neq: 2 })],
    ['no operator', when({ path: '$snap.x' })],
    ['no path', when({ eq: 1 })],
    ['bad path', when({ path: 'snap.x', eq: 1 })],
    ['object operand', when(at('v', 'eq', {}))],
    ['text bound', when(at('v', 'lt', '5'))],
    ['scalar list', when(at('v', 'in', 'abc'))],
    ['exists without boolean', when(at('v', 'exists', 'yes'))],
  ] as [string, JsonValue][])('refuses %s', (_name, rules) => {
    expect(() => compile(rules)).toFailWith('POLICY_RULES_INVALID');
  });

  it('refuses members it does not know', () => {
    expect(() => compile([{ id: 'x', decision: 'allow' }], { default: 'allow' })).toFailWith(
      'POLICY_RULES_INVALID',
    );
  });
});
