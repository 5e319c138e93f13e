/** What a policy language must offer. Evaluation is synchronous, stateless and deterministic (ACS section 1.1). */
import type { JsonObject, JsonValue } from './json.ts';
import type { PolicyType } from './manifest.ts';
import type { InterventionPoint } from './points.ts';
import type { Verdict } from './verdict.ts';

/** The canonical policy input of ACS section 7: exactly these five members, named as there. */
export interface PolicyInput {
  readonly intervention_point: InterventionPoint;
  readonly policy_target: {
    readonly kind: string | null;
    readonly path: string;
    readonly value: JsonValue;
  };
  readonly snapshot: JsonObject;
  readonly annotations: JsonObject;
  readonly tool: JsonObject | null;
}

/** A verdict and the identifier of the rule that decided, null when nothing matched. */
export interface Ruling {
  readonly verdict: Verdict;
  readonly rule: string | null;
}

/** A compiled policy. What `evaluate` throws is deny: `PolicyFailure` with its reason, else policy_invocation_failed. */
export interface Program {
  evaluate(input: PolicyInput): Ruling;
}

export interface PolicyEngine {
  readonly type: PolicyType;
  /** The adapter that a custom policy names, null for the other types. */
  readonly adapter: string | null;
  /** Compiles a definition for one binding. Throws POLICY_* errors. */
  compile(definition: JsonObject, binding: JsonObject, policyId: string): Program;
}
