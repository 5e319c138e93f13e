/**
 * Annotations as data (ACS section 10). Annotators are models and services outside: whoever ran them hands over
 * their outcomes, and here they are bounded, ordered and placed under `annotations.<name>` and nowhere else.
 */
import { canonicalText } from './canonical.ts';
import { utf8 } from '../base/bytes.ts';
import type { PolicyInput } from './engine.ts';
import { isArray, isObject, member, type JsonObject, type JsonValue } from './json.ts';
import { LIMITS } from './limits.ts';
import type { AnnotationBinding } from './manifest.ts';
import { resolvePath, type Path } from './path.ts';
import { deny, PolicyFailure, RESERVED_PREFIX } from './reasons.ts';

/** What became of one annotator. */
export type AnnotationOutcome =
  | { readonly status: 'ok'; readonly value: JsonValue }
  | { readonly status: 'failed' }
  | { readonly status: 'timeout' };

const NO_ANNOTATIONS: JsonObject = Object.freeze({});

/** Checks the outcomes in the order in which the bindings run; the first bad one decides the reason. */
export function collectAnnotations(
  bindings: readonly AnnotationBinding[],
  preliminary: PolicyInput,
  outcomes: Readonly<Record<string, AnnotationOutcome>>,
): JsonObject {
  if (bindings.length === 0) return NO_ANNOTATIONS;
  const collected: [string, JsonValue][] = [];
  for (const binding of bindings) {
    // The annotator's input must resolve, also when someone else already ran it.
    resolveFrom(binding.from, preliminary);
    const outcome = Object.hasOwn(outcomes, binding.name) ? outcomes[binding.name] : undefined;
    collected.push([binding.name, readOutcome(outcome)]);
  }
  return Object.fromEntries(collected);
}

function readOutcome(outcome: AnnotationOutcome | undefined): JsonValue {
  if (outcome?.status === 'timeout') deny('runtime_error:annotation_timeout', 'an annotator timed out');
  if (outcome?.status !== 'ok') return deny('runtime_error:annotation_failed', 'an annotator gave no result');
  try {
    if (utf8(canonicalText(outcome.value, LIMITS.inputDepth)).length > LIMITS.annotatorOutputBytes)
      deny('runtime_error:annotation_failed', 'an annotator output is too large');
    rejectReservedReason(outcome.value);
  } catch (error) {
    // Section 15: a limit that one annotator output breaks is that annotator's failure.
    deny('runtime_error:annotation_failed', error instanceof PolicyFailure ? error.message : 'not JSON');
  }
  return outcome.value;
}

/** An output must not dress up as a runtime failure, at any depth. */
function rejectReservedReason(value: JsonValue): void {
  if (isArray(value)) for (const item of value) rejectReservedReason(item);
  else if (isObject(value)) {
    const reason = member(value, 'reason');
    if (typeof reason === 'string' && reason.startsWith(RESERVED_PREFIX))
      deny('runtime_error:annotation_failed', 'an annotator output uses a reserved reason');
    for (const key of Object.keys(value)) rejectReservedReason(value[key] as JsonValue);
  }
}

/** Resolves a path of any root against a policy input (ACS section 3.1). */
export function resolveFrom(path: Path, input: PolicyInput): JsonValue {
  return resolvePath(path, rootOf(path, input));
}

/** What the root of a path stands for. */
export function rootOf(path: Path, input: PolicyInput): JsonValue {
  switch (path.root) {
    case 'snap':
      return input.snapshot;
    case 'pi':
      return input as unknown as JsonValue;
    case 'policy_target':
      return input.policy_target.value;
    case 'tool':
      return input.tool;
  }
}
