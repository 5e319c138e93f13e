/** Cedar as an engine: mapping, advice, values it cannot hold, text that would break it, traps. */
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/codec/json.ts';
import {
  checkCedarText,
  compileManifest,
  createCedarEngine,
  evaluate,
  splitCedar,
  type Evaluation,
} from '../../src/policy/index.ts';
import { createCedarInstance } from '../../src/policy/cedar/instance.ts';
import { cedar, cedarModule, hashing, toolCall, toolManifest } from './support.ts';

const PERMIT = '@id("any") permit (principal, action, resource);';

function decide(text: string, snapshot: JsonValue, extra: Record<string, JsonValue> = {}): Evaluation {
  const manifest = toolManifest({ type: 'cedar', policy_set: text, ...extra }, ['refund', 'search']);
  const policy = compileManifest(manifest, { hashing, engines: [cedar] });
  return evaluate(policy, { interventionPoint: 'pre_tool_call', snapshot, principal: null });
}

function compile(text: string, extra: Record<string, JsonValue> = {}): void {
  decide(text, toolCall('refund', {}), extra);
}

describe('request mapping', () => {
  it('maps principal, action, resource and context as ACS 12.4 says', () => {
    const text = `@id("exact") permit (principal == Agent::"shop", action == Action::"pre_tool_call", resource == Tool::"refund")
      when { context.tool_call.args.amount == 5 && !(context has envelope) };`;
    expect(decide(text, toolCall('refund', { amount: 5 }))).toMatchObject({
      decision: 'allow',
      rule: 'exact',
      reason: null,
    });
    expect(decide(text, toolCall('refund', { amount: 6 }))).toMatchObject({
      decision: 'deny',
      rule: null,
      reason: 'no_matching_policy',
    });
  });

  it('denies with the first contributing policy in the order of the text', () => {
    const text = `${PERMIT} @id("zz") forbid (principal, action, resource); @id("aa") forbid (principal, action, resource);`;
    expect(decide(text, toolCall('refund', {}))).toMatchObject({
      decision: 'deny',
      rule: 'zz',
      reason: 'zz',
    });
  });

  it('numbers policies without @id', () => {
    expect(decide('permit (principal, action, resource);', toolCall('refund', {})).rule).toBe('policy0');
  });

  it('needs an agent in the envelope', () => {
    expect(decide(PERMIT, { tool_call: { name: 'refund', args: {} } }).reason).toBe(
      'runtime_error:policy_invocation_failed',
    );
  });

  it('keeps annotations apart from snapshot members that pose as them', () => {
    const snapshot = { ...toolCall('refund', {}), 'annotations.fraud': { risk: 'low' } };
    expect(decide(PERMIT, snapshot).reason).toBe('runtime_error:policy_invocation_failed');
  });

  it('uses entities and a schema of the bundle', () => {
    const text = '@id("staff") permit (principal in Team::"staff", action, resource);';
    const entities = [
      { uid: { type: 'Agent', id: 'shop' }, attrs: {}, parents: [{ type: 'Team', id: 'staff' }] },
      { uid: { type: 'Team', id: 'staff' }, attrs: {}, parents: [] },
    ];
    expect(decide(text, toolCall('refund', {})).decision).toBe('deny');
    expect(decide(text, toolCall('refund', {}), { entities }).rule).toBe('staff');
    const schema = `entity Team; entity Agent in [Team]; entity Tool;
      action "pre_tool_call" appliesTo { principal: Agent, resource: Tool, context: { tool_call: { name: String, args: { amount: Long } } } };`;
    expect(decide(text, toolCall('refund', { amount: 1 }), { entities, schema }).rule).toBe('staff');
    expect(decide(text, toolCall('refund', { amount: 'x' }), { entities, schema }).reason).toBe(
      'runtime_error:policy_invocation_failed',
    );
    const wrong =
      '@id("w") permit (principal, action, resource) when { context.tool_call.args.amount == "x" };';
    expect(() => compile(wrong, { entities, schema })).toFailWith('POLICY_CEDAR_INVALID');
  });
});

