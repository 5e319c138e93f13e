/** Appraises which service an accepted enclave is (design section 3, rule 4): origin, configuration, authorities. */
import { equalBytes } from '../src/base/bytes.ts';
import type { Hashing } from '../src/base/crypto.ts';
import { fail } from '../src/base/errors.ts';
import { fromHex, toHex } from '../src/base/hex.ts';
import { isObject } from '../src/codec/json-shape.ts';
import { parseJson } from '../src/codec/json.ts';
import type { Identity } from '../src/statement/identity.ts';
import type { ServiceExpectations, TrustPolicy } from './trust-policy.ts';
import type { CheckLog, PlannedCheck } from './verdict.ts';

export const SERVICE_APPRAISE_CHECKS: readonly PlannedCheck[] = Object.freeze([
  { name: 'service.origin', clause: 'design 3.4: the origin' },
  { name: 'service.config', clause: 'design 3.4: the digest of the measured configuration' },
  {
    name: 'service.authorities',
    clause: 'design 3.4: policy authorities, by the configuration or its pinned digest',
  },
]);

const MAX_CONFIG = 1_048_576;

/** Records the three checks; `config` is the measured configuration when it is at hand. */
export function appraiseService(
  identity: Identity,
  trust: TrustPolicy,
  config: Uint8Array | null,
  hashing: Hashing,
  log: CheckLog,
): void {
  const expected = trust.service;
  if (expected === 'any') {
    for (const { name } of SERVICE_APPRAISE_CHECKS) log.waive(name);
    return;
  }
  log.judge('service.origin', () => {
    if (identity.origin !== expected.origin)
      fail(
        'SERVICE_ORIGIN_MISMATCH',
        `the origin is ${JSON.stringify(identity.origin)}, not ${JSON.stringify(expected.origin)}`,
      );
  });
  if (expected.config_digest === 'any') log.waive('service.config');
  else
    log.judge('service.config', () => {
      if (!equalBytes(identity.configDigest, fromHex(expected.config_digest)))
        fail('SERVICE_CONFIG_MISMATCH', `the configuration has the digest ${toHex(identity.configDigest)}`);
    });
  if (expected.policy_authorities === 'any') log.waive('service.authorities');
  else {
    const allowed = expected.policy_authorities;
    log.judge('service.authorities', () => checkAuthorities(identity, expected, allowed, config, hashing));
  }
}

/**
 * The configuration lists the authorities. A digest that the trust policy pins has fixed them, so its author could
 * compare the two; without either the question stays open.
 */
function checkAuthorities(
  identity: Identity,
  expected: ServiceExpectations,
  allowed: readonly string[],
  config: Uint8Array | null,
  hashing: Hashing,
): void {
  if (config === null) {
    if (expected.config_digest === 'any')
      fail('SERVICE_CONFIG_MISSING', 'the configuration that lists the policy authorities is not at hand');
    return;
  }
  if (!equalBytes(hashing.sha256(config), identity.configDigest))
    fail('SERVICE_CONFIG_MISMATCH', 'the configuration at hand is not the measured one');
  const wanted = new Set(allowed.map((key) => key.toLowerCase()));
  const stranger = configAuthorities(config).find((key) => !wanted.has(key));
  if (stranger !== undefined) fail('SERVICE_AUTHORITIES_MISMATCH', `the configuration lists ${stranger}`);
}

/** `policy.keys` of the configuration file: raw Ed25519 keys in hex. Its digest is already known to be right. */
function configAuthorities(config: Uint8Array): readonly string[] {
  const value = parseJson(config, { maxBytes: MAX_CONFIG, maxDepth: 16, path: 'configuration' });
  const policy = isObject(value) ? value['policy'] : undefined;
  const keys = isObject(policy) ? policy['keys'] : undefined;
  if (!Array.isArray(keys))
    return fail('SERVICE_AUTHORITIES_MISMATCH', 'the configuration lists no policy authorities');
  return keys.map((key) => String(key).toLowerCase());
}
