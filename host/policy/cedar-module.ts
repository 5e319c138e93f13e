/** The Cedar WebAssembly module from the installed package, compiled: the ground takes it as an argument. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

let compiled: WebAssembly.Module | undefined;

export function loadCedarModule(): WebAssembly.Module {
  if (compiled === undefined) {
    const entry = createRequire(import.meta.url).resolve('@cedar-policy/cedar-wasm/web');
    compiled = new WebAssembly.Module(
      new Uint8Array(readFileSync(join(dirname(entry), 'cedar_wasm_bg.wasm'))),
    );
  }
  return compiled;
}
