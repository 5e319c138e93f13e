/**
 * The Cedar engine (ACS section 12.4). Policies are parsed once; a decision is one stateful authorisation.
 *
 * Stricter than Cedar alone: a policy that fails to evaluate would be skipped, and a skipped forbid permits, so any
 * evaluation error is deny. Where several permits carry advice the strictest wins: escalate, then transform, then
 * warn; two different transforms cannot both be carried out and are an error.
 */
import { fail } from '../../base/errors.ts';
import { canonicalText } from '../canonical.ts';
import type { PolicyEngine, PolicyInput, Program, Ruling } from '../engine.ts';
import { member, type JsonObject, type JsonValue } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { deny } from '../reasons.ts';
import { normalizeVerdict, type Decision } from '../verdict.ts';
import { createCedarInstance, type Authorization, type CedarInstance } from './instance.ts';
import { inInstance, readPolicySet, refuse, SET_ID, staticPolicies, type CedarPolicy } from './policy-set.ts';
import { cedarRequest } from './request.ts';

const DEFINITION = new Set(['type', 'policy_set', 'entities', 'schema']);
const BINDING = new Set(['id']);
const MAX_ENTITIES = 10_000;

/** `module` is the compiled `cedar_wasm_bg.wasm` of the web build. */
export function createCedarEngine(module: WebAssembly.Module): PolicyEngine {
  return Object.freeze({
    type: 'cedar',
    adapter: null,
    compile: (definition, binding, policyId) => compile(module, definition, binding, policyId),
  } satisfies PolicyEngine);
}

interface Source {
  readonly policies: readonly CedarPolicy[];
  readonly entities: string;
  readonly schema: string | null;
}

function compile(
  module: WebAssembly.Module,
  definition: JsonObject,
  binding: JsonObject,
  policyId: string,
): Program {
  known(definition, DEFINITION, `policy ${policyId}`);
  known(binding, BINDING, `binding of policy ${policyId}`);
  const text = member(definition, 'policy_set');
  if (typeof text !== 'string')
    return fail('POLICY_CEDAR_INVALID', `policy ${policyId}: policy_set must be text`);
  const source = inInstance(module, (instance): Source => {
    const policies = readPolicySet(instance, text);
    const schema = member(definition, 'schema');
    const entities = member(definition, 'entities') ?? [];
    if (!Array.isArray(entities) || entities.length > MAX_ENTITIES)
      fail('POLICY_CEDAR_INVALID', `policy ${policyId}: entities must be a list of at most ${MAX_ENTITIES}`);
    return {
      policies,
      entities: canonicalText(entities, LIMITS.inputDepth),
      schema: schema === undefined ? null : canonicalText(schema, LIMITS.inputDepth),
    };
  });
  // Also in a first instance, so that a trap while checking costs nothing that is kept.
  inInstance(module, (instance) => check(instance, source, policyId));
  return createProgram(module, source);
}

/** The request mapping may be overridden by `query` and accessors in ACS; without them silently ignored they are refused. */
function known(object: JsonObject, members: ReadonlySet<string>, at: string): void {
  for (const key of Object.keys(object)) {
    if (!members.has(key)) fail('POLICY_CEDAR_INVALID', `${at}: ${key} is not supported in a bundle`);
  }
}

function check(instance: CedarInstance, source: Source, policyId: string): void {
  const at = `policy ${policyId}`;
  const schema = source.schema === null ? '' : `,"schema":${source.schema}`;
  const entities = instance.checkEntities({ json: `{"entities":${source.entities}${schema}}` });
  if (entities.type === 'failure') refuse(`${at}: entities`, entities);
  prepare(instance, source, at);
  if (source.schema === null) return;
  const valid = instance.validate({ json: `{"policies":${staticPolicies(source.policies).json}${schema}}` });
  if (valid.type === 'failure') return refuse(`${at}: schema`, valid);
  const first = valid.validationErrors[0];
  if (first !== undefined) fail('POLICY_CEDAR_INVALID', `${at}: ${first.policyId} does not fit the schema`);
}

