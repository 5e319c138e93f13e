/**
 * Policy evaluations per second on one core: the sample policy under Cedar, the same decisions as rules, and what
 * of it is the engine alone. Run with the lock file's node; prints medians of rounds, takes about ten seconds.
 */
import { resolve } from 'node:path';
import { buildPolicyFolder, loadCedarModule } from '../../host/policy/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { parseJson } from '../../src/codec/json.ts';
import {
  compileBundle,
  compileManifest,
  createEngines,
  evaluate,
  type CompiledManifest,
} from '../../src/policy/index.ts';

const engines = createEngines({ cedar: loadCedarModule() });
const context = { hashing: nodeCrypto, engines };
const bundle = compileBundle(
  buildPolicyFolder(resolve(import.meta.dirname, '../../host/cli/sample')),
  context,
);

const reading = ['search_orders', 'get_order', 'list_products'];
const tool = (name: string): JsonObject => ({ path: '$tool.name', eq: name });
const amount = (op: string, value: number): JsonObject => ({
  path: '$policy_target.amount_cents',
  [op]: value,
});
const rules: CompiledManifest = compileManifest(
  {
    agent_control_specification_version: '0.3.1-beta',
    policies: {
      shop: {
        type: 'custom',
        adapter: 'assay/rules/v1',
        rules: [
          { id: 'never-delete', when: [tool('delete_customer')], decision: 'deny' },
          { id: 'read-tools', when: [{ path: '$tool.name', in: reading }], decision: 'allow' },
          {
            id: 'refund-within-limit',
            when: [tool('refund'), amount('gt', 0), amount('lte', 5000)],
            decision: 'allow',
          },
          { id: 'refund-above-limit', when: [tool('refund'), amount('gt', 5000)], decision: 'escalate' },
          {
            id: 'email-without-body',
            when: [tool('send_email')],
            decision: 'transform',
            transform: { path: '$policy_target.body', value: 'Please log in to read this message.' },
          },
        ],
      },
    },
    intervention_points: {
      pre_tool_call: {
        policy_target: '$snap.tool_call.args',
        policy_target_kind: 'tool_args',
        tool_name_from: '$snap.tool_call.name',
        policy: { id: 'shop' },
      },
    },
    tools: Object.fromEntries(bundle.manifest.tools),
  },
  context,
);

const principal = bundle.principals[0] ?? null;
const snapshots = [
  { tool_call: { name: 'get_order', args: { order: 'o-4' }, id: 'call-1' } },
  { tool_call: { name: 'refund', args: { order: 'o-4', amount_cents: 2500 }, id: 'call-2' } },
  { tool_call: { name: 'refund', args: { order: 'o-4', amount_cents: 45_000 }, id: 'call-3' } },
  { tool_call: { name: 'send_email', args: { to: 'a@example.com', body: 'x' }, id: 'call-4' } },
];
const bytes = snapshots.map((snapshot) => new TextEncoder().encode(JSON.stringify(snapshot)));

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] as number;
}

function measure(name: string, rounds: number, count: number, work: (index: number) => void): void {
  for (let i = 0; i < count; i++) work(i);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const from = process.hrtime.bigint();
    for (let i = 0; i < count; i++) work(i);
    rates.push((count * 1e9) / Number(process.hrtime.bigint() - from));
  }
  console.log(`${name.padEnd(44)} ${Math.round(median(rates)).toLocaleString('en').padStart(10)} /s`);
}

function decide(policy: CompiledManifest): (index: number) => void {
  return (index) => {
    const snapshot = snapshots[index & 3] as JsonObject;
    const { reason } = evaluate(policy, { interventionPoint: 'pre_tool_call', snapshot, principal });
    if (reason?.startsWith('runtime_error:') === true) throw new Error(reason);
  };
}

function engineAlone(policy: CompiledManifest): (index: number) => void {
  const point = policy.points.get('pre_tool_call');
  const inputs = snapshots.map((snapshot) => ({
    intervention_point: 'pre_tool_call' as const,
    policy_target: { kind: 'tool_args', path: '$snap.tool_call.args', value: snapshot.tool_call.args },
    snapshot: { ...snapshot, envelope: { agent: { id: 'shop-assistant' } } },
    annotations: {},
    tool: policy.manifest.tools.get(snapshot.tool_call.name) ?? null,
  }));
  return (index) => void point?.program.evaluate(inputs[index & 3] as (typeof inputs)[0]);
}

measure('rules: evaluate() with both identities', 9, 100_000, decide(rules));
measure('rules: engine alone', 9, 500_000, engineAlone(rules));
measure('Cedar: evaluate() with both identities', 9, 10_000, decide(bundle));
measure('Cedar: engine alone', 9, 10_000, engineAlone(bundle));
measure('reading a snapshot from bytes', 9, 200_000, (index) => {
  parseJson(bytes[index & 3] as Uint8Array, { maxBytes: 1_048_576, maxDepth: 64 });
});
