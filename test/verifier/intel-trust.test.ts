/** What a trust policy must say of TDs and enclaves, and what it cannot say. */
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/codec/json.ts';
import { readTrustPolicy } from '../../verifier/trust-policy.ts';
import { intelTrust, intelTrustJson } from '../support/intel-verify.ts';

const ONE = '01'.repeat(48);

function codeOf(run: () => unknown): unknown {
  try {
    run();
    return null;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe('the policy itself', () => {
  const paths = (object: JsonObject, path: readonly string[] = []): readonly (readonly string[])[] =>
    Object.entries(object).flatMap(([key, value]) => [
      [...path, key],
      ...(typeof value === 'object' && value !== null && !Array.isArray(value)
        ? paths(value as JsonObject, [...path, key])
        : []),
    ]);
  const FULL = intelTrustJson({
    tdx: {
      rtmrs: { '0': [ONE] },
      owner: { mrconfigid: [ONE] },
      platform: { smt: 'any' },
      mrseam: [ONE],
      min_module_isvsvn: { '1': 6 },
    },
    sgx: { platform: { smt: 'any' } },
    ids: { ppid: ['00'.repeat(16)] },
  });
  const OPTIONAL = [
    'sept_ve_disable',
    'attributes',
    'xfam',
    'mrseam',
    'min_module_isvsvn',
    'max_collateral_age_days',
  ];
  const at = (copy: JsonObject, path: readonly string[]): Record<string, unknown> =>
    path.reduce<Record<string, unknown>>(
      (object, key) => object[key] as Record<string, unknown>,
      copy as Record<string, unknown>,
    );

  it('misses every key that is required', () => {
    readTrustPolicy(FULL);
    for (const path of paths(FULL)) {
      const [root, platform] = path;
      if (root !== 'platforms' || platform === undefined || path.length < 3) continue;
      const copy = structuredClone(FULL);
      const key = path[path.length - 1] as string;
      delete at(copy, path.slice(0, -1))[key];
      const read = (): unknown => readTrustPolicy(copy);
      if (OPTIONAL.includes(key)) read();
      else expect([path.join('.'), codeOf(read)]).toEqual([path.join('.'), 'EXPECTATION_MISSING']);
    }
  });

  it('knows no other key', () => {
    for (const path of paths(FULL)) {
      const value = at(FULL, path);
      if (path[0] !== 'platforms' || typeof value !== 'object' || Array.isArray(value)) continue;
      const copy = structuredClone(FULL);
      // A known key of Intel's own policies, misspelt there and silently passed over.
      at(copy, path)['allow_dynamic_plaform'] = true;
      expect([path.join('.'), codeOf(() => readTrustPolicy(copy))]).toEqual([
        path.join('.'),
        'TRUST_KEY_UNKNOWN',
      ]);
    }
  });

  it.each([
    ['mrtd', ['00'.repeat(47)]],
    ['mrtd', []],
    ['rtmrs', { '4': [ONE] }],
    ['rtmrs', {}],
    ['debug', 'yes'],
    ['service_td', 'all'],
    ['owner', {}],
    ['platform', {}],
    ['platform', { sgx_types: ['integrity'] }],
    ['attributes', ['DEBUG']],
    ['attributes', ['SEPT_VE_DISABLE']],
    ['xfam', '602e7'],
    ['min_module_isvsvn', { '1': 256 }],
    ['min_module_isvsvn', { '01': 6 }],
    ['min_module_isvsvn', { '1': 6.5 }],
  ])('refuses %s %j', (key, value) => {
    const code = codeOf(() => intelTrust({ tdx: { [key]: value } as JsonObject }));
    expect(['TRUST_POLICY_INVALID', 'EXPECTATION_MISSING', 'TRUST_KEY_UNKNOWN']).toContain(code);
  });

  it.each([
    ['statuses', []],
    ['statuses', ['Revoked']],
    ['statuses', ['TcbNotSupported']],
    ['advisories', 'all'],
    ['advisories', ['INTEL-SA-1']],
    ['min_evaluation_number', 0],
    ['min_tcb_date', '2024-13-01'],
    ['min_tcb_date', '2024-03-13T00:00:00Z'],
    ['grace_days', 0],
    ['grace_days', -1],
    ['max_collateral_age_days', 0],
  ])('refuses tcb.%s %j', (key, value) => {
    expect(codeOf(() => intelTrust({ tcb: { [key]: value } as JsonObject }))).toBe('TRUST_POLICY_INVALID');
  });
});
