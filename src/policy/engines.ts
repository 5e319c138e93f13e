/** The engines of a production image. The `test` engine of ACS is not among them: it says what it is told. */
import { createCedarEngine } from './cedar/index.ts';
import type { PolicyEngine } from './engine.ts';
import { createRulesEngine } from './rules/index.ts';

/** `cedar` is the compiled `cedar_wasm_bg.wasm` of the web build; null leaves Cedar out. */
export function createEngines(modules: {
  readonly cedar: WebAssembly.Module | null;
}): readonly PolicyEngine[] {
  const rules = createRulesEngine();
  return Object.freeze(modules.cedar === null ? [rules] : [rules, createCedarEngine(modules.cedar)]);
}
