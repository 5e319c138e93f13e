import { describe, expect, it } from 'vitest';
import { createDecider, type Decider } from '../../enclave/decide/index.ts';
import { nodeCrypto } from '../../native/index.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import { actionIdentity } from '../../src/log/action.ts';
import { encodeLeaf, placeLeaf } from '../../src/log/leaf.ts';
import { compileBundle, createEngines, evaluate } from '../../src/policy/index.ts';
import type { DecideRequest } from '../../src/rpc/messages.ts';
import { parseSignedOrder } from '../../src/statement/order.ts';
import { cedarModule } from '../policy/support.ts';
import { policyOrder, TEST_ORIGIN } from '../support/enclave.ts';
import { type BundleChanges, bundleOf, keyOf, policyBench, type PolicyBench } from '../support/policies.ts';
import { vectors } from '../support/vectors.ts';

interface Bench extends PolicyBench {
  readonly decider: Decider;
  load(changes: BundleChanges): Promise<Uint8Array>;
}

async function bench(): Promise<Bench> {
  const base = await policyBench();
  const decider = createDecider({
    hashing: nodeCrypto,
    clock: base.clock,
    policies: base.policies,
    append: base.append,
    size: () => 5,
    maxValidForMs: 300_000,
  });
  let version = 0;
  let previous: Uint8Array | null = null;
  const load = async (changes: BundleChanges): Promise<Uint8Array> => {
    const bundle = bundleOf(changes);
    version++;
    const order = policyOrder(
      {
        origin: TEST_ORIGIN,
        tenant: 'acme',
        version,
        previous,
        bundleDigest: nodeCrypto.sha256(bundle),
        notAfter: base.clock.now() + 1_000,
      },
      base.authorities,
    );
    previous = nodeCrypto.sha256(parseSignedOrder(order).order);
    await base.policies.load(order, bundle);
    return bundle;
  };
  return Object.assign(base, { decider, load });
}

const call = (name: JsonValue, args: JsonValue): JsonObject => ({ tool_call: { name, args } });

function request(
  changes: Partial<DecideRequest> = {},
  snapshot: JsonValue = call('pay', { cents: 5 }),
): DecideRequest {
  return {
    interventionPoint: 'pre_tool_call',
    snapshot: utf8(JSON.stringify(snapshot)),
    audience: 'shop.example',
    nonce: new Uint8Array(16).fill(7),
    requiredLevel: 0,
    validForMs: 60_000,
    session: new Uint8Array(0),
    parent: null,
    labels: [],
    ...changes,
  };
}

