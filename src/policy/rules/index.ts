/**
 * policy/rules/: the built-in policy language, an ordered list of rules compiled to functions.
 * It must never coerce types, skip a rule whose data is missing, or allow when nothing matches.
 */
export { createRulesEngine, RULES_ADAPTER } from './engine.ts';