describe('advice', () => {
  const advise = (id: string, advice: JsonValue): string =>
    `@id("${id}") @advice(${JSON.stringify(JSON.stringify(advice))}) permit (principal, action, resource);`;
  const transform = (value: JsonValue): JsonValue => ({
    verdict: 'transform',
    transform: { path: '$policy_target.to', value },
  });

  it('turns a permit into warn, escalate or transform', () => {
    const call = toolCall('refund', { to: 'a@b' });
    expect(decide(advise('w', { verdict: 'warn', reason: 'odd' }), call)).toMatchObject({
      decision: 'warn',
      reason: 'odd',
      rule: 'w',
    });
    expect(decide(advise('e', { verdict: 'escalate', message: 'ask' }), call)).toMatchObject({
      decision: 'escalate',
      message: 'ask',
      transformedPolicyTarget: null,
    });
    const done = decide(advise('t', transform('-')), call);
    expect(done).toMatchObject({
      decision: 'transform',
      transformedPolicyTarget: { to: '-' },
      arguments: { to: '-' },
    });
    expect(done.enforcedIdentity).not.toBe(done.inputIdentity);
  });

  it('takes the strictest of several, and no two different transforms', () => {
    const call = toolCall('refund', { to: 'a@b' });
    const all =
      PERMIT +
      advise('w', { verdict: 'warn' }) +
      advise('t', transform('-')) +
      advise('e', { verdict: 'escalate' });
    expect(decide(all, call)).toMatchObject({ decision: 'escalate', rule: 'e' });
    expect(decide(advise('t', transform('-')) + PERMIT + advise('u', transform('-')), call).rule).toBe('t');
    expect(decide(advise('t', transform('-')) + advise('u', transform('+')), call).reason).toBe(
      'runtime_error:policy_output_invalid',
    );
  });

  it.each([
    ['not JSON', 'nonsense'],
    ['duplicate key', '{"verdict":"warn","verdict":"escalate"}'],
    ['no verdict', '{"reason":"x"}'],
    ['unknown verdict', '{"verdict":"allow"}'],
    ['unknown member', '{"verdict":"warn","level":1}'],
    ['reserved reason', '{"verdict":"warn","reason":"runtime_error:x"}'],
    ['transform without body', '{"verdict":"transform"}'],
    ['transform without value', '{"verdict":"transform","transform":{"path":"$policy_target"}}'],
    ['transform of the snapshot', '{"verdict":"transform","transform":{"path":"$snap.x","value":1}}'],
    ['warn with transform', '{"verdict":"warn","transform":{"path":"$policy_target","value":1}}'],
  ])('is refused at load: %s', (_name, advice) => {
    const text = `@advice(${JSON.stringify(advice)}) permit (principal, action, resource);`;
    expect(() => compile(text)).toFailWith('POLICY_CEDAR_INVALID');
  });

  it('is refused on a forbid', () => {
    expect(() =>
      compile('@advice("{\\"verdict\\":\\"warn\\"}") forbid (principal, action, resource);'),
    ).toFailWith('POLICY_CEDAR_INVALID');
  });
});

describe('values that Cedar cannot hold', () => {
  it.each([
    ['a fraction', 0.5],
    ['an integer beyond i64', 2 ** 63],
    ['a large exponent', 1e300],
    ['null', null],
    ['null in a list', [1, null]],
    ['an entity escape', { __entity: { type: 'Agent', id: 'root' } }],
    ['an extension escape', { __extn: { fn: 'ip', arg: '10.0.0.1' } }],
  ] as [string, JsonValue][])('%s is deny', (_name, value) => {
    expect(decide(PERMIT, toolCall('refund', { value }))).toMatchObject({
      decision: 'deny',
      reason: 'runtime_error:policy_invocation_failed',
    });
  });

  it('holds i64 exactly', () => {
    const text =
      '@id("min") permit (principal, action, resource) when { context.tool_call.args.n == -9223372036854775808 };';
    expect(decide(text, toolCall('refund', { n: -(2 ** 63) })).rule).toBe('min');
    const big =
      '@id("big") permit (principal, action, resource) when { context.tool_call.args.n == 1152921504606846976 };';
    expect(decide(big, toolCall('refund', { n: 2 ** 60 })).rule).toBe('big');
  });

  it('denies when a policy fails to evaluate, because a skipped forbid would permit', () => {
    const text = `${PERMIT} @id("limit") forbid (principal, action, resource) when { context.tool_call.args.amount > 5 };`;
    expect(decide(text, toolCall('refund', { amount: '9' })).reason).toBe(
      'runtime_error:policy_invocation_failed',
    );
    expect(decide(text, toolCall('refund', { amount: 9 })).rule).toBe('limit');
  });
});

