/**
 * One decision: the pipeline of ACS 0.3.1-beta section 6. Total and deterministic: every failure is deny with a
 * reserved reason, nothing is thrown, nothing is remembered, and an auditor who replays it gets the same result.
 */
import { boundText, canonicalText, identityOf } from './canonical.ts';
import type { CompiledManifest, CompiledPoint } from './bundle.ts';
import type { PolicyInput, Ruling } from './engine.ts';
import { collectAnnotations, type AnnotationOutcome } from './annotations.ts';
import { isObject, type JsonObject, type JsonValue } from './json.ts';
import { LIMITS } from './limits.ts';
import { replaceAt, resolvePath } from './path.ts';
import { isInterventionPoint, isToolPoint } from './points.ts';
import { applyPrincipal, type Principal } from './principal.ts';
import { deny, PolicyFailure, type ReservedReason } from './reasons.ts';
import type { Decision, Evidence, Transform } from './verdict.ts';

/** `evaluate_only` gives the same verdict and applies no transform (ACS section 5). */
export type Mode = 'enforce' | 'evaluate_only';

export interface EvaluationRequest {
  readonly interventionPoint: string;
  readonly snapshot: JsonValue;
  /** The authenticated caller, whose tenant and agent replace those of the snapshot; null only where none exists. */
  readonly principal: Principal | null;
  /** Outcomes of the annotators that the point names; an absent one is annotation_failed. */
  readonly annotations?: Readonly<Record<string, AnnotationOutcome>>;
  readonly mode?: Mode;
}

/** What a decision takes from a counter; a later fold over leaves adds them up. */
export interface PolicyEffect {
  readonly counter: string;
  readonly amount: number;
  readonly window: string | null;
}

export interface Evaluation {
  readonly decision: Decision;
  readonly reason: string | null;
  /** Identifier of the rule that decided; null when none matched or the evaluation failed. */
  readonly rule: string | null;
  readonly message: string | null;
  /** The value judged; null when it was not found. */
  readonly policyTarget: JsonValue;
  /** The value after an applied transform, else null. */
  readonly transformedPolicyTarget: JsonValue;
  readonly toolName: string | null;
  /** What may be carried out: the target after an applied transform, else the target. */
  readonly arguments: JsonValue;
  /** `sha256:…` of the canonical policy input before and after the transform; null when the evaluation failed. */
  readonly inputIdentity: string | null;
  readonly enforcedIdentity: string | null;
  readonly resultLabels: readonly string[];
  readonly evidence: Evidence | null;
  readonly effects: readonly PolicyEffect[];
}

interface Situation {
  readonly point: CompiledPoint;
  readonly input: PolicyInput;
  /** Canonical text of the input as a function of the text of the target's value. */
  readonly inputText: (targetText: string) => string;
  readonly targetText: string;
}

/** What is known so far, so that a failed evaluation still says what it judged. */
interface Progress {
  policyTarget: JsonValue;
  toolName: string | null;
}

const NONE: readonly never[] = Object.freeze([]);
/** The message that ACS gives with every reserved reason; details would tell the agent how to go around. */
const BLOCKED = 'Request blocked by Agent Control Specification.';

export function evaluate(policy: CompiledManifest, request: EvaluationRequest): Evaluation {
  const progress: Progress = { policyTarget: null, toolName: null };
  try {
    const situation = prepare(policy, request, progress);
    return conclude(policy, request.mode ?? 'enforce', situation, rule(situation), progress);
  } catch (error) {
    // Anything unforeseen, a stack overflow included, is the evaluation's failure and never the caller's.
    return failed(
      error instanceof PolicyFailure ? error.reason : 'runtime_error:policy_invocation_failed',
      progress,
    );
  }
}

