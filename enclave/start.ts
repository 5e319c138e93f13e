/**
 * From a booted enclave to a serving one, on any machine: the listener, the console and an orderly end. What is
 * read from the program's own folder is what was measured; nothing else is read.
 */
import { readFileSync } from 'node:fs';
import { type Address, listen, nodeCrypto } from '../native/index.ts';
import { AssayError, fail } from '../src/base/errors.ts';
import { boot, type Machine } from './boot.ts';
import { createConsole, problemLine } from './console.ts';
import { createCompiler } from './decide/compile.ts';
import { serveRpc } from './server/index.ts';

/** Files of the measured program, beside this bundle. */
const beside = (name: string): URL => new URL(name, import.meta.url);

/**
 * The flags are measured twice: as the image's command line, whose end is not measured, and as a file. A hypervisor
 * that dropped some of them would show here.
 */
export function requireMeasuredFlags(started: readonly string[], measured: string): void {
  const wanted = measured === '' ? [] : measured.split(' ');
  if (started.join(' ') !== wanted.join(' '))
    fail('FLAGS_NOT_MEASURED', 'Node was started with other flags than the image names');
}

/** A patched module has other measurements anyway; it is the image that is wrong then, not the enclave. */
function compileModule(name: string): WebAssembly.Module {
  try {
    return new WebAssembly.Module(readFileSync(beside(name)));
  } catch (cause) {
    throw new AssayError('PROGRAM_INVALID', `${name} does not compile`, { cause });
  }
}

/** What every machine has alike: configuration, crypto, compiler, counter, console. */
export function measuredParts(): Pick<Machine, 'config' | 'crypto' | 'compile' | 'monotonicNs' | 'console'> {
  requireMeasuredFlags(process.execArgv, readFileSync(beside('cmdline'), 'utf8'));
  const cedar = compileModule('cedar_wasm_bg.wasm');
  return {
    config: new Uint8Array(readFileSync(beside('config.json'))),
    crypto: nodeCrypto,
    compile: createCompiler(nodeCrypto, cedar, beside('compile-worker.mjs')),
    monotonicNs: () => process.hrtime.bigint(),
    console: createConsole((text) => process.stdout.write(text)),
  };
}

/**
 * Boots and serves at the address until told to stop. A refusal to boot is one console line and one line on
 * stderr, `CODE: message`, and exit status 1; there is no half-started state.
 */
export async function start(
  makeMachine: () => Promise<Machine>,
  address: (rpcPort: number) => Address,
): Promise<void> {
  const out = createConsole((text) => process.stdout.write(text));
  try {
    const booted = await boot(await makeMachine());
    const server = serveRpc({ tls: booted.tls, handlers: booted.services });
    await listen(address(booted.config.rpcPort), {}, (socket) => server.accept(socket));
    const rssMib = Math.round(process.memoryUsage.rss() / 1_048_576);
    out({ event: 'serving', origin: booted.config.origin, port: booted.config.rpcPort, rssMib });
    process.once('SIGTERM', () => {
      server.close();
      void booted.stop().then(() => {
        out({ event: 'stopped' });
        process.exit(0);
      });
    });
  } catch (error) {
    const line = problemLine('refused', error);
    out(line);
    process.stderr.write(`${line.code}: ${line.detail}\n`);
    if (process.exitCode === undefined) process.exitCode = 1;
    process.exit();
  }
}