describe('text that would break Cedar', () => {
  const when = (expression: string): string => `permit (principal, action, resource) when { ${expression} };`;
  const bombs: [string, string][] = [
    ['parentheses', when(`${'('.repeat(1000)}true${')'.repeat(1000)}`)],
    ['lists', when(`${'['.repeat(200)}${']'.repeat(200)} == 1`)],
    ['records', when(`${'{a:'.repeat(200)}1${'}'.repeat(200)} == 1`)],
    ['additions', when(`${'1 + '.repeat(500)}1 == 2`)],
    ['accesses', when(`context${'.a'.repeat(500)}`)],
    ['indexes', when(`context${'["a"]'.repeat(500)}`)],
    ['methods', when(`[1]${'.contains(1)'.repeat(500)}`)],
    ['ifs', when(`${'if true then '.repeat(500)}true${' else false'.repeat(500)}`)],
    ['ifs hidden behind &&', when(`${'if true && true then true && true else '.repeat(500)}true`)],
    ['chains on chains', when(`${'('.repeat(30)}context${`${'.a'.repeat(60)})`.repeat(30)}`)],
    ['conjunctions', when(`context == context${' && context == context'.repeat(500)}`)],
    ['disjunctions', when(`1 == 2${' || 1 == 2'.repeat(500)}`)],
    ['clauses', when(`true${' } when { true'.repeat(500)}`)],
    ['size', when('true') + ' '.repeat(262_144)],
    ['policies', when('true').repeat(1001)],
  ];
  it.each(bombs)('%s are refused before the parser sees them', (_name, text) => {
    expect(() => checkCedarText(cedarModule, text)).toFailWith('POLICY_CEDAR_TOO_COMPLEX');
  });

  it('what the bounds allow is safe to parse and evaluate', () => {
    const deep = (inner: string): string => `${'('.repeat(30)}${inner}${')'.repeat(30)}`;
    const allowed = [
      when(deep('true')),
      when(`${deep(`1${' + 1'.repeat(60)}`)} == 2`),
      when(`context${'.a'.repeat(90)}`),
      when(`${'if true then '.repeat(90)}true${' else false'.repeat(90)}`),
      when(`${'[{a:'.repeat(15)}1${'}]'.repeat(15)} == 1`),
      when(`context == context${' && context == context'.repeat(88)}`),
      when(`1 == 2${' || 1 == 2'.repeat(88)}`),
      when(`${'(true || (context == context && '.repeat(14)}true${'))'.repeat(14)}`),
      when(`true${' } when { context == context'.repeat(88)}`),
      when(`[${Array.from({ length: 4000 }, (_, i) => `"${i}"`).join(',')}].contains("x")`),
    ];
    for (const text of allowed) {
      checkCedarText(cedarModule, text);
      const instance = createCedarInstance(cedarModule);
      instance.preparsePolicies('p', { json: JSON.stringify({ staticPolicies: { p: text } }) });
      const uid = { type: 'A', id: 'a' };
      const call = { principal: uid, action: { type: 'Action', id: 'a' }, resource: uid, context: {} };
      const answer = instance.authorize({
        json: JSON.stringify({ ...call, preparsedPolicySetId: 'p', entities: [] }),
      });
      expect(answer.type).toBe('success');
    }
  });

  it('lexes strings and comments as Cedar does', () => {
    const text = `// a comment; with ( brackets
      @id("a;b") permit (principal, action, resource) when { "\\";(((" == "//x" }; // tail`;
    expect(splitCedar(text).length).toBe(1);
    expect(checkCedarText(cedarModule, text)).toEqual(['a;b']);
  });

  it.each([
    ['open bracket', 'permit (principal, action, resource'],
    ['unmatched bracket', 'permit (principal, action, resource]);'],
    ['extra bracket', 'permit (principal, action, resource));'],
    ['no semicolon', 'permit (principal, action, resource)'],
    ['open string', 'permit (principal, action, resource) when { "x };'],
    ['foreign character', 'permit (principal, action, resource) when { 1 ^ 2 };'],
    ['lone surrogate', '@id("\ud800") permit (principal, action, resource);'],
    ['nothing', '// nothing'],
    ['not Cedar', 'allow everything;'],
    ['template', 'permit (principal == ?principal, action, resource);'],
    ['same id twice', `${PERMIT}${PERMIT}`],
    ['reserved id', '@id("runtime_error:x") permit (principal, action, resource);'],
    ['empty id', '@id("") permit (principal, action, resource);'],
  ])('refuses %s', (_name, text) => {
    expect(() => checkCedarText(cedarModule, text)).toFailWith('POLICY_CEDAR_INVALID');
  });
});

