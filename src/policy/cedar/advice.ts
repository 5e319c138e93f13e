/**
 * `@advice("{…}")` on a permit: how a Cedar policy says warn, escalate or transform (ACS section 12.4,
 * cedar_advice.schema.json). It is read when the policy is compiled, so bad advice never reaches a decision.
 */
import { AssayError, fail } from '../../base/errors.ts';
import { parseJson } from '../../codec/json.ts';
import { isObject, member } from '../json.ts';
import { PolicyFailure } from '../reasons.ts';
import { normalizeVerdict, type Verdict } from '../verdict.ts';

const MEMBERS: ReadonlySet<string> = new Set(['verdict', 'reason', 'message', 'transform']);
const VERDICTS: ReadonlySet<string> = new Set(['warn', 'escalate', 'transform']);
const MAX_BYTES = 65_536;
const MAX_DEPTH = 32;

/** The verdict that the advice asks for. Throws POLICY_CEDAR_INVALID, naming the policy. */
export function parseAdvice(text: string, policy: string): Verdict {
  const invalid = (problem: string, options?: ErrorOptions): never =>
    fail('POLICY_CEDAR_INVALID', `policy ${policy}: @advice ${problem}`, options);
  try {
    const advice = parseJson(text, { maxBytes: MAX_BYTES, maxDepth: MAX_DEPTH, path: 'advice' });
    if (!isObject(advice)) return invalid('is not an object');
    for (const key of Object.keys(advice)) if (!MEMBERS.has(key)) invalid(`has the unknown member ${key}`);
    const { verdict, ...rest } = advice;
    if (typeof verdict !== 'string' || !VERDICTS.has(verdict))
      return invalid('must have a verdict of warn, escalate or transform');
    if (verdict !== 'transform' && member(advice, 'transform') !== undefined)
      invalid('has a transform without the verdict transform');
    return normalizeVerdict({ ...rest, decision: verdict });
  } catch (error) {
    if (error instanceof PolicyFailure) return invalid(`is refused: ${error.reason}, ${error.message}`);
    if (error instanceof AssayError && error.code !== 'POLICY_CEDAR_INVALID')
      return invalid(`is not JSON: ${error.message}`, { cause: error });
    throw error;
  }
}
