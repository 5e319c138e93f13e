/** What a trust policy may say of SEV-SNP: left out, misspelt or hollow is an error, never a waiver. */
import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/base/errors.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import { readTrustPolicy } from '../../verifier/index.ts';
import { TRUST_JSON } from '../support/trust.ts';

const HEX48 = 'aB'.repeat(48);
const HEX32 = 'cd'.repeat(32);
const HEX16 = 'ef'.repeat(16);
const CLASSIC = { bootloader: 4, tee: 0, snp: 24, microcode: 219 };
const STRICT: JsonObject = {
  measurement: [HEX48],
  debug: 'reject',
  vmpl: [0],
  tcb: { minimum: { Genoa: CLASSIC }, provisional_firmware: 'reject' },
  milan_vcek: 'reject',
  id_key: [HEX48],
  host_data: [HEX32],
};

/** The same with one value replaced or, for undefined, removed; `path` as `tcb.minimum`. */
function policyWith(path: string, value: JsonValue | undefined): JsonObject {
  const snp = structuredClone(STRICT) as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop() as string;
  const parent = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, snp);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return { ...TRUST_JSON, platforms: { snp: snp as JsonObject } };
}

const GOOD: readonly (readonly [string, JsonValue])[] = [
  ['debug', 'reject'],
  ['debug', 'allow'],
  ['measurement', 'any'],
  ['measurement', [HEX48, '00'.repeat(48)]],
  ['vmpl', 'any'],
  ['vmpl', [0, 1, 2, 3]],
  ['tcb.minimum', 'any'],
  ['tcb.minimum', { Milan: CLASSIC, Genoa: CLASSIC, Turin: { fmc: 0, ...CLASSIC } }],
  ['tcb.minimum', { Turin: { fmc: 1, bootloader: 0, tee: 0, snp: 0, microcode: 0 } }],
  ['tcb.provisional_firmware', 'allow'],
  ['milan_vcek', 'allow'],
  ['id_key', 'any'],
  ['host_data', 'any'],
  ['host_data', ['00'.repeat(32)]],
  ['author_key', 'any'],
  ['author_key', [HEX48]],
  ['migration_agent', 'allow'],
  ['smt', 'reject'],
  ['alias_check', 'any'],
  ...['ciphertext_hiding', 'page_swap_disabled', 'single_socket', 'cxl_disabled'].map(
    (key) => [key, 'required'] as const,
  ),
  ...['aes_256_xts', 'rapl_disabled', 'ecc', 'tsme'].map((key) => [key, 'any'] as const),
  ['mitigations', { Milan: 'b', Turin: '3F' }],
  ['mitigations', { Genoa: 'ffffffffffffffff' }],
  ['min_guest_svn', 1],
  ['min_guest_svn', 0xffff_ffff],
  ['min_abi', '1.55'],
  ['min_abi', '1.55.40'],
  ['family_id', [HEX16]],
  ['image_id', ['00'.repeat(16)]],
  ['products', ['Genoa']],
];