describe('instances', () => {
  it('refuses a module that is not Cedar', () => {
    const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    expect(() => checkCedarText(empty, PERMIT)).toFailWith('POLICY_CEDAR_MODULE_INVALID');
    expect(() => checkCedarText({} as WebAssembly.Module, PERMIT)).toFailWith('POLICY_CEDAR_MODULE_INVALID');
    const manifest = toolManifest({ type: 'cedar', policy_set: PERMIT }, ['refund']);
    const engines = [createCedarEngine(empty)];
    expect(() => compileManifest(manifest, { hashing, engines })).toFailWith('POLICY_CEDAR_MODULE_INVALID');
  });

  it('refuses what a bundle cannot carry', () => {
    for (const extra of [
      { entities_path: './e.json' },
      { schema_path: './s.json' },
      { query: { principal: 'x' } },
    ])
      expect(() => compile(PERMIT, extra)).toFailWith('POLICY_CEDAR_INVALID');
    expect(() => compile(PERMIT, { entities: [{ uid: 1 }] })).toFailWith('POLICY_CEDAR_INVALID');
    expect(() => compile(PERMIT, { schema: 'entity;' })).toFailWith('POLICY_CEDAR_INVALID');
  });

  it('an instance that trapped stays broken, a fresh one works: why instances are thrown away', () => {
    const bomb = JSON.stringify({
      staticPolicies: `permit (principal, action, resource) when { ${'('.repeat(1000)}true${')'.repeat(1000)} };`,
    });
    const good = JSON.stringify({ staticPolicies: PERMIT });
    const instance = createCedarInstance(cedarModule);
    expect(instance.preparsePolicies('p', { json: good }).type).toBe('success');
    expect(() => instance.preparsePolicies('p', { json: bomb })).toThrow();
    expect(() => instance.preparsePolicies('p', { json: good })).toThrow();
    expect(createCedarInstance(cedarModule).preparsePolicies('p', { json: good }).type).toBe('success');
  });

  it('denies on a trap and decides again with a fresh instance', () => {
    const policy = compileManifest(toolManifest({ type: 'cedar', policy_set: PERMIT }, ['refund']), {
      hashing,
      engines: [cedar],
    });
    const ask = (snapshot: JsonValue): Evaluation =>
      evaluate(policy, { interventionPoint: 'pre_tool_call', snapshot, principal: null });
    expect(ask(toolCall('refund', {})).decision).toBe('allow');
    const parse = JSON.parse;
    try {
      // Cedar hands its answer over as JSON; a failure at that moment is as bad as a trap.
      JSON.parse = () => {
        throw new Error('trap');
      };
      expect(ask(toolCall('refund', {})).reason).toBe('runtime_error:policy_invocation_failed');
    } finally {
      JSON.parse = parse;
    }
    expect(ask(toolCall('refund', {})).decision).toBe('allow');
  });
});
