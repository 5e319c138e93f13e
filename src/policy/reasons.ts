/**
 * Why a decision is deny although no policy said so: the reserved reasons of ACS 0.3.1-beta section 16.
 * A policy can never emit them, so a reader of the log can tell a failure from a judgement.
 */

export const RESERVED_PREFIX = 'runtime_error:';

/** The reasons that evaluation can produce; approval and streaming reasons belong to other layers. */
export type ReservedReason =
  | 'runtime_error:intervention_point_unknown'
  | 'runtime_error:path_missing'
  | 'runtime_error:path_type_mismatch'
  | 'runtime_error:tool_unknown'
  | 'runtime_error:annotation_failed'
  | 'runtime_error:annotation_timeout'
  | 'runtime_error:policy_invocation_failed'
  | 'runtime_error:policy_output_invalid'
  | 'runtime_error:transform_invalid'
  | 'runtime_error:transform_target_forbidden'
  | 'runtime_error:resource_limit_exceeded'
  | 'runtime_error:request_invalid';

/** Ends an evaluation as deny; never leaves `evaluate()`. The detail may name paths and limits, never values. */
export class PolicyFailure extends Error {
  readonly reason: ReservedReason;

  constructor(reason: ReservedReason, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'PolicyFailure';
    this.reason = reason;
  }
}

export function deny(reason: ReservedReason, detail: string): never {
  throw new PolicyFailure(reason, detail);
}
