/** What the policy suites share: the Cedar module, engines that answer as told, YAML as the ACS cases carry it. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { load } from 'js-yaml';
import { nodeCrypto } from '../../native/crypto.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import {
  compileManifest,
  createCedarEngine,
  normalizeVerdict,
  type CompiledManifest,
  type PolicyEngine,
  type PolicyInput,
} from '../../src/policy/index.ts';

export const hashing = nodeCrypto;

export const cedarModule: WebAssembly.Module = new WebAssembly.Module(
  new Uint8Array(
    readFileSync(
      resolve(import.meta.dirname, '../../node_modules/@cedar-policy/cedar-wasm/web/cedar_wasm_bg.wasm'),
    ),
  ),
);

export const cedar: PolicyEngine = createCedarEngine(cedarModule);

export function yaml(text: string): JsonValue {
  return load(text) as JsonValue;
}

/** The stub of the ACS suite: every policy type answers the same, or fails. */
export interface Stub {
  readonly engines: readonly PolicyEngine[];
  readonly inputs: PolicyInput[];
}

export function stub(response: JsonValue | 'raise', adapters: readonly string[] = ['fixture']): Stub {
  const inputs: PolicyInput[] = [];
  const engine = (type: PolicyEngine['type'], adapter: string | null): PolicyEngine => ({
    type,
    adapter,
    compile: () => ({
      evaluate(input) {
        inputs.push(input);
        if (response === 'raise') throw new Error('the policy failed');
        return { verdict: normalizeVerdict(response), rule: null };
      },
    }),
  });
  return {
    inputs,
    engines: [
      engine('test', null),
      engine('rego', null),
      engine('cedar', null),
      ...adapters.map((adapter) => engine('custom', adapter)),
    ],
  };
}

export function compileYaml(text: string, engines: readonly PolicyEngine[]): CompiledManifest {
  return compileManifest(yaml(text), { hashing, engines });
}

/** A manifest with one policy at pre_tool_call over a catalogue of tools. */
export function toolManifest(policy: JsonObject, tools: readonly string[]): JsonObject {
  return {
    agent_control_specification_version: '0.3.1-beta',
    policies: { p: policy },
    intervention_points: {
      pre_tool_call: {
        policy_target: '$snap.tool_call.args',
        policy_target_kind: 'tool_args',
        tool_name_from: '$snap.tool_call.name',
        policy: { id: 'p' },
      },
    },
    tools: Object.fromEntries(tools.map((name) => [name, {}])),
  };
}

export function toolCall(name: string, args: JsonValue): JsonObject {
  return { envelope: { agent: { id: 'shop' } }, tool_call: { name, args } };
}
