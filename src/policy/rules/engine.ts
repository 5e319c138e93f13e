/**
 * The built-in engine: an ordered list of rules, the first that matches decides, none is deny. The format is
 * ours, as a custom policy with adapter `assay/rules/v1`; docs/policy-rules.md describes it.
 */
import type { PolicyEngine, PolicyInput, Program, Ruling } from '../engine.ts';
import { isObject, member, type JsonObject, type JsonValue } from '../json.ts';
import { PolicyFailure } from '../reasons.ts';
import { normalizeVerdict, type Verdict } from '../verdict.ts';
import { compileCondition, requiredTools, rulesShape, type Condition } from './conditions.ts';

export const RULES_ADAPTER = 'assay/rules/v1';

const DEFINITION = new Set(['type', 'adapter', 'rules']);
const BINDING = new Set(['id']);
const RULE = new Set(['id', 'when', 'decision', 'reason', 'message', 'transform', 'result_labels']);
const MAX_RULES = 4_096;
const MAX_CONDITIONS = 32;

interface Rule {
  readonly ruling: Ruling;
  readonly conditions: readonly Condition[];
  /** The rule can only match these tools; null when it can match any. */
  readonly tools: ReadonlySet<string> | null;
}

export function createRulesEngine(): PolicyEngine {
  return Object.freeze({ type: 'custom', adapter: RULES_ADAPTER, compile } satisfies PolicyEngine);
}

function compile(definition: JsonObject, binding: JsonObject, policyId: string): Program {
  const at = `policies.${policyId}`;
  rulesShape.closed(definition, at, DEFINITION);
  rulesShape.closed(binding, `${at} binding`, BINDING);
  const taken = new Set<string>();
  const rules = rulesShape.array(member(definition, 'rules'), `${at}.rules`, MAX_RULES).map((rule, index) => {
    const compiled = compileRule(rule, `${at}.rules[${index}]`);
    if (taken.has(compiled.ruling.rule as string))
      rulesShape.fail(`${at}.rules[${index}].id`, 'is already taken');
    taken.add(compiled.ruling.rule as string);
    return compiled;
  });
  if (rules.length === 0) rulesShape.fail(`${at}.rules`, 'must have at least one rule');
  return createProgram(rules);
}

function compileRule(value: JsonValue, at: string): Rule {
  const rule = rulesShape.closed(value, at, RULE);
  const id = rulesShape.text(member(rule, 'id'), `${at}.id`, 128);
  const when = rulesShape.array(member(rule, 'when') ?? [], `${at}.when`, MAX_CONDITIONS);
  const first = when[0];
  const tools = isObject(first) ? requiredTools(first) : null;
  return Object.freeze({
    ruling: Object.freeze({ rule: id, verdict: compileVerdict(rule, id, at) }),
    conditions: Object.freeze(
      when.map((condition, index) => compileCondition(condition, `${at}.when[${index}]`)),
    ),
    tools: tools === null ? null : new Set(tools),
  });
}

/** A verdict is the same at every match, so it is normalised once; what is wrong with it is wrong with the rule. */
function compileVerdict(rule: JsonObject, id: string, at: string): Verdict {
  const { id: _id, when: _when, ...verdict } = rule;
  try {
    return normalizeVerdict({ reason: id, ...verdict });
  } catch (error) {
    if (error instanceof PolicyFailure) return rulesShape.fail(at, `${error.reason}, ${error.message}`);
    throw error;
  }
}

const NO_MATCH: Ruling = Object.freeze({
  verdict: normalizeVerdict({ decision: 'deny', reason: 'no_matching_rule' }),
  rule: null,
});

function createProgram(rules: readonly Rule[]): Program {
  const any = rules.filter(({ tools }) => tools === null);
  const byTool = new Map<string, readonly Rule[]>();
  for (const { tools } of rules) {
    // Rules keep their order within the list of each tool.
    for (const tool of tools ?? []) byTool.set(tool, byTool.get(tool) ?? rulesFor(rules, tool));
  }
  return Object.freeze({
    evaluate(input: PolicyInput): Ruling {
      const name = input.tool?.['name'];
      // Without a tool, a condition on $tool.name must fail as written, so no rule is left out.
      const candidates = typeof name === 'string' ? (byTool.get(name) ?? any) : rules;
      for (const rule of candidates) if (holds(rule.conditions, input)) return rule.ruling;
      return NO_MATCH;
    },
  });
}

function rulesFor(rules: readonly Rule[], tool: string): readonly Rule[] {
  return rules.filter(({ tools }) => tools === null || tools.has(tool));
}

function holds(conditions: readonly Condition[], input: PolicyInput): boolean {
  for (const condition of conditions) if (!condition(input)) return false;
  return true;
}