describe('a decision', () => {
  it('takes a parent only from the log', async () => {
    const { decider, load } = await bench();
    await load({});
    await expect(decider.decide(request({ parent: 5 }), keyOf(1))).toRejectWith('REQUEST_INVALID');
  });

  it('cuts a rule name that is wider than a leaf at a whole character', async () => {
    const { decider, drafts, load } = await bench();
    await load({ rules: [{ id: '\u6c34'.repeat(100), decision: 'allow' }] });
    await decider.decide(request(), keyOf(1));
    expect(drafts.at(-1)?.rule).toBe('\u6c34'.repeat(85));
  });

  it('is logged with what was asked, under the identity that the key proves', async () => {
    const one = await bench();
    const bundle = await one.load({});
    const session = new Uint8Array(64).fill(3);
    const asked = request({ requiredLevel: 2, session, parent: 4, labels: ['pii', 'eu'] });
    const answer = await one.decider.decide(asked, keyOf(1));
    expect(answer).toMatchObject({ decision: 'allow', rule: 'pay-rule', target: new Uint8Array(0) });
    expect(one.drafts.at(-1)).toMatchObject({
      kind: 'decision',
      tenant: 'acme',
      agent: 'agent-1',
      principal: keyOf(1),
      session,
      parent: 4,
      labels: ['pii', 'eu'],
      interventionPoint: 'pre_tool_call',
      action: actionIdentity(nodeCrypto, 'pay', { cents: 5 }),
      audience: 'shop.example',
      nonce: asked.nonce,
      decision: 'allow',
      rule: 'pay-rule',
      policyDigest: nodeCrypto.sha256(bundle),
      requiredLevel: 2,
      notAfter: one.clock.now() + 60_000,
    });
  });

  it('takes its end from the clock of the enclave', async () => {
    const one = await bench();
    await one.load({});
    one.machine.now += 12_345;
    await one.decider.decide(request({ validForMs: 1 }), keyOf(1));
    expect(one.drafts.at(-1)?.notAfter).toBe(one.machine.now + 1);
  });

  it('is for the tool that the policy found, when the caller names no audience', async () => {
    const one = await bench();
    await one.load({});
    await one.decider.decide(request({ audience: '' }), keyOf(1));
    expect(one.drafts.at(-1)?.audience).toBe('pay');
  });

  it('gives the transformed arguments, and logs their identity', async () => {
    const one = await bench();
    const transform = { path: '$policy_target.cents', value: 1 };
    await one.load({ rules: [{ id: 'cap', decision: 'transform', transform }] });
    const answer = await one.decider.decide(request(), keyOf(1));
    expect(new TextDecoder().decode(answer.target)).toBe('{"cents":1}');
    expect(one.drafts.at(-1)?.action).toEqual(actionIdentity(nodeCrypto, 'pay', { cents: 1 }));
  });

  it('cannot be made in the name of another tenant or agent', async () => {
    const one = await bench();
    const told = { eq: 'agent-1', path: '$snap.agent.id' };
    const tenant = { eq: 'acme', path: '$snap.tenant' };
    const bundle = await one.load({ rules: [{ id: 'own', decision: 'allow', when: [told, tenant] }] });
    const lies = {
      ...call('pay', {}),
      agent: { id: 'root' },
      tenant: 'other',
      envelope: { agent: { id: 'root' }, tenant: { id: 'other', role: 'admin' } },
    };
    const answer = await one.decider.decide(request({}, lies), keyOf(1));
    expect(answer).toMatchObject({ decision: 'allow', rule: 'own' });
    expect(one.drafts.at(-1)).toMatchObject({ tenant: 'acme', agent: 'agent-1' });
    // What it is judged on, bit for bit, is what an auditor evaluates.
    const engines = createEngines({ cedar: cedarModule });
    const policy = compileBundle(bundle, { hashing: nodeCrypto, engines });
    const again = evaluate(policy, {
      interventionPoint: 'pre_tool_call',
      snapshot: lies,
      principal: policy.principal(keyOf(1)),
    });
    expect(answer.inputIdentity).toBe(again.inputIdentity);
  });

  it('is deny with a reserved reason, logged, when it cannot be made', async () => {
    const one = await bench();
    await one.load({});
    const cases: [JsonValue, Partial<DecideRequest>, string][] = [
      [call('wire', {}), {}, 'runtime_error:tool_unknown'],
      [call(7, {}), {}, 'runtime_error:path_type_mismatch'],
      [{}, {}, 'runtime_error:path_missing'],
      [[], {}, 'runtime_error:request_invalid'],
      [call('pay', {}), { interventionPoint: 'whenever' }, 'runtime_error:intervention_point_unknown'],
    ];
    for (const [snapshot, changes, reason] of cases) {
      const answer = await one.decider.decide(request(changes, snapshot), keyOf(1));
      expect([answer.decision, answer.reason]).toEqual(['deny', reason]);
      expect(one.drafts.at(-1)).toMatchObject({ decision: 'deny', rule: reason });
    }
    expect(one.drafts.filter(({ kind }) => kind === 'decision')).toHaveLength(5);
  });

  it('has a leaf that can be encoded, whatever the tool is called', async () => {
    const one = await bench();
    await one.load({});
    for (const name of ['', 'x'.repeat(10_000), '€'.repeat(100), '\u0000', '\u202e'])
      for (const audience of ['', '€'.repeat(85)]) {
        await one.decider.decide(request({ audience }, call(name, {})), keyOf(1));
        const draft = one.drafts.at(-1);
        expect(draft?.decision).toBe('deny');
        encodeLeaf(placeLeaf(draft as NonNullable<typeof draft>, { index: 0, epoch: 1, time: 1 }));
      }
  });

  it('is not given when its leaf is not durable', async () => {
    const one = await bench();
    await one.load({});
    one.appending = async () => {
      throw new AssayError('LOG_UNAVAILABLE', 'as told');
    };
    await expect(one.decider.decide(request(), keyOf(1))).toRejectWith('LOG_UNAVAILABLE');
  });
});

describe('a caller without a principal', () => {
  it('is refused and counted, never logged', async () => {
    const one = await bench();
    await expect(one.decider.decide(request(), keyOf(1))).toRejectWith('POLICY_MISSING');
    await one.load({});
    await expect(one.decider.decide(request(), null)).toRejectWith('PRINCIPAL_UNKNOWN');
    await expect(one.decider.decide(request(), keyOf(2))).toRejectWith('PRINCIPAL_UNKNOWN');
    expect(one.decider.refused).toBe(3);
    expect(one.drafts.map(({ kind }) => kind)).toEqual(['policy_change']);
  });

  it('is refused before anything that it sent is read', async () => {
    const one = await bench();
    await one.load({});
    const hostile = request({ nonce: new Uint8Array(0), snapshot: utf8('['.repeat(1_000)) });
    await expect(one.decider.decide(hostile, keyOf(2))).toRejectWith('PRINCIPAL_UNKNOWN');
    expect(one.decider.refused).toBe(1);
  });

  it('is one from the moment on that a new policy no longer names it', async () => {
    const one = await bench();
    await one.load({});
    await one.decider.decide(request(), keyOf(1));
    await one.load({ key: 2 });
    await expect(one.decider.decide(request(), keyOf(1))).toRejectWith('PRINCIPAL_UNKNOWN');
  });
});

