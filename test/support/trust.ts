/** A complete trust policy, which tests change in one place. */
import { type JsonObject, type JsonValue } from '../../src/codec/json.ts';
import { readTrustPolicy, type TrustPolicy } from '../../verifier/index.ts';

const PCR = 'ab'.repeat(48);

export const TRUST_JSON: JsonObject = {
  version: 1,
  service: 'any',
  hardware: { ids: 'any' },
  platforms: { nitro: { pcrs: { '0': [PCR] }, debug: 'reject' } },
  freshness: { max_age_seconds: 300, nonce: 'any' },
  revocation: 'required',
  simulated: 'reject',
  witnesses: 'none',
};

export function trustWith(changes: JsonObject = {}): TrustPolicy {
  return readTrustPolicy({ ...TRUST_JSON, ...changes });
}

/** The same with one value replaced or, for undefined, removed; `path` as `freshness.nonce`. */
export function trustJson(path: string, value: JsonValue | undefined): JsonObject {
  const copy = structuredClone(TRUST_JSON) as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop() as string;
  const parent = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy as JsonObject;
}
