/**
 * policy/: documents to one compiled form to evaluate(), by the Agent Control Specification 0.3.1-beta.
 * It must never do I/O, keep state between decisions, read a clock, or answer an error with anything but deny:
 * an auditor replays it and must get the same decision.
 */
export type { AnnotationOutcome } from './annotations.ts';
export {
  compileBundle,
  compileManifest,
  encodeBundle,
  parseBundle,
  type BundleDocument,
  type CompileContext,
  type CompiledManifest,
  type CompiledPoint,
  type CompiledPolicy,
} from './bundle.ts';
export { compareUtf8, inputIdentity } from './canonical.ts';
export { CEDAR_LIMITS, checkCedarText, createCedarEngine, splitCedar } from './cedar/index.ts';
export type { PolicyEngine, PolicyInput, Program, Ruling } from './engine.ts';
export { createEngines } from './engines.ts';
export {
  evaluate,
  type Evaluation,
  type EvaluationRequest,
  type Mode,
  type PolicyEffect,
} from './evaluate.ts';
export { LIMITS } from './limits.ts';
export { ACS_VERSION, parseManifest, type Manifest } from './manifest.ts';
export { mergeManifests } from './merge.ts';
export { INTERVENTION_POINTS, isToolPoint, type InterventionPoint } from './points.ts';
export { applyPrincipal, type Principal } from './principal.ts';
export { RESERVED_PREFIX, type ReservedReason } from './reasons.ts';
export { createRulesEngine, RULES_ADAPTER } from './rules/index.ts';
export { normalizeVerdict, type Decision, type Evidence, type Transform, type Verdict } from './verdict.ts';
