/** The recorded conformance data of the Agent Control Specification, run against the pipeline. */
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../src/base/errors.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import {
  evaluate,
  INTERVENTION_POINTS,
  LIMITS,
  normalizeVerdict,
  parseManifest,
} from '../../src/policy/index.ts';
import { PolicyFailure } from '../../src/policy/reasons.ts';
import { corpusText, CORPUS, missing } from '../support/corpus.ts';
import { compileYaml, stub, yaml } from './support.ts';

type Any = any;
const BLOCKED = 'Request blocked by Agent Control Specification.';

function json(file: string): Any {
  return JSON.parse(corpusText('policy', file));
}

function files(folder: string): string[] {
  return readdirSync(resolve(CORPUS as string, 'policy', folder))
    .filter((name) => name.endsWith('.json'))
    .sort();
}

/** Runs one case as the ACS runner does: a manifest that cannot be loaded denies everything. */
function run(testCase: Any): {
  result: ReturnType<typeof evaluate> | null;
  inputs: Any[];
  reason: string | null;
} {
  const raise = testCase.policy_behavior === 'error';
  const engine = stub(raise ? 'raise' : testCase.policy_response);
  let policy: ReturnType<typeof compileYaml>;
  try {
    policy = compileYaml(testCase.manifest_yaml, engine.engines);
  } catch (error) {
    expect(codeOf(error)).toBe('POLICY_MANIFEST_INVALID');
    return { result: null, inputs: [], reason: 'runtime_error:manifest_invalid' };
  }
  const outcome = { error: { status: 'failed' }, timeout: { status: 'timeout' } } as const;
  const behaviour = testCase.annotator_behavior as 'error' | 'timeout' | undefined;
  const names = [...policy.points.values()].flatMap((point) => point.annotations.map(({ name }) => name));
  const outputs: Record<string, JsonValue> = testCase.annotator_outputs ?? {};
  const annotations = Object.fromEntries(
    names.map((name) => [
      name,
      behaviour ? outcome[behaviour] : { status: 'ok', value: outputs[name] ?? {} },
    ]),
  ) as Any;
  const result = evaluate(policy, {
    interventionPoint: testCase.intervention_point,
    snapshot: testCase.snapshot,
    principal: null,
    annotations,
    mode: testCase.mode ?? 'enforce',
  });
  return { result, inputs: engine.inputs, reason: result.reason };
}

describe.skipIf(CORPUS === null)('ACS conformance cases', () => {
  for (const file of CORPUS === null ? [] : files('acs/cases')) {
    const testCase = json(`acs/cases/${file}`);
    it(`${testCase.id}: ${testCase.title}`, () => {
      const { result } = run(testCase);
      const { expected } = testCase;
      expect(result?.decision).toBe(expected.decision);
      if ('reason' in expected) expect(result?.reason).toBe(expected.reason);
      if ('policy_target' in expected) expect(result?.policyTarget).toEqual(expected.policy_target);
      if ('transformed_policy_target' in expected)
        expect(result?.transformedPolicyTarget).toEqual(expected.transformed_policy_target);
      if ('tool_name' in expected) expect(result?.toolName).toBe(expected.tool_name);
      if (expected.action_identity === 'present')
        expect(result?.enforcedIdentity).toMatch(/^sha256:[0-9a-f]{64}$/);
    });
  }
});

describe.skipIf(CORPUS === null)('ACS fail-closed parity', () => {
  const parity = CORPUS === null ? { cases: [] } : json('acs/fail_closed_error_parity.json');
  for (const testCase of parity.cases) {
    it(testCase.id, () => {
      const { result, reason } = run(testCase);
      expect(reason).toBe(testCase.expected_reason);
      if (testCase.operation === 'build') expect(result).toBeNull();
      else expect(result?.decision).toBe('deny');
    });
  }
});

describe.skipIf(CORPUS === null)('ACS core fixtures', () => {
  for (const file of CORPUS === null ? [] : files('acs/core-cases')) {
    const fixture = json(`acs/core-cases/${file}`);
    if (fixture.case_kind === 'manifest') {
      it(fixture.id, () => {
        const read = (): unknown => parseManifest(yaml(fixture.manifest_yaml));
        if (!fixture.expect_valid) {
          expect(read).toFailWith('POLICY_MANIFEST_INVALID');
          return;
        }
        const manifest = parseManifest(yaml(fixture.manifest_yaml));
        expect([...manifest.points.keys()]).toEqual(fixture.expected_intervention_point_names);
      });
      continue;
    }
    for (const evaluation of fixture.evaluations) {
      it(`${fixture.id}: ${evaluation.name}`, () => {
        const { result, inputs } = run({
          ...evaluation,
          manifest_yaml: fixture.manifest_yaml,
          policy_response: evaluation.policy_response.ok,
          annotator_outputs: Object.fromEntries(
            Object.entries<Any>(fixture.annotation_responses ?? {}).map(([name, { ok }]) => [name, ok]),
          ),
        });
        const { expected } = evaluation;
        expect(inputs.length > 0).toBe(expected.policy_invoked);
        expect(inputs[0]).toEqual(expected.policy_input);
        expect(result?.decision).toBe(expected.verdict.decision);
        expect(result?.reason).toBe(expected.verdict.reason ?? null);
        expect(result?.message).toBe(expected.verdict.message ?? null);
        if ('transformed_policy_target' in expected)
          expect(result?.transformedPolicyTarget).toEqual(expected.transformed_policy_target);
        if (expected.policy_invocation !== undefined)
          expect(JSON.parse(expected.policy_invocation.canonical_input)).toEqual(inputs[0]);
      });
    }
  }
});