const BAD: readonly (readonly [string, JsonValue | undefined, Code])[] = [
  ...['measurement', 'debug', 'vmpl', 'tcb', 'milan_vcek', 'id_key', 'host_data'].map(
    (key) => [key, undefined, 'EXPECTATION_MISSING'] as const,
  ),
  ['tcb.minimum', undefined, 'EXPECTATION_MISSING'],
  ['tcb.provisional_firmware', undefined, 'EXPECTATION_MISSING'],
  ['tcb.minimum', {}, 'EXPECTATION_MISSING'],
  ['tcb.minimum', { Genoa: { bootloader: 4, tee: 0, snp: 24 } }, 'EXPECTATION_MISSING'],
  ['tcb.minimum', { Turin: CLASSIC }, 'EXPECTATION_MISSING'],
  ['mitigations', {}, 'EXPECTATION_MISSING'],
  ['Debug', 'reject', 'TRUST_KEY_UNKNOWN'],
  ['measurements', [HEX48], 'TRUST_KEY_UNKNOWN'],
  ['tcb.minimun', 'any', 'TRUST_KEY_UNKNOWN'],
  ['tcb.minimum', { Venice: CLASSIC }, 'TRUST_KEY_UNKNOWN'],
  ['tcb.minimum', { Genoa: { fmc: 1, ...CLASSIC } }, 'TRUST_KEY_UNKNOWN'],
  ['tcb.minimum', { genoa: CLASSIC }, 'TRUST_KEY_UNKNOWN'],
  ['mitigations', { Venice: 'b' }, 'TRUST_KEY_UNKNOWN'],
  ['measurement', [], 'TRUST_POLICY_INVALID'],
  ['measurement', HEX48, 'TRUST_POLICY_INVALID'],
  ['measurement', [HEX32], 'TRUST_POLICY_INVALID'],
  ['measurement', 'none', 'TRUST_POLICY_INVALID'],
  ['debug', true, 'TRUST_POLICY_INVALID'],
  ['debug', 'any', 'TRUST_POLICY_INVALID'],
  ['vmpl', [], 'TRUST_POLICY_INVALID'],
  ['vmpl', [4], 'TRUST_POLICY_INVALID'],
  ['vmpl', ['0'], 'TRUST_POLICY_INVALID'],
  ['vmpl', 0, 'TRUST_POLICY_INVALID'],
  ['tcb.minimum', 'none', 'TRUST_POLICY_INVALID'],
  ['tcb.minimum', { Genoa: { ...CLASSIC, microcode: 256 } }, 'TRUST_POLICY_INVALID'],
  ['tcb.minimum', { Genoa: { ...CLASSIC, microcode: -1 } }, 'TRUST_POLICY_INVALID'],
  ['tcb.minimum', { Genoa: { ...CLASSIC, microcode: 1.5 } }, 'TRUST_POLICY_INVALID'],
  ['tcb.minimum', { Genoa: { bootloader: 0, tee: 0, snp: 0, microcode: 0 } }, 'TRUST_POLICY_INVALID'],
  ['tcb.minimum', { Turin: { fmc: 0, bootloader: 0, tee: 0, snp: 0, microcode: 0 } }, 'TRUST_POLICY_INVALID'],
  ['tcb.provisional_firmware', 'any', 'TRUST_POLICY_INVALID'],
  ['milan_vcek', 'any', 'TRUST_POLICY_INVALID'],
  ['milan_vcek', null, 'TRUST_POLICY_INVALID'],
  ['id_key', ['00'.repeat(48)], 'TRUST_POLICY_INVALID'],
  ['author_key', [HEX48, '00'.repeat(48)], 'TRUST_POLICY_INVALID'],
  ['host_data', [HEX48], 'TRUST_POLICY_INVALID'],
  ['migration_agent', 'any', 'TRUST_POLICY_INVALID'],
  ['smt', 'any', 'TRUST_POLICY_INVALID'],
  ['alias_check', 'reject', 'TRUST_POLICY_INVALID'],
  ['ecc', true, 'TRUST_POLICY_INVALID'],
  ['mitigations', { Genoa: '0xb' }, 'TRUST_POLICY_INVALID'],
  ['mitigations', { Genoa: '' }, 'TRUST_POLICY_INVALID'],
  ['mitigations', { Genoa: '00' }, 'TRUST_POLICY_INVALID'],
  ['mitigations', { Genoa: 'f'.repeat(17) }, 'TRUST_POLICY_INVALID'],
  ['min_guest_svn', 0, 'TRUST_POLICY_INVALID'],
  ['min_guest_svn', 0x1_0000_0000, 'TRUST_POLICY_INVALID'],
  ['min_abi', '1', 'TRUST_POLICY_INVALID'],
  ['min_abi', '1.55.40.1', 'TRUST_POLICY_INVALID'],
  ['min_abi', 1.55, 'TRUST_POLICY_INVALID'],
  ['family_id', [HEX32], 'TRUST_POLICY_INVALID'],
  ['products', [], 'TRUST_POLICY_INVALID'],
  ['products', ['Bergamo'], 'TRUST_POLICY_INVALID'],
];

describe('platforms.snp', () => {
  it.each(GOOD)('may say %s: %j', (path, value) => {
    readTrustPolicy(policyWith(path, value));
  });

  it.each(BAD)('may not say %s: %j', (path, value, code) => {
    expect(() => readTrustPolicy(policyWith(path, value))).toFailWith(code);
    if (code === 'TRUST_POLICY_INVALID')
      expect(() => readTrustPolicy(policyWith(path, value))).toThrow(
        `trust policy: platforms.snp.${path.split('.')[0]}`,
      );
  });

  it('may name chips and providers', () => {
    for (const ids of [
      { chip_id: ['00'.repeat(8), 'AB'.repeat(64)] },
      { csp_id: ['CN=cc-us-east-2.amazonaws.com'] },
    ])
      readTrustPolicy({ ...policyWith('debug', 'reject'), hardware: { ids } });
    for (const ids of [{ chip_id: ['00'.repeat(16)] }, { chip_id: [] }, { csp_id: ['tab\t'] }])
      expect(() => readTrustPolicy({ ...policyWith('debug', 'reject'), hardware: { ids } })).toFailWith(
        'TRUST_POLICY_INVALID',
      );
  });
});
