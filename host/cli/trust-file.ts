/** Reads the trust policy that a command line names. */
import { AssayError } from '../../src/base/errors.ts';
import { parseTrustPolicy, type TrustPolicy } from '../../verifier/index.ts';
import { readFile } from './input.ts';

/** The file's name stands before whatever is wrong in it. */
export function readTrustFile(path: string): TrustPolicy {
  return namedTrustPolicy(path, readFile(path));
}

export function namedTrustPolicy(path: string, bytes: Uint8Array): TrustPolicy {
  try {
    return parseTrustPolicy(bytes);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    throw new AssayError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
