/**
 * Turns a bundle into an evaluator. Policy text is hostile until a signed order says otherwise, and Cedar's
 * parser can leave its WebAssembly instance unusable, so a new bundle is first compiled in a worker that is
 * thrown away; only what survived there is compiled beside the decisions.
 */
import { Worker } from 'node:worker_threads';
import type { Hashing } from '../../src/base/crypto.ts';
import { CODES } from '../../src/base/codes/index.ts';
import { AssayError, type Code, fail } from '../../src/base/errors.ts';
import { compileBundle, type CompiledPolicy, createEngines } from '../../src/policy/index.ts';

/** What the worker answers. */
export type Trial =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: Code; readonly message: string };

const TRIAL_MS = 10_000;
const TRIAL_LIMITS = { maxOldGenerationSizeMb: 256, stackSizeMb: 4 } as const;

async function tryInWorker(
  worker: URL,
  cedar: WebAssembly.Module,
  bundle: Uint8Array,
  patienceMs: number,
): Promise<Trial> {
  const trial = new Worker(worker, { workerData: { cedar, bundle }, resourceLimits: TRIAL_LIMITS, env: {} });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Trial>((resolve) => {
      const refuse = (message: string): void => resolve({ ok: false, code: 'POLICY_TRIAL_FAILED', message });
      timer = setTimeout(() => refuse(`the bundle took longer than ${patienceMs} ms to compile`), patienceMs);
      trial.once('message', (answer: Trial) => resolve(answer));
      trial.once('error', () => refuse('the bundle brought the compiler down'));
      trial.once('exit', () => refuse('the compiler gave no answer'));
    });
  } finally {
    clearTimeout(timer);
    await trial.terminate();
  }
}

/** `worker` is the program that runs `compile-worker.ts`. Throws the POLICY_* code of whatever is wrong. */
export function createCompiler(
  hashing: Hashing,
  cedar: WebAssembly.Module,
  worker: URL,
  patienceMs: number = TRIAL_MS,
): (bundle: Uint8Array) => Promise<CompiledPolicy> {
  return async (bundle) => {
    const trial = await tryInWorker(worker, cedar, bundle, patienceMs);
    if (!trial.ok) fail(Object.hasOwn(CODES, trial.code) ? trial.code : 'POLICY_TRIAL_FAILED', trial.message);
    return compileBundle(bundle, { hashing, engines: createEngines({ cedar }) });
  };
}

/** Compiles once and reports; runs inside the throwaway worker. */
export function tryCompile(hashing: Hashing, cedar: WebAssembly.Module, bundle: Uint8Array): Trial {
  try {
    compileBundle(bundle, { hashing, engines: createEngines({ cedar }) });
    return { ok: true };
  } catch (error) {
    if (error instanceof AssayError) return { ok: false, code: error.code, message: error.message };
    return { ok: false, code: 'POLICY_TRIAL_FAILED', message: 'the bundle brought the compiler down' };
  }
}
