/** The published JSON Schemas of ACS and our readers name the same members; real manifests load. */
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import { INTERVENTION_POINTS, normalizeVerdict, parseManifest } from '../../src/policy/index.ts';
import { CORPUS, corpusText, missing } from '../support/corpus.ts';
import { yaml } from './support.ts';

type Any = any;
const schema = (name: string): Any => JSON.parse(corpusText('policy', `acs/schema/${name}`));

const GOOD: JsonObject = {
  agent_control_specification_version: '0.3.1-beta',
  policies: { p: { type: 'test' } },
  annotators: { a: { type: 'llm' } },
  intervention_points: {
    pre_tool_call: {
      policy_target: '$.x',
      policy_target_kind: 'k',
      tool_name_from: '$.y',
      annotations: { a: { from: '$.x' } },
      policy: { id: 'p' },
    },
  },
};

describe.skipIf(CORPUS === null)('ACS schemas', () => {
  it('manifest: the same members at the top and in a point', () => {
    const { properties, $defs } = schema('manifest.schema.json');
    const empty: Record<string, JsonValue> = {
      metadata: {},
      extends: [],
      tools: {},
      annotators: {},
      approval: {},
    };
    parseManifest({ ...empty, ...GOOD });
    expect(Object.keys({ ...empty, ...GOOD }).sort()).toEqual(Object.keys(properties).sort());
    const point = (GOOD['intervention_points'] as Any).pre_tool_call;
    expect(Object.keys(point).sort()).toEqual(Object.keys($defs.intervention_point.properties).sort());
    expect(properties.intervention_points.propertyNames.enum).toEqual([...INTERVENTION_POINTS]);
    const types = $defs.policy.oneOf.map((one: Any) => one.properties.type.const).sort();
    expect(types).toEqual(['cedar', 'custom', 'rego', 'test']);
    expect($defs.annotator.properties.type.enum).toEqual(['classifier', 'llm', 'endpoint']);
  });

  it('verdict: the same members and decisions', () => {
    const { properties, required } = schema('wire/verdict.schema.json');
    expect(required).toEqual(['decision']);
    for (const decision of properties.decision.enum) {
      const transform = decision === 'transform' ? { transform: { path: '$policy_target', value: 1 } } : {};
      expect(normalizeVerdict({ decision, ...transform }).decision).toBe(decision);
    }
    const full = { decision: 'allow', reason: null, message: null, evidence: {}, result_labels: null };
    expect(Object.keys({ ...full, transform: 1 }).sort()).toEqual(Object.keys(properties).sort());
    normalizeVerdict(full);
  });

  it('real manifests', () => {
    const counts = { loaded: 0, 'another version': 0, 'extends to resolve': 0, 'another dialect': 0 };
    for (const name of readdirSync(resolve(CORPUS as string, 'policy/acs-manifests'))) {
      const text = corpusText('policy', `acs-manifests/${name}`);
      const version = /^agent_control_specification_version: "?([^"\n]+)"?$/m.exec(text)?.[1];
      if (version === undefined) counts['another dialect']++;
      else if (version !== '0.3.1-beta') counts['another version']++;
      else {
        let manifest: JsonObject;
        try {
          manifest = yaml(text) as JsonObject;
        } catch {
          // Several documents in one file: a Kubernetes wrapper, not a manifest.
          counts['another dialect']++;
          continue;
        }
        if (((manifest['extends'] ?? []) as readonly unknown[]).length > 0) {
          counts['extends to resolve']++;
          expect(() => parseManifest(manifest)).toFailWith('POLICY_MANIFEST_INVALID');
        } else {
          counts.loaded++;
          parseManifest(manifest);
        }
      }
    }
    console.info(
      `ACS manifests: ${JSON.stringify(counts)}; the streaming cases do not apply (no streams are assembled here)`,
    );
    expect(counts.loaded).toBeGreaterThan(20);
  });
});

if (CORPUS === null) missing('ACS schemas and manifests', 55);
