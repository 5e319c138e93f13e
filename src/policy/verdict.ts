/** Verdicts: what a policy engine returned, normalised by ACS 0.3.1-beta sections 13 and 14. */
import { boundText, canonicalText } from './canonical.ts';
import { freezeJson, isArray, isObject, member, type JsonObject, type JsonValue } from './json.ts';
import { LIMITS } from './limits.ts';
import { parsePath, type Path } from './path.ts';
import { deny, RESERVED_PREFIX } from './reasons.ts';

export type Decision = 'allow' | 'deny' | 'warn' | 'escalate' | 'transform';

const DECISIONS: ReadonlySet<string> = new Set(['allow', 'deny', 'warn', 'escalate', 'transform']);

export interface Transform {
  readonly path: Path;
  readonly value: JsonValue;
}

export interface Evidence {
  readonly artefact: string | null;
  readonly verificationPointers: { readonly [name: string]: string };
}

declare const normalized: unique symbol;

/** Only `normalizeVerdict` makes one, so an engine cannot skip the checks. */
export interface Verdict {
  readonly [normalized]: true;
  readonly decision: Decision;
  readonly reason: string | null;
  readonly message: string | null;
  readonly transform: Transform | null;
  readonly evidence: Evidence | null;
  readonly resultLabels: readonly string[];
}

function invalid(detail: string): never {
  return deny('runtime_error:policy_output_invalid', detail);
}

/** Normalises an engine's output; unknown members are ignored, `effects` is refused (AGT delta D1). */
export function normalizeVerdict(output: JsonValue): Verdict {
  if (!isObject(output)) invalid('the output is not an object');
  boundText(canonicalText(output, LIMITS.inputDepth), LIMITS.policyOutputBytes, 'policy output');
  const decision = member(output, 'decision');
  if (typeof decision !== 'string' || !DECISIONS.has(decision)) invalid('decision is absent or unknown');
  if (Object.hasOwn(output, 'effects')) invalid('effects are not part of a verdict');
  const reason = optionalText(output, 'reason');
  if (reason?.startsWith(RESERVED_PREFIX) === true) invalid('reason uses the reserved prefix');
  return Object.freeze({
    decision: decision as Decision,
    reason,
    message: optionalText(output, 'message'),
    transform: readTransform(output, decision),
    evidence: readEvidence(member(output, 'evidence')),
    resultLabels: readLabels(member(output, 'result_labels')),
  }) as Verdict;
}

function optionalText(output: JsonObject, name: string): string | null {
  const value = member(output, name) ?? null;
  if (value !== null && typeof value !== 'string') invalid(`${name} is not a string`);
  return value;
}

function readTransform(output: JsonObject, decision: string): Transform | null {
  const body = member(output, 'transform');
  if (decision !== 'transform') {
    if (body !== undefined) invalid('transform is present on another decision');
    return null;
  }
  if (body === undefined || body === null) invalid('transform is absent');
  return readTransformBody(body);
}

/**
 * The body of section 14. A missing `value` is `transform_invalid` as section 14 says; the published runtime
 * answers `policy_output_invalid`, and the specification wins.
 */
function readTransformBody(body: JsonValue): Transform {
  const malformed = (detail: string): never => deny('runtime_error:transform_invalid', detail);
  if (!isObject(body)) return malformed('transform is not an object');
  const text = member(body, 'path');
  if (typeof text !== 'string') return malformed('transform.path is not a string');
  const path = parsePath(text);
  if (path === null) return malformed('transform.path does not follow the grammar');
  if (path.root !== 'policy_target')
    deny('runtime_error:transform_target_forbidden', 'transform.path is outside $policy_target');
  const value = member(body, 'value');
  if (value === undefined) return malformed('transform.value is missing');
  if (Object.keys(body).length !== 2) return malformed('transform has an unknown member');
  return Object.freeze({ path, value: freezeJson(value) });
}

function readEvidence(value: JsonValue | undefined): Evidence | null {
  if (value === undefined || value === null) return null;
  if (!isObject(value)) invalid('evidence is not an object');
  if (canonicalText(value, LIMITS.inputDepth).length > LIMITS.evidenceBytes) invalid('evidence is too large');
  const artefact = optionalText(value, 'artefact');
  const pointers = member(value, 'verification_pointers') ?? {};
  if (!isObject(pointers)) invalid('evidence.verification_pointers is not an object');
  for (const name of Object.keys(pointers)) {
    if (typeof pointers[name] !== 'string') invalid('a verification pointer is not a string');
  }
  for (const name of Object.keys(value)) {
    if (name !== 'artefact' && name !== 'verification_pointers') invalid('evidence has an unknown member');
  }
  return Object.freeze({
    artefact,
    verificationPointers: freezeJson(pointers) as { readonly [name: string]: string },
  });
}

function readLabels(value: JsonValue | undefined): readonly string[] {
  if (value === undefined || value === null) return NO_LABELS;
  if (!isArray(value)) invalid('result_labels is not an array');
  for (const label of value) if (typeof label !== 'string') invalid('a result label is not a string');
  return Object.freeze([...(value as readonly string[])]);
}

const NO_LABELS: readonly string[] = Object.freeze([]);
