/** The throwaway worker's program: compiles the bundle it was given, says how it went, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { nodeCrypto } from '../../native/crypto.ts';
import { tryCompile } from './compile.ts';

const { cedar, bundle } = workerData as { cedar: WebAssembly.Module; bundle: Uint8Array };
parentPort?.postMessage(tryCompile(nodeCrypto, cedar, bundle));
