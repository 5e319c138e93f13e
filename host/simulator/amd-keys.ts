/**
 * The RSA keys of the simulated AMD authorities, found once. Finding one takes up to a second, and each start of a
 * machine needs two; so their primes are kept in the private state folder, where the seed that they follow from lies.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssayError, fail } from '../../src/base/errors.ts';
import { parseJson } from '../../src/codec/json.ts';
import { jsonBytes, jsonObject } from '../../src/codec/json-shape.ts';
import { toBase64 } from '../../src/codec/base64.ts';
import type { AmdProduct } from './amd/index.ts';
import { deriveRsaKey } from './amd/rsa.ts';
import type { Derive } from './state.ts';

/** Those that sign for a guest with a VCEK; other keys are found when a fault asks for them. */
const ROLES = ['ark', 'ask'] as const;
const PRIME_BYTES = 256;
const MAX_FILE = 16_384;

type Primes = ReadonlyMap<string, Uint8Array>;

/**
 * The same derivation, with the primes in place of where the search for them begins: a search that begins at a prime
 * ends there. Throws SIMULATOR_STATE_INVALID for a file that is of another seed or none of ours.
 */
export function rememberedAmdKeys(state: string, product: AmdProduct, derive: Derive): Derive {
  const path = join(state, `amd-${product.toLowerCase()}-keys.json`);
  const known = readPrimes(path, product) ?? findPrimes(path, product, derive);
  return (purpose, length) => {
    const prime = known.get(purpose);
    return prime !== undefined && length === PRIME_BYTES ? prime.slice() : derive(purpose, length);
  };
}

const purposesOf = (product: AmdProduct): readonly string[] =>
  ROLES.flatMap((role) => ['p', 'q'].map((which) => `amd/${product}/${role}/${which}`));

function readPrimes(path: string, product: AmdProduct): Primes | null {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(path));
  } catch {
    return null;
  }
  const names = purposesOf(product);
  try {
    const value = parseJson(bytes, { maxBytes: MAX_FILE, maxDepth: 2, path: 'keys' });
    const file = jsonObject(value, 'keys', names);
    return new Map(names.map((name) => [name, jsonBytes(file, name, 'keys', PRIME_BYTES)]));
  } catch (cause) {
    if (!(cause instanceof AssayError)) throw cause;
    return fail('SIMULATOR_STATE_INVALID', `${path}: ${cause.message}`, { cause });
  }
}

function findPrimes(path: string, product: AmdProduct, derive: Derive): Primes {
  const found = new Map(ROLES.flatMap((role) => primesOf(derive, `amd/${product}/${role}`)));
  const file = Object.fromEntries([...found].map(([name, prime]) => [name, toBase64(prime)]));
  // Two programs may find them at once: each writes the same, and whole.
  const whole = `${path}.${process.pid}`;
  writeFileSync(whole, `${JSON.stringify(file, null, 1)}\n`, { mode: 0o600 });
  renameSync(whole, path);
  return found;
}

function primesOf(derive: Derive, purpose: string): (readonly [string, Uint8Array])[] {
  const { p = '', q = '' } = deriveRsaKey(derive, purpose).privateKey.export({ format: 'jwk' });
  return [
    [`${purpose}/p`, new Uint8Array(Buffer.from(p, 'base64url'))],
    [`${purpose}/q`, new Uint8Array(Buffer.from(q, 'base64url'))],
  ];
}
