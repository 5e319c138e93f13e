/** Cedar text to a checked policy set: bounded, split, identified, its advice read. */
import { AssayError, fail } from '../../base/errors.ts';
import { PolicyFailure, RESERVED_PREFIX } from '../reasons.ts';
import type { Verdict } from '../verdict.ts';
import { parseAdvice } from './advice.ts';
import {
  createCedarInstance,
  type CedarFailure,
  type CedarInstance,
  type JsonText,
  type PolicyJson,
} from './instance.ts';
import { splitCedar } from './scan.ts';

export interface CedarPolicy {
  /** The `@id` annotation, else `policy<n>` counted from 0: what receipts name and deny reasons are. */
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly advice: Verdict | null;
  readonly text: string;
}

/** The name under which an instance keeps its one policy set or schema. */
export const SET_ID = 'policy';

const MAX_ID = 128;

/** Reads a policy set with a Cedar instance of its own. Throws POLICY_CEDAR_INVALID or POLICY_CEDAR_TOO_COMPLEX. */
export function readPolicySet(instance: CedarInstance, text: string): readonly CedarPolicy[] {
  const taken = new Set<string>();
  const policies = splitCedar(text).map((statement, index) => {
    const policy = readPolicy(instance, statement, index);
    if (taken.has(policy.id))
      fail('POLICY_CEDAR_INVALID', `policy ${policy.id}: the identifier is already taken`);
    taken.add(policy.id);
    return policy;
  });
  if (policies.length === 0) fail('POLICY_CEDAR_INVALID', 'policy set: has no policy');
  return Object.freeze(policies);
}

function readPolicy(instance: CedarInstance, text: string, index: number): CedarPolicy {
  const answer = instance.policyToJson(text);
  // Templates are refused here too: Cedar does not take one for a policy, and a bundle has nothing to link it with.
  if (answer.type === 'failure') return refuse(`policy ${index}`, answer);
  const id = policyId(answer.json, index);
  const advice = answer.json.annotations?.['advice'];
  if (advice !== undefined && answer.json.effect === 'forbid')
    fail('POLICY_CEDAR_INVALID', `policy ${id}: @advice is only for permit; a forbid already denies`);
  return Object.freeze({
    id,
    effect: answer.json.effect,
    advice: advice === undefined ? null : parseAdvice(advice ?? '', id),
    text,
  });
}

function policyId(policy: PolicyJson, index: number): string {
  const id = policy.annotations?.['id'];
  if (id === undefined) return `policy${index}`;
  if (id === null || id.length === 0 || id.length > MAX_ID || id.startsWith(RESERVED_PREFIX))
    return fail(
      'POLICY_CEDAR_INVALID',
      `policy ${index}: @id must have 1 to ${MAX_ID} characters and not start with ${RESERVED_PREFIX}`,
    );
  return id;
}

/** What `preparsePolicies` takes. */
export function staticPolicies(policies: readonly CedarPolicy[]): JsonText {
  const members = policies.map(({ id, text }) => `${JSON.stringify(id)}:${JSON.stringify(text)}`);
  return { json: `{"staticPolicies":{${members.join(',')}}}` };
}

/** Turns a failure of Cedar into ours; its messages speak about policy text, which is the reader's own. */
export function refuse(what: string, failure: CedarFailure): never {
  const problem = failure.errors.map(({ message }) => message).join('; ');
  return fail('POLICY_CEDAR_INVALID', `${what}: ${problem.slice(0, 500)}`);
}

/**
 * Parses policy text in an instance that is dropped afterwards and returns the policy identifiers. This is the whole
 * work of the throwaway worker in which a new policy is tried before the deciding process touches it: pure, and
 * what it throws is POLICY_CEDAR_INVALID, POLICY_CEDAR_TOO_COMPLEX or, if Cedar itself gave way, either of them.
 */
export function checkCedarText(module: WebAssembly.Module, text: string): readonly string[] {
  // The bounds hold before a parser exists that could suffer.
  splitCedar(text);
  return inInstance(module, (instance) => {
    const policies = readPolicySet(instance, text);
    const answer = instance.preparsePolicies(SET_ID, staticPolicies(policies));
    if (answer.type === 'failure') refuse('policy set', answer);
    return policies.map(({ id }) => id);
  });
}

/** Runs `work` with a fresh instance; a trap inside is the policy's fault and reported as such. */
export function inInstance<T>(module: WebAssembly.Module, work: (instance: CedarInstance) => T): T {
  const instance = createCedarInstance(module);
  try {
    return work(instance);
  } catch (error) {
    if (error instanceof AssayError) throw error;
    if (error instanceof PolicyFailure) return fail('POLICY_CEDAR_INVALID', `policy set: ${error.message}`);
    return fail('POLICY_CEDAR_TOO_COMPLEX', 'policy set: Cedar gave way while reading it', { cause: error });
  }
}