function prepare(policy: CompiledManifest, request: EvaluationRequest, progress: Progress): Situation {
  const name = request.interventionPoint;
  const point = isInterventionPoint(name) ? policy.points.get(name) : undefined;
  if (point === undefined) return deny('runtime_error:intervention_point_unknown', 'no such point');
  const snapshot = authenticatedSnapshot(request);
  const target = resolvePath(point.target, snapshot);
  progress.policyTarget = target;
  // The target stands twice in the input, in the snapshot and on its own; the deeper place counts.
  const depth = LIMITS.inputDepth - Math.max(2, 1 + point.target.segments.length);
  const targetText = canonicalText(target, depth);
  const snapshotText = canonicalText(snapshot, LIMITS.inputDepth - 1, { value: target, text: targetText });
  boundText(snapshotText, LIMITS.snapshotBytes, 'the snapshot');
  const tool = projectTool(policy, point, snapshot, progress);
  const preliminary: PolicyInput = {
    intervention_point: point.point,
    policy_target: { kind: point.kind, path: point.target.text, value: target },
    snapshot,
    annotations: {},
    tool,
  };
  const annotations = collectAnnotations(point.annotations, preliminary, request.annotations ?? {});
  const input: PolicyInput = { ...preliminary, annotations };
  // The members of section 8 in their order, by hand, because most parts are known as text already.
  const head = `{"annotations":${canonicalText(annotations, LIMITS.inputDepth - 1)}${point.fixedText}`;
  const toolText = tool === null ? 'null' : (policy.toolTexts.get(progress.toolName as string) as string);
  const tail = `},"snapshot":${snapshotText},"tool":${toolText}}`;
  return { point, input, targetText, inputText: (text) => `${head}${text}${tail}` };
}

function authenticatedSnapshot(request: EvaluationRequest): JsonObject {
  const snapshot = request.snapshot;
  if (request.principal !== null) return applyPrincipal(snapshot, request.principal);
  return isObject(snapshot)
    ? snapshot
    : deny('runtime_error:request_invalid', 'the snapshot is not an object');
}

/** Section 9: the catalogue entry of the tool named by the snapshot, at tool points that ask for one. */
function projectTool(
  policy: CompiledManifest,
  point: CompiledPoint,
  snapshot: JsonObject,
  progress: Progress,
): JsonObject | null {
  if (!isToolPoint(point.point) || point.toolNameFrom === null) return null;
  const name = resolvePath(point.toolNameFrom, snapshot);
  if (typeof name !== 'string')
    return deny('runtime_error:path_type_mismatch', 'the tool name is not a string');
  progress.toolName = name;
  return policy.manifest.tools.get(name) ?? deny('runtime_error:tool_unknown', 'not in the catalogue');
}

function rule(situation: Situation): Ruling {
  return situation.point.program.evaluate(situation.input);
}

function conclude(
  policy: CompiledManifest,
  mode: Mode,
  situation: Situation,
  ruling: Ruling,
  progress: Progress,
): Evaluation {
  const verdict = ruling.verdict;
  const target = situation.input.policy_target.value;
  const inputIdentity = identityOf(policy.hashing, situation.inputText(situation.targetText));
  const applied = verdict.transform === null ? null : applyTransform(situation, verdict.transform);
  const transformed = mode === 'enforce' ? applied : null;
  return {
    decision: verdict.decision,
    reason: verdict.reason,
    rule: ruling.rule,
    message: verdict.message,
    policyTarget: target,
    transformedPolicyTarget: transformed === null ? null : transformed.value,
    toolName: progress.toolName,
    arguments: transformed === null ? target : transformed.value,
    inputIdentity,
    enforcedIdentity:
      transformed === null
        ? inputIdentity
        : identityOf(policy.hashing, situation.inputText(transformed.text)),
    resultLabels: verdict.resultLabels,
    evidence: verdict.evidence,
    effects: NONE,
  };
}

interface Transformed {
  readonly value: JsonValue;
  readonly text: string;
}

/** Section 14: only the policy target changes; section 15: the snapshot with it must still fit. */
function applyTransform(situation: Situation, transform: Transform): Transformed {
  const { point, input } = situation;
  let value: JsonValue;
  try {
    value = replaceAt(transform.path, input.policy_target.value, transform.value);
  } catch (error) {
    // In a manifest's path these are path errors; in a transform's path they are the transform's.
    const detail = error instanceof Error ? error.message : '';
    return deny('runtime_error:transform_invalid', detail);
  }
  const depth = LIMITS.inputDepth - Math.max(2, 1 + point.target.segments.length);
  const text = canonicalText(value, depth);
  const snapshot = replaceAt(point.target, input.snapshot, value);
  boundText(
    canonicalText(snapshot, LIMITS.inputDepth - 1, { value, text }),
    LIMITS.snapshotBytes,
    'the transformed snapshot',
  );
  return { value, text };
}

function failed(reason: ReservedReason, progress: Progress): Evaluation {
  return {
    decision: 'deny',
    reason,
    rule: null,
    message: BLOCKED,
    policyTarget: progress.policyTarget,
    transformedPolicyTarget: null,
    toolName: progress.toolName,
    arguments: progress.policyTarget,
    inputIdentity: null,
    enforcedIdentity: null,
    resultLabels: NONE,
    evidence: null,
    effects: NONE,
  };
}
