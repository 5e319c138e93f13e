/** What every simulation reads and writes: a seed, and files. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { AssayError, fail } from '../../src/base/errors.ts';
import { readFile } from './input.ts';

const SEED_BYTES = 32;

/** The 32 bytes that make the hardware; random without a file. */
export function readSeed(path: string | undefined): Uint8Array {
  if (path === undefined || path === 'random') return new Uint8Array(randomBytes(SEED_BYTES));
  const seed = readFile(path);
  return seed.length === SEED_BYTES ? seed : fail('USAGE', `--seed: ${path} is not of ${SEED_BYTES} bytes`);
}

export function write(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes);
  } catch (cause) {
    throw new AssayError('USAGE', `cannot write ${path}`, { cause });
  }
}

/** Makes the folder where there is none. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw new AssayError('USAGE', `cannot make the folder ${path}`, { cause });
  }
}
