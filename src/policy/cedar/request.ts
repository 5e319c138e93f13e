/**
 * A policy input as a Cedar request: the default mapping of ACS 0.3.1-beta section 12.4.
 *
 * The specification leaves the envelope out of the context; the Cedar library that AGT ships reads
 * `context.envelope.budgets`, and there we follow the specification. Annotations are flat members called
 * `annotations.<name>`, so a snapshot may not have a member of such a name: it would pose as an annotation.
 */
import type { PolicyInput } from '../engine.ts';
import { isArray, isObject, member, type JsonObject, type JsonValue } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { deny } from '../reasons.ts';

/** Members that Cedar's JSON reader would take for an entity, an extension call or an expression. */
const ESCAPES: ReadonlySet<string> = new Set(['__entity', '__extn', '__expr']);
const I64 = { min: -(2 ** 63), max: 2 ** 63 } as const;
const ANNOTATION_PREFIX = 'annotations.';

/** The JSON text of principal, action, resource and context, without the enclosing braces. */
export function cedarRequest(input: PolicyInput): string {
  return (
    `"principal":{"type":"Agent","id":${JSON.stringify(agentOf(input))}},` +
    `"action":{"type":"Action","id":"${input.intervention_point}"},` +
    `"resource":${resourceOf(input)},"context":${contextOf(input)}`
  );
}

function agentOf(input: PolicyInput): string {
  const envelope = member(input.snapshot, 'envelope');
  const agent = isObject(envelope) ? member(envelope, 'agent') : undefined;
  const id = isObject(agent) ? member(agent, 'id') : undefined;
  if (typeof id !== 'string')
    return deny('runtime_error:policy_invocation_failed', 'snapshot.envelope.agent.id is not a string');
  return id;
}

function resourceOf(input: PolicyInput): string {
  const name = input.tool === null ? undefined : input.tool['name'];
  if (typeof name === 'string') return `{"type":"Tool","id":${JSON.stringify(name)}}`;
  return `{"type":"PolicyTarget","id":${JSON.stringify(input.policy_target.kind ?? 'unspecified')}}`;
}

function contextOf(input: PolicyInput): string {
  let out = '';
  for (const key of Object.keys(input.snapshot)) {
    if (key === 'envelope') continue;
    if (key.startsWith(ANNOTATION_PREFIX))
      deny('runtime_error:policy_invocation_failed', 'a snapshot member poses as an annotation');
    out += memberText(out, key, input.snapshot[key] as JsonValue);
  }
  for (const name of Object.keys(input.annotations)) {
    out += memberText(out, `${ANNOTATION_PREFIX}${name}`, input.annotations[name] as JsonValue);
  }
  return `{${out}}`;
}

function memberText(before: string, key: string, value: JsonValue): string {
  if (ESCAPES.has(key))
    deny('runtime_error:policy_invocation_failed', `${key} is an escape of Cedar's JSON format`);
  return `${before === '' ? '' : ','}${JSON.stringify(key)}:${cedarValue(value, LIMITS.inputDepth)}`;
}

/**
 * A value as Cedar's JSON format. Cedar has neither null nor fractions, and its integers are 64 bits wide: what it
 * cannot hold is an error, because a rounded amount or a dropped member would be judged instead of the real one.
 */
export function cedarValue(value: JsonValue, maxDepth: number): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      return integerText(value);
    default:
      if (value === null) return deny('runtime_error:policy_invocation_failed', 'Cedar has no null');
      if (maxDepth === 0) return deny('runtime_error:resource_limit_exceeded', 'nested too deep');
      return isArray(value) ? setText(value, maxDepth - 1) : recordText(value as JsonObject, maxDepth - 1);
  }
}

function integerText(value: number): string {
  if (!Number.isInteger(value) || value < I64.min || value >= I64.max)
    return deny('runtime_error:policy_invocation_failed', 'Cedar has only 64-bit integers');
  // Beyond 2^53 JavaScript prints the shortest digits that identify the double, not the integer's own digits.
  return Number.isSafeInteger(value) ? `${value + 0}` : BigInt(value).toString();
}

function setText(value: readonly JsonValue[], maxDepth: number): string {
  let out = '[';
  for (let i = 0; i < value.length; i++) {
    out += `${i > 0 ? ',' : ''}${cedarValue(value[i] as JsonValue, maxDepth)}`;
  }
  return `${out}]`;
}

function recordText(value: JsonObject, maxDepth: number): string {
  let out = '';
  for (const key of Object.keys(value)) {
    if (ESCAPES.has(key))
      deny('runtime_error:policy_invocation_failed', `${key} is an escape of Cedar's JSON format`);
    out += `${out === '' ? '' : ','}${JSON.stringify(key)}:${cedarValue(value[key] as JsonValue, maxDepth)}`;
  }
  return `{${out}}`;
}
