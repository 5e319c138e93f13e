/** The Cedar WebAssembly module from the installed package, compiled: the ground takes it as an argument. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

let compiled: WebAssembly.Module | undefined;

export function loadCedarModule(): WebAssembly.Module {
  if (compiled === undefined) {
    // The package lets `require` see its Node build only; the web build lies beside it.
    const entry = createRequire(import.meta.url).resolve('@cedar-policy/cedar-wasm/nodejs');
    const wasm = join(dirname(entry), '../web/cedar_wasm_bg.wasm');
    compiled = new WebAssembly.Module(new Uint8Array(readFileSync(wasm)));
  }
  return compiled;
}
