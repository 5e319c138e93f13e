/** Trust policies: what is left out, misspelt or hollow is an error, never a waiver. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import type { Code } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonValue } from '../../src/codec/json.ts';
import { judgeEvidence, parseTrustPolicy, readTrustPolicy, trustPolicyDigest } from '../../verifier/index.ts';
import { TRUST_JSON, trustJson, trustWith } from '../support/trust.ts';
import { SCHEMA_FILE, schemaPage } from '../support/trust-schema-page.ts';

const HEX32 = 'cd'.repeat(32);
const PCR = 'AB'.repeat(48);
const SERVICE = { origin: 'example.org/log', config_digest: HEX32, policy_authorities: [HEX32] };

const GOOD: readonly (readonly [string, JsonValue])[] = [
  ['service', SERVICE],
  ['service', { ...SERVICE, config_digest: 'any', policy_authorities: 'any' }],
  ['hardware.ids', { pcr3: [PCR] }],
  ['hardware.ids', { pcr3: [PCR], pcr4: [PCR, PCR] }],
  ['platforms.nitro.pcrs', 'any'],
  ['platforms.nitro.pcrs', { '8': [PCR], '16': [PCR] }],
  ['platforms.nitro.debug', 'allow'],
  ['platforms.nitro', { pcrs: { '0': ['00'.repeat(48)] }, debug: 'allow' }],
  ['platforms.nitro.pcrs', { '0': [PCR], '3': ['00'.repeat(48)] }],
  ['platforms.nitro.partitions', ['aws', 'aws-us-gov']],
  ['platforms.nitro.partitions', 'any'],
  ['freshness.max_age_seconds', 'any'],
  ['freshness.nonce', 'quote'],
  ['freshness.nonce', 'session'],
  ['revocation', 'any'],
  ['simulated', { roots: [{ platform: 'nitro', spki_sha256: HEX32, name: 'sim.nitro-enclaves' }] }],
  ['provenance', 'trust-on-first-use'],
];

const BAD: readonly (readonly [string, JsonValue | undefined, Code])[] = [
  ...['version', 'service', 'hardware', 'platforms', 'freshness', 'revocation', 'simulated', 'witnesses'].map(
    (key) => [key, undefined, 'EXPECTATION_MISSING'] as const,
  ),
  ['hardware.ids', undefined, 'EXPECTATION_MISSING'],
  ['hardware.ids', {}, 'EXPECTATION_MISSING'],
  ['platforms', {}, 'EXPECTATION_MISSING'],
  ['platforms.nitro.pcrs', undefined, 'EXPECTATION_MISSING'],
  ['platforms.nitro.pcrs', {}, 'EXPECTATION_MISSING'],
  ['platforms.nitro.pcrs', { '2': [PCR] }, 'EXPECTATION_MISSING'],
  ['platforms.nitro.pcrs', { '3': [PCR], '4': [PCR] }, 'EXPECTATION_MISSING'],
  ['platforms.nitro.debug', undefined, 'EXPECTATION_MISSING'],
  ['freshness.max_age_seconds', undefined, 'EXPECTATION_MISSING'],
  ['freshness.nonce', undefined, 'EXPECTATION_MISSING'],
  ['service', { origin: 'x', config_digest: HEX32 }, 'EXPECTATION_MISSING'],
  ['service', { origin: 'x', policy_authorities: 'any' }, 'EXPECTATION_MISSING'],
  ['service', { config_digest: HEX32, policy_authorities: 'any' }, 'EXPECTATION_MISSING'],
  ['simulated', {}, 'EXPECTATION_MISSING'],
  ['expires', '2027', 'TRUST_KEY_UNKNOWN'],
  ['__proto__x', 1, 'TRUST_KEY_UNKNOWN'],
  ['hardware.id', 'any', 'TRUST_KEY_UNKNOWN'],
  ['platforms.cca', {}, 'TRUST_KEY_UNKNOWN'],
  ['platforms.tdx', {}, 'EXPECTATION_MISSING'],
  ['platforms.sgx', {}, 'EXPECTATION_MISSING'],
  ['platforms.snp', {}, 'EXPECTATION_MISSING'],
  ['platforms.nitro.Debug', 'reject', 'TRUST_KEY_UNKNOWN'],
  ['platforms.nitro.pcrs', { '0': [PCR], '32': [PCR] }, 'TRUST_KEY_UNKNOWN'],
  ['platforms.nitro.pcrs', { '0': [PCR], '01': [PCR] }, 'TRUST_KEY_UNKNOWN'],
  ['platforms.nitro.pcrs', { PCR0: [PCR] }, 'TRUST_KEY_UNKNOWN'],
  ['version', 2, 'TRUST_POLICY_INVALID'],
  ['version', '1', 'TRUST_POLICY_INVALID'],
  ['service', 'all', 'TRUST_POLICY_INVALID'],
  ['service', null, 'TRUST_POLICY_INVALID'],
  ['service', { ...SERVICE, policy_authorities: [] }, 'TRUST_POLICY_INVALID'],
  ['service', { ...SERVICE, config_digest: HEX32.slice(2) }, 'TRUST_POLICY_INVALID'],
  ['service', { ...SERVICE, origin: 'two words' }, 'TRUST_POLICY_INVALID'],
  ['service', { ...SERVICE, origin: 'x'.repeat(256) }, 'TRUST_POLICY_INVALID'],
  ['platforms.nitro.pcrs', { '0': [] }, 'TRUST_POLICY_INVALID'],
  ['platforms.nitro.pcrs', { '0': PCR }, 'TRUST_POLICY_INVALID'],
  ['platforms.nitro.pcrs', { '0': [PCR.slice(2)] }, 'TRUST_POLICY_INVALID'],
  ['platforms.nitro.pcrs', { '0': [`0x${PCR.slice(2)}`] }, 'TRUST_POLICY_INVALID'],
  ['platforms.nitro.pcrs', { '0': ['00'.repeat(48)] }, 'TRUST_POLICY_INVALID'],
  ['platforms.nitro.pcrs', { '0': [PCR], '1': ['00'.repeat(48)] }, 'TRUST_POLICY_INVALID'],
  ['platforms.nitro.pcrs', { '0': [PCR], '2': [PCR, '00'.repeat(48)] }, 'TRUST_POLICY_INVALID'],
  ['platforms.nitro.pcrs', { '0': Array.from({ length: 1025 }, () => PCR) }, 'TRUST_POLICY_INVALID'],
  ['platforms.nitro.debug', true, 'TRUST_POLICY_INVALID'],
  ['platforms.nitro.debug', 'any', 'TRUST_POLICY_INVALID'],
  ['platforms.nitro.partitions', [], 'TRUST_POLICY_INVALID'],
  ['freshness.max_age_seconds', 0, 'TRUST_POLICY_INVALID'],
  ['freshness.max_age_seconds', 31_536_001, 'TRUST_POLICY_INVALID'],
  ['freshness.max_age_seconds', -1, 'TRUST_POLICY_INVALID'],
  ['freshness.max_age_seconds', 1.5, 'TRUST_POLICY_INVALID'],
  ['freshness.max_age_seconds', '300', 'TRUST_POLICY_INVALID'],
  ['freshness.nonce', 'none', 'TRUST_POLICY_INVALID'],
  ['revocation', false, 'TRUST_POLICY_INVALID'],
  ['simulated', 'allow', 'TRUST_POLICY_INVALID'],
  ['simulated', { roots: [] }, 'TRUST_POLICY_INVALID'],
  ['witnesses', 'any', 'TRUST_POLICY_INVALID'],
];

describe('trust policy', () => {
  it.each(GOOD)('accepts %s = %j', (path, value) => {
    expect(readTrustPolicy(trustJson(path, value))).toEqual(trustJson(path, value));
  });

  it.each(BAD)('refuses %s = %j', (path, value, code) => {
    expect(() => readTrustPolicy(trustJson(path, value))).toFailWith(code);
  });

  it('names the field', () => {
    expect(() => readTrustPolicy(trustJson('platforms.nitro.debug', 'maybe'))).toThrow(
      'platforms.nitro.debug',
    );
    expect(() => readTrustPolicy(trustJson('freshness.nonce', undefined))).toThrow('freshness.nonce');
    expect(() => readTrustPolicy(trustJson('platforms.nitro.pcrs', { '0': [PCR, 'x'] }))).toThrow(
      'pcrs.0[1]',
    );
  });

  it('takes neither duplicate keys nor anything but an object', () => {
    expect(() => parseTrustPolicy(utf8('{"version":1,"version":1}'))).toFailWith('JSON_DUPLICATE_KEY');
    expect(() => parseTrustPolicy(utf8('{"__proto__":{}}'))).toFailWith('TRUST_KEY_UNKNOWN');
    expect(() => parseTrustPolicy(utf8('[]'))).toFailWith('TRUST_POLICY_INVALID');
    expect(() => parseTrustPolicy(utf8('null'))).toFailWith('TRUST_POLICY_INVALID');
    expect(() => parseTrustPolicy(utf8('{'))).toFailWith('JSON_SYNTAX');
  });

  it('has the digest of the bytes that were read, whatever becomes of the buffer', () => {
    const bytes = utf8(JSON.stringify(TRUST_JSON));
    const digest = toHex(nodeCrypto.sha256(bytes));
    const policy = parseTrustPolicy(bytes);
    bytes.fill(0);
    expect(trustPolicyDigest(policy, nodeCrypto)).toBe(digest);
  });

  it('takes no expectation from a prototype', () => {
    const inherited = Object.create(TRUST_JSON) as never;
    expect(() => readTrustPolicy(inherited)).toFailWith('EXPECTATION_MISSING');
  });

  it('is frozen, and its digest is that of the file', () => {
    const bytes = utf8(`${JSON.stringify(TRUST_JSON, null, 3)}\n`);
    const policy = parseTrustPolicy(bytes);
    expect(Object.isFrozen(policy) && Object.isFrozen(policy.platforms.nitro?.pcrs)).toBe(true);
    expect(trustPolicyDigest(policy, nodeCrypto)).toBe(toHex(nodeCrypto.sha256(bytes)));
    expect(trustPolicyDigest(trustWith(), nodeCrypto)).not.toBe(trustPolicyDigest(policy, nodeCrypto));
  });

  it('checks a policy that plain JavaScript passes in', async () => {
    const options = { mode: 'live', now: 0, crypto: nodeCrypto, platform: null, nonce: null } as const;
    const judge = (trust: unknown): Promise<unknown> =>
      judgeEvidence(new Uint8Array(1), { ...options, trust: trust as never });
    await expect(judge(undefined)).toRejectWith('EXPECTATION_MISSING');
    await expect(judge(trustJson('revocation', undefined))).toRejectWith('EXPECTATION_MISSING');
    await expect(judge({ ...TRUST_JSON, extra: 1 })).toRejectWith('TRUST_KEY_UNKNOWN');
  });

  it('publishes the schema that it checks by', () => {
    expect(readFileSync(SCHEMA_FILE, 'utf8')).toBe(schemaPage());
  });
});