interface Case {
  readonly name: string;
  readonly field: string;
  readonly set?: Partial<DecideRequest>;
  readonly bytes?: [string, number];
  readonly text?: [string, number];
  readonly wide?: [string, number];
  readonly labels?: number;
  readonly json?: string;
  readonly deep?: number;
}

function malformed({ set, bytes, text, wide, labels, json, deep }: Case): DecideRequest {
  const changes: Record<string, unknown> = { ...set };
  if (bytes !== undefined) changes[bytes[0]] = new Uint8Array(bytes[1]);
  if (text !== undefined) changes[text[0]] = 'x'.repeat(text[1]);
  if (wide !== undefined) changes[wide[0]] = '€'.repeat(wide[1]);
  if (labels !== undefined) changes['labels'] = Array.from({ length: labels }, () => 'x');
  if (json !== undefined) changes['snapshot'] = utf8(json);
  if (deep !== undefined) changes['snapshot'] = utf8('['.repeat(deep) + ']'.repeat(deep));
  return request(changes as Partial<DecideRequest>);
}

describe('a malformed request', () => {
  it.each(vectors<Case>('decide-malformed.json').cases)(
    'with $name: REQUEST_INVALID names $field',
    async (entry) => {
      const one = await bench();
      await one.load({});
      const asked = one.decider.decide(malformed(entry), keyOf(1));
      await expect(asked).toRejectWith('REQUEST_INVALID');
      await expect(asked).rejects.toThrow(new RegExp(`^${entry.field}`));
      expect(one.drafts.map(({ kind }) => kind)).toEqual(['policy_change']);
    },
  );

  it('may be as large as the limits say', async () => {
    const one = await bench();
    await one.load({});
    const most = request({
      nonce: new Uint8Array(64),
      audience: 'x'.repeat(255),
      session: new Uint8Array(64).fill(1),
      labels: Array.from({ length: 16 }, () => 'x'.repeat(64)),
      validForMs: 300_000,
    });
    await one.decider.decide(most, keyOf(1));
    const draft = one.drafts.at(-1) as NonNullable<(typeof one.drafts)[0]>;
    expect(encodeLeaf(placeLeaf(draft, { index: 0, epoch: 1, time: 1 })).length).toBeLessThan(65_535);
  });

  it('whose snapshot is not UTF-8', async () => {
    const one = await bench();
    await one.load({});
    const asked = request({ snapshot: Uint8Array.of(0x22, 0xc3, 0x22) });
    await expect(one.decider.decide(asked, keyOf(1))).toRejectWith('REQUEST_INVALID');
  });
});

describe('while an order is being logged', () => {
  it('decisions wait, and are made under the policy that the log puts before them', async () => {
    const one = await bench();
    await one.load({});
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    one.appending = async ({ kind }) => (kind === 'policy_change' ? held : undefined);
    const loading = one.load({ effect: 'deny' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(one.policies.settled).not.toBeNull();
    const waiting = one.decider.decide(request(), keyOf(1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(one.drafts.map(({ kind }) => kind)).toEqual(['policy_change']);
    release();
    await loading;
    expect((await waiting).decision).toBe('deny');
    expect(one.drafts.map(({ kind }) => kind)).toEqual(['policy_change', 'policy_change', 'decision']);
  });

  it('and after it fails, under the old one', async () => {
    const one = await bench();
    await one.load({});
    one.appending = async ({ kind }) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (kind === 'policy_change') throw new AssayError('LOG_UNAVAILABLE', 'as told');
    };
    const loading = one.load({ effect: 'deny' });
    const waiting = one.decider.decide(request(), keyOf(1));
    await expect(loading).toRejectWith('LOG_UNAVAILABLE');
    expect((await waiting).decision).toBe('allow');
  });

  it('but not for an order that is only being judged', async () => {
    const one = await bench();
    await one.load({});
    const bundle = bundleOf({ effect: 'deny' });
    const stale = policyOrder(
      {
        origin: TEST_ORIGIN,
        tenant: 'acme',
        version: 9,
        previous: null,
        bundleDigest: nodeCrypto.sha256(bundle),
        notAfter: 1,
      },
      one.authorities,
    );
    const loading = one.policies.load(stale, bundle);
    expect(one.policies.settled).toBeNull();
    await expect(loading).toRejectWith('ORDER_OUT_OF_SEQUENCE');
  });
});