describe.skipIf(CORPUS === null)('ACS parity tables', () => {
  it('verdict dispatch', () => {
    const { rows } = json('acs/parity/verdict_dispatch_canonical.json');
    expect(rows.length).toBe(7);
    for (const row of rows) {
      if (row.normalized_decision !== null) {
        expect(normalizeVerdict(row.input).decision).toBe(row.normalized_decision);
      } else {
        expect(() => normalizeVerdict(row.input)).toThrow(PolicyFailure);
        expect(reasonOf(() => normalizeVerdict(row.input))).toBe(row.expected_error_reason);
      }
    }
  });

  it('resource limits', () => {
    const { defaults } = json('acs/parity/resource_limits_canonical.json');
    expect(LIMITS).toMatchObject({
      snapshotBytes: defaults.max_snapshot_bytes,
      inputDepth: defaults.max_policy_input_depth,
      annotatorsPerPoint: defaults.max_annotators_per_point,
      annotatorOutputBytes: defaults.max_annotator_output_bytes,
      policyOutputBytes: defaults.max_policy_output_bytes,
      extendsDepth: defaults.max_extends_depth,
      manifestBytes: defaults.max_merged_manifest_bytes,
    });
    console.info('ACS resource limits: 3 of 10 do not apply (no manifest is fetched from a URL)');
  });

  it('error mapping: every reason is produced here, or belongs to a layer above', () => {
    const { runtime_errors } = json('acs/parity/error_mapping_canonical.json');
    const elsewhere = [
      // The bundle is refused at load with POLICY_MANIFEST_INVALID, so no decision ever carries it.
      'runtime_error:manifest_invalid',
      // Approvals are leaves of their own; nothing here resolves an escalation.
      'runtime_error:approval_action_mismatch',
      'runtime_error:approval_resolver_missing',
    ];
    const produced: string[] = json('acs/fail_closed_error_parity.json').reserved_reasons;
    for (const { reason } of runtime_errors)
      expect(produced.includes(reason) || elsewhere.includes(reason)).toBe(true);
    console.info(
      `ACS error mapping: ${elsewhere.length} of ${runtime_errors.length} reasons belong to other layers`,
    );
  });
});

function reasonOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof PolicyFailure) return error.reason;
    throw error;
  }
  return 'none';
}

describe.skipIf(CORPUS === null)('ACS policy inputs', () => {
  for (const file of CORPUS === null ? [] : files('acs/policy-inputs')) {
    it(`${file} is what canonical-all-interventions builds`, () => {
      const expected = json(`acs/policy-inputs/${file}`);
      const manifest = yaml(
        corpusText('policy', 'acs/manifests/canonical-all-interventions.yaml'),
      ) as JsonObject;
      const { extends: _parents, ...resolved } = manifest;
      const { inputs, result } = run({
        manifest_yaml: JSON.stringify(resolved),
        intervention_point: expected.intervention_point,
        snapshot: expected.snapshot,
        annotator_outputs: expected.annotations,
        policy_response: { decision: 'allow' },
      });
      expect(result?.decision).toBe('allow');
      expect(inputs).toEqual([expected]);
    });
  }

  it('the frozen manifests cover every point', () => {
    for (const name of ['minimal', 'canonical']) {
      const { extends: _parents, ...manifest } = yaml(
        corpusText('policy', `acs/manifests/${name}-all-interventions.yaml`),
      ) as JsonObject;
      expect([...parseManifest(manifest).points.keys()].sort()).toEqual([...INTERVENTION_POINTS].sort());
    }
  });
});

describe.skipIf(CORPUS === null)('ACS vectors of the published runtime', () => {
  it('identities', () => {
    const { manifest_yaml, vectors } = json('generated/acs-identity.json');
    let differing = 0;
    for (const vector of vectors) {
      const { result } = run({
        ...vector,
        manifest_yaml,
        policy_response: vector.policy_response ?? { decision: 'allow' },
      });
      // The published Node SDK turns integers from 2^32 on into floats; section 8 emits scalars unchanged.
      if (vector.js_helper_actionIdentity_equal === false) {
        differing++;
        expect(result?.inputIdentity).not.toBe(vector.input_identity);
        continue;
      }
      expect(result?.inputIdentity).toBe(vector.input_identity);
      expect(result?.enforcedIdentity).toBe(vector.enforced_identity);
    }
    console.info(
      `ACS identities: ${vectors.length - differing} equal, ${differing} where the SDK breaks its specification`,
    );
    expect(differing).toBe(3);
  });

  it('normalisation', () => {
    const { manifest_yaml, vectors } = json('generated/acs-normalize.json');
    let differing = 0;
    for (const vector of vectors) {
      const { result } = run({
        manifest_yaml,
        intervention_point: 'input',
        snapshot: { input: { text: 'secret' } },
        policy_response: vector.policy_response,
      });
      expect(result?.decision).toBe(vector.decision);
      expect(result?.transformedPolicyTarget).toEqual(vector.transformed);
      const body = vector.policy_response?.transform;
      if (body !== undefined && !('value' in body)) {
        // Section 14 names transform_invalid for a missing value; the SDK says policy_output_invalid.
        differing++;
        expect(result?.reason).toBe('runtime_error:transform_invalid');
      } else expect(result?.reason).toBe(vector.reason);
      if (result?.reason?.startsWith('runtime_error:') === true) expect(result.message).toBe(BLOCKED);
    }
    console.info(
      `ACS normalisation: ${vectors.length - differing} equal, ${differing} where the SDK breaks its specification`,
    );
    expect(differing).toBe(1);
  });
});

if (CORPUS === null) missing('ACS', 60);