function prepare(instance: CedarInstance, source: Source, at: string): void {
  const policies = instance.preparsePolicies(SET_ID, staticPolicies(source.policies));
  if (policies.type === 'failure') refuse(at, policies);
  if (source.schema === null) return;
  const schema = instance.preparseSchema(SET_ID, { json: source.schema });
  if (schema.type === 'failure') refuse(`${at}: schema`, schema);
}

function createProgram(module: WebAssembly.Module, source: Source): Program {
  const schema = source.schema === null ? '' : `,"preparsedSchemaName":"${SET_ID}","validateRequest":true`;
  const tail = `,"preparsedPolicySetId":"${SET_ID}"${schema},"entities":${source.entities}}`;
  const judge = judgeOf(source.policies);
  let instance: CedarInstance | null = null;
  return Object.freeze({
    evaluate(input: PolicyInput): Ruling {
      const json = `{${cedarRequest(input)}${tail}`;
      instance ??= freshInstance(module, source);
      let answer: ReturnType<CedarInstance['authorize']>;
      try {
        answer = instance.authorize({ json });
      } catch {
        // A trap leaves the instance unusable for ever; the next decision gets a new one.
        instance = null;
        return deny('runtime_error:policy_invocation_failed', 'Cedar trapped');
      }
      if (answer.type === 'failure')
        return deny('runtime_error:policy_invocation_failed', 'Cedar refused the request');
      return judge(answer);
    },
  });
}

function freshInstance(module: WebAssembly.Module, source: Source): CedarInstance {
  const instance = createCedarInstance(module);
  prepare(instance, source, 'policy set');
  return instance;
}

const SEVERITY: Readonly<Record<Decision, number>> = {
  allow: 0,
  warn: 1,
  transform: 2,
  escalate: 3,
  deny: 4,
};
const NO_MATCH: Ruling = Object.freeze({
  verdict: normalizeVerdict({ decision: 'deny', reason: 'no_matching_policy' }),
  rule: null,
});

/** Maps an answer to a verdict. Cedar names the deciding policies in no order, so the order of the text is used. */
function judgeOf(policies: readonly CedarPolicy[]): (answer: Authorization) => Ruling {
  const order = new Map(policies.map(({ id }, index) => [id, index]));
  const rulings = policies.map(
    (policy): Ruling => Object.freeze({ rule: policy.id, verdict: verdictOf(policy) }),
  );
  return ({ response }) => {
    const { reason, errors } = response.diagnostics;
    if (errors.length > 0)
      return deny('runtime_error:policy_invocation_failed', 'a Cedar policy failed to evaluate');
    const indexes = reason.map(
      (id) => order.get(id) ?? deny('runtime_error:policy_invocation_failed', 'unknown policy'),
    );
    const deciding = indexes.sort((a, b) => a - b).map((index) => rulings[index] as Ruling);
    const first = deciding[0];
    if (first === undefined) {
      if (response.decision === 'deny') return NO_MATCH;
      return deny('runtime_error:policy_invocation_failed', 'allowed without a policy');
    }
    return response.decision === 'deny' ? first : strictest(deciding, first);
  };
}

function verdictOf(policy: CedarPolicy): Ruling['verdict'] {
  if (policy.effect === 'forbid') return normalizeVerdict({ decision: 'deny', reason: policy.id });
  return policy.advice ?? normalizeVerdict({ decision: 'allow' });
}

function strictest(deciding: readonly Ruling[], first: Ruling): Ruling {
  let strict = first;
  for (const ruling of deciding) {
    if (SEVERITY[ruling.verdict.decision] > SEVERITY[strict.verdict.decision]) strict = ruling;
  }
  const transform = strict.verdict.transform;
  if (transform === null) return strict;
  for (const { verdict } of deciding) {
    const other = verdict.transform;
    if (
      other !== null &&
      (other.path.text !== transform.path.text || !sameJson(other.value, transform.value))
    )
      return deny('runtime_error:policy_output_invalid', 'two policies ask for different transforms');
  }
  return strict;
}

function sameJson(a: JsonValue, b: JsonValue): boolean {
  return a === b || canonicalText(a, LIMITS.inputDepth) === canonicalText(b, LIMITS.inputDepth);
}
