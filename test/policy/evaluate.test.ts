/** The pipeline against hostile input: it always answers, and what it cannot judge it denies. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import {
  applyPrincipal,
  compareUtf8,
  compileManifest,
  createRulesEngine,
  evaluate,
  inputIdentity,
  parseManifest,
  type Evaluation,
  type Principal,
} from '../../src/policy/index.ts';
import { parsePath, pathExists, replaceAt, resolvePath } from '../../src/policy/path.ts';
import { cedar, compileYaml, hashing, stub, toolCall, toolManifest } from './support.ts';

const ALICE: Principal = { id: 'p1', tenant: 'acme', agent: 'alice', key: 'aa'.repeat(32) };
const VERSION = { agent_control_specification_version: '0.3.1-beta' };

function at(target: string, extra: JsonObject = {}): JsonObject {
  return {
    ...VERSION,
    policies: { p: { type: 'test' } },
    intervention_points: { input: { policy_target: target, policy: { id: 'p' }, ...extra } },
  };
}

function ask(
  manifest: JsonObject,
  snapshot: JsonValue,
  response: JsonValue = { decision: 'allow' },
): Evaluation {
  const policy = compileManifest(manifest, { hashing, engines: stub(response).engines });
  return evaluate(policy, { interventionPoint: 'input', snapshot, principal: null });
}

describe('paths', () => {
  it.each([
    ['$', 'snap', []],
    ['$snap', 'snap', []],
    ['$.a.b', 'snap', ['a', 'b']],
    ['$pi.snapshot["a.b"][0]', 'pi', ['snapshot', 'a.b', 0]],
    ['$policy_target["\\"]"]', 'policy_target', ['"]']],
    ['$tool.name', 'tool', ['name']],
    ['$.été', 'snap', ['été']],
  ])('reads %s', (text, root, segments) => {
    expect(parsePath(text)).toEqual({ text, root, segments });
  });

  it.each([
    '',
    'a',
    '$x',
    '$snapx.a',
    '$.',
    '$..a',
    '$.a.',
    '$[',
    '$[]',
    '$[-1]',
    '$[01]',
    '$[1.5]',
    '$["a"',
    '$["a]',
    '$[a]',
    '$.a b',
    '$.a]',
    "$['a']",
    `$${'.a'.repeat(33)}`,
    '$.\ud800',
  ])('refuses %s', (text) => expect(parsePath(text)).toBeNull());

  it('reads own members only', () => {
    const path = parsePath('$.constructor') as NonNullable<ReturnType<typeof parsePath>>;
    expect(pathExists(path, {})).toBe(false);
    expect(() => resolvePath(path, {})).toThrow('does not resolve');
    const proto = JSON.parse('{"__proto__":{"x":1}}') as JsonValue;
    const into = parsePath('$.__proto__.x') as NonNullable<ReturnType<typeof parsePath>>;
    expect(JSON.stringify(replaceAt(into, proto, 2))).toBe('{"__proto__":{"x":2}}');
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe('canonical form', () => {
  it('sorts names by UTF-8 bytes, where RFC 8785 sorts UTF-16 units', () => {
    const names = ['\u{10000}', '\uffff', '\ue000', 'é', 'a', 'Z', '', 'aa', '\u{1f600}'];
    const expected = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect([...names].sort(compareUtf8)).toEqual(expected);
    expect([...names].sort()).not.toEqual(expected);
  });

  it('agrees with bytes for any names', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
      }),
    );
  });

  it('the identity of an evaluation is that of the whole input', () => {
    const seen = stub({
      decision: 'transform',
      transform: { path: '$policy_target.b', value: { z: 1, a: 2 } },
    });
    const policy = compileManifest(at('$.x', { policy_target_kind: 'k"\u{1f600}' }), {
      hashing,
      engines: seen.engines,
    });
    const snapshot = { '\uffff': 1, '\u{10000}': [1.5, -0, 'é"\\\n'], x: { b: null, a: {} } };
    const evaluation = evaluate(policy, { interventionPoint: 'input', snapshot, principal: null });
    const input = seen.inputs[0] as unknown as JsonObject;
    expect(evaluation.inputIdentity).toBe(inputIdentity(hashing, input));
    const target = { ...(input['policy_target'] as JsonObject), value: evaluation.transformedPolicyTarget };
    expect(evaluation.enforcedIdentity).toBe(inputIdentity(hashing, { ...input, policy_target: target }));
    expect(evaluation.enforcedIdentity).not.toBe(evaluation.inputIdentity);
  });
});

describe('limits', () => {
  const nest = (depth: number): JsonValue => {
    let value: JsonValue = 1;
    for (let i = 0; i < depth; i++) value = [value];
    return value;
  };

  it('depth 64 of the policy input, wherever the target lies', () => {
    expect(ask(at('$.x'), { x: 1, y: nest(62) }).decision).toBe('allow');
    expect(ask(at('$.x'), { x: 1, y: nest(63) }).reason).toBe('runtime_error:resource_limit_exceeded');
    expect(ask(at('$.x'), { x: nest(62) }).decision).toBe('allow');
    expect(ask(at('$.x'), { x: nest(63) }).reason).toBe('runtime_error:resource_limit_exceeded');
    expect(ask(at('$.a.b.c'), { a: { b: { c: nest(60) } } }).decision).toBe('allow');
    expect(ask(at('$.a.b.c'), { a: { b: { c: nest(61) } } }).reason).toBe(
      'runtime_error:resource_limit_exceeded',
    );
    expect(ask(at('$'), { x: nest(61) }).decision).toBe('allow');
    expect(ask(at('$'), { x: nest(62) }).reason).toBe('runtime_error:resource_limit_exceeded');
    expect(ask(at('$.x'), { x: 1, y: nest(100_000) }).reason).toBe('runtime_error:resource_limit_exceeded');
  });

  it('size of the snapshot counts UTF-8 bytes, also after a transform', () => {
    const fit = 'é'.repeat((1_048_576 - '{"x":""}'.length) / 2);
    expect(ask(at('$.x'), { x: fit }).decision).toBe('allow');
    expect(ask(at('$.x'), { x: `${fit}a` }).reason).toBe('runtime_error:resource_limit_exceeded');
    const grow = { decision: 'transform', transform: { path: '$policy_target', value: 'y'.repeat(2000) } };
    expect(ask(at('$.x'), { x: '', y: 'a'.repeat(1_047_000) }, grow).reason).toBe(
      'runtime_error:resource_limit_exceeded',
    );
  });

  it('a transform cannot nest beyond the limit either', () => {
    const grow = { decision: 'transform', transform: { path: '$policy_target.v', value: nest(60) } };
    expect(ask(at('$.x'), { x: { v: 1 } }, grow).decision).toBe('transform');
    const deeper = { decision: 'transform', transform: { path: '$policy_target.v.w', value: nest(61) } };
    expect(ask(at('$.x'), { x: { v: { w: 1 } } }, deeper).reason).toBe(
      'runtime_error:resource_limit_exceeded',
    );
  });

  it('policy output', () => {
    expect(ask(at('$.x'), { x: 1 }, { decision: 'allow', message: 'm'.repeat(262_144) }).reason).toBe(
      'runtime_error:resource_limit_exceeded',
    );
  });
});

describe('annotations', () => {
  const manifest = {
    ...at('$.x', { annotations: { b: { from: '$policy_target' }, a: { from: '$.y' } } }),
    annotators: { a: { type: 'classifier' }, b: { type: 'llm' } },
  };
  const run = (annotations: object, snapshot: JsonValue = { x: 1, y: 2 }): Evaluation => {
    const policy = compileManifest(manifest, { hashing, engines: stub({ decision: 'allow' }).engines });
    return evaluate(policy, {
      interventionPoint: 'input',
      snapshot,
      principal: null,
      annotations: annotations as never,
    });
  };
  const ok = (value: JsonValue): object => ({ status: 'ok', value });

  it('all must be there, in order, within bounds, and not pose as failures', () => {
    expect(run({ a: ok(1), b: ok(2), unasked: ok(3) }).decision).toBe('allow');
    expect(run({ a: ok(1) }).reason).toBe('runtime_error:annotation_failed');
    expect(run({}).reason).toBe('runtime_error:annotation_failed');
    expect(run({ a: { status: 'timeout' } }).reason).toBe('runtime_error:annotation_timeout');
    expect(run({ a: { status: 'failed' }, b: { status: 'timeout' } }).reason).toBe(
      'runtime_error:annotation_failed',
    );
    expect(run({ a: ok(1), b: ok([{ reason: 'runtime_error:x' }]) }).reason).toBe(
      'runtime_error:annotation_failed',
    );
    expect(run({ a: ok('x'.repeat(262_143)), b: ok(1) }).reason).toBe('runtime_error:annotation_failed');
    expect(run({ a: ok(Number.NaN), b: ok(1) }).reason).toBe('runtime_error:annotation_failed');
    expect(run({ a: ok(1), b: ok(2) }, { x: 1 }).reason).toBe('runtime_error:path_missing');
  });

  it('sixteen a point', () => {
    const names = Array.from({ length: 17 }, (_, i) => `a${i}`);
    const many = {
      ...at('$.x', { annotations: Object.fromEntries(names.map((name) => [name, { from: '$.x' }])) }),
      annotators: Object.fromEntries(names.map((name) => [name, { type: 'llm' }])),
    };
    expect(() => parseManifest(many)).toFailWith('POLICY_MANIFEST_INVALID');
  });
});

describe('principal', () => {
  it('replaces what the snapshot says about agent and tenant', () => {
    const lie = {
      agent: { id: 'root', name: 'n' },
      tenant: { id: 'bank' },
      envelope: { agent: { id: 'root' }, tenant: { id: 'bank', name: 'Bank' }, session: { id: 's' } },
    };
    expect(applyPrincipal(lie, ALICE)).toEqual({
      agent: { id: 'alice', name: 'n' },
      tenant: 'acme',
      envelope: { agent: { id: 'alice' }, tenant: { id: 'acme' }, session: { id: 's' } },
    });
    expect(applyPrincipal({ agent: 'root', envelope: [] }, ALICE)).toEqual({
      agent: { id: 'alice' },
      tenant: 'acme',
      envelope: { agent: { id: 'alice' }, tenant: { id: 'acme' } },
    });
    expect(lie.agent.id).toBe('root');
  });

  it('so a caller cannot pose as another agent', () => {
    const only =
      '@id("bob") permit (principal == Agent::"bob", action, resource) when { context.tenant == "acme" };';
    const policy = compileManifest(toolManifest({ type: 'cedar', policy_set: only }, ['a']), {
      hashing,
      engines: [cedar],
    });
    const claim = {
      ...toolCall('a', {}),
      agent: { id: 'bob' },
      tenant: 'acme',
      envelope: { agent: { id: 'bob' } },
    };
    const by = (principal: Principal): string =>
      evaluate(policy, { interventionPoint: 'pre_tool_call', snapshot: claim, principal }).decision;
    expect(by(ALICE)).toBe('deny');
    expect(by({ ...ALICE, agent: 'bob' })).toBe('allow');
    expect(by({ ...ALICE, agent: 'bob', tenant: 'other' })).toBe('deny');
  });
});

describe('always an answer', () => {
  const manifest = toolManifest(
    {
      type: 'custom',
      adapter: 'assay/rules/v1',
      rules: [{ id: 'r', when: [{ path: '$policy_target.n', lte: 5 }], decision: 'allow' }],
    },
    ['a'],
  );
  const policies = [
    compileManifest(manifest, { hashing, engines: [createRulesEngine()] }),
    compileManifest(
      toolManifest(
        {
          type: 'cedar',
          policy_set: 'permit (principal, action, resource) when { context.tool_call.args.n <= 5 };',
        },
        ['a'],
      ),
      { hashing, engines: [cedar] },
    ),
  ];

  it('for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.constantFrom(ALICE, null), (args, other, principal) => {
        for (const policy of policies) {
          const snapshot = { ...(toolCall('a', args as JsonValue) as object), other } as unknown as JsonValue;
          const first = evaluate(policy, { interventionPoint: 'pre_tool_call', snapshot, principal });
          expect(evaluate(policy, { interventionPoint: 'pre_tool_call', snapshot, principal })).toEqual(
            first,
          );
          const n = (args as { n?: unknown } | null)?.n;
          if (first.decision === 'allow') expect(typeof n === 'number' && n <= 5).toBe(true);
          else expect(first.decision).toBe('deny');
        }
      }),
      { numRuns: 300 },
    );
  });

  it('for what is not JSON at all', () => {
    const cyclic: Record<string, unknown> = { tool_call: { name: 'a', args: { n: 1 } } };
    cyclic['self'] = cyclic;
    const hostile = {
      get tool_call(): never {
        throw new Error('boom');
      },
    };
    const odd: unknown[] = [
      null,
      1,
      'x',
      [],
      undefined,
      () => 1,
      Symbol('s'),
      1n,
      cyclic,
      hostile,
      { tool_call: { name: 'a', args: { n: Number.NaN } } },
      { tool_call: { name: 'a', args: { n: 1, s: '\ud800' } } },
      { tool_call: { name: 'a', args: { n: 1, '\udc00': 1 } } },
      { tool_call: { name: 'a', args: { n: 1, u: undefined } } },
      new Proxy(
        {},
        {
          get: () => {
            throw new RangeError('stack');
          },
          ownKeys: () => {
            throw new RangeError('stack');
          },
        },
      ),
    ];
    for (const snapshot of odd) {
      for (const policy of policies) {
        for (const principal of [ALICE, null]) {
          const result = evaluate(policy, {
            interventionPoint: 'pre_tool_call',
            snapshot: snapshot as JsonValue,
            principal,
          });
          expect(result.decision).toBe('deny');
          expect(result.reason).toMatch(/^runtime_error:/);
        }
      }
    }
  });

  it('for unknown points', () => {
    for (const interventionPoint of ['', 'input', 'constructor', '__proto__', 'pre_tool_call '])
      expect(
        evaluate(policies[0] as never, { interventionPoint, snapshot: {}, principal: null }).reason,
      ).toBe('runtime_error:intervention_point_unknown');
  });
});

describe('manifests', () => {
  const good = at('$.x');
  it.each([
    ['not an object', []],
    ['no version', { ...good, agent_control_specification_version: undefined as never }],
    ['another version', { ...good, agent_control_specification_version: '0.4.0-alpha.1' }],
    ['unknown member', { ...good, fail_open: true }],
    ['no policies', { ...good, policies: {} }],
    ['unknown type', { ...good, policies: { p: { type: 'js' } } }],
    ['custom without adapter', { ...good, policies: { p: { type: 'custom' } } }],
    ['cedar without text', { ...good, policies: { p: { type: 'cedar' } } }],
    ['cedar with both', { ...good, policies: { p: { type: 'cedar', policy_set: 'x', policy_path: 'y' } } }],
    [
      'rego with both bundles',
      { ...good, policies: { p: { type: 'rego', query: 'q', bundle: 'a', bundle_url: {} } } },
    ],
    ['rego without query', { ...good, policies: { p: { type: 'rego' } } }],
    [
      'unknown policy',
      { ...good, intervention_points: { input: { policy_target: '$.x', policy: { id: 'q' } } } },
    ],
    ['target outside the snapshot', at('$policy_target.x')],
    ['target not a path', at('x')],
    ['unknown point member', at('$.x', { on_error: 'allow' })],
    ['tool name off a tool point', at('$.x', { tool_name_from: '$.y' })],
    ['undeclared annotator', at('$.x', { annotations: { a: { from: '$.x' } } })],
    [
      'annotation reads annotations',
      {
        ...at('$.x', { annotations: { a: { from: '$pi["annotations"].b' } } }),
        annotators: { a: { type: 'llm' } },
      },
    ],
    ['annotator type', { ...good, annotators: { a: { type: 'oracle' } } }],
    ['tool not an object', { ...good, tools: { t: 'x' } }],
    ['empty tool name', { ...good, tools: { '': {} } }],
    ['too large', { ...good, metadata: { x: 'x'.repeat(1_048_577) } }],
  ] as [string, JsonValue][])('refuses %s', (_name, manifest) => {
    expect(() => parseManifest(manifest)).toFailWith('POLICY_MANIFEST_INVALID');
  });

  it('refuses a type without an engine', () => {
    const text =
      'agent_control_specification_version: 0.3.1-beta\npolicies: {p: {type: rego, query: q}}\nintervention_points: {input: {policy_target: $.x, policy: {id: p}}}';
    expect(() => compileYaml(text, [createRulesEngine(), cedar])).toFailWith('POLICY_ENGINE_UNKNOWN');
  });
});
