/**
 * policy/cedar/: the Cedar policy language as an engine, through its WebAssembly build.
 * It must never read or fetch the module (the caller brings it compiled), keep an instance that trapped, or let
 * text reach the parser that the scanner has not bounded.
 */
export { createCedarEngine } from './engine.ts';
export { checkCedarText } from './policy-set.ts';
export { CEDAR_LIMITS, splitCedar } from './scan.ts';
