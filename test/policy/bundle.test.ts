/** Bundles: one form, one digest, one tenant, and principals by key. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { fromHex } from '../../src/base/hex.ts';
import { canonicalize } from '../../src/codec/jcs.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import {
  compileBundle,
  createRulesEngine,
  encodeBundle,
  evaluate,
  parseBundle,
  type BundleDocument,
} from '../../src/policy/index.ts';
import { hashing, toolCall, toolManifest } from './support.ts';

const context = { hashing, engines: [createRulesEngine()] };
const rules = { type: 'custom', adapter: 'assay/rules/v1', rules: [{ id: 'all', decision: 'allow' }] };
const key = (byte: string): string => byte.repeat(32);
const BUNDLE: BundleDocument = {
  version: 1,
  tenant: 'acme',
  manifest: toolManifest(rules, ['a']),
  principals: [
    { id: 'one', tenant: 'acme', agent: 'shop', key: key('01') },
    { id: 'two', tenant: 'acme', agent: 'shop', key: key('02') },
  ],
};

function variant(change: JsonObject): Uint8Array {
  return canonicalize({ ...(BUNDLE as unknown as JsonObject), ...change });
}

describe('bundle', () => {
  it('compiles, with the digest of its bytes and principals by key', () => {
    const bytes = encodeBundle(BUNDLE);
    const policy = compileBundle(bytes, context);
    expect(policy.digest).toEqual(hashing.sha256(bytes));
    expect(policy.tenant).toBe('acme');
    expect(policy.principal(fromHex(key('02')))?.id).toBe('two');
    expect(policy.principal(fromHex(key('03')))).toBeNull();
    expect(policy.principal(new Uint8Array(0))).toBeNull();
    const principal = policy.principal(fromHex(key('01')));
    const evaluation = evaluate(policy, {
      interventionPoint: 'pre_tool_call',
      snapshot: toolCall('a', {}),
      principal,
    });
    expect(evaluation).toMatchObject({ decision: 'allow', rule: 'all', effects: [] });
  });

  it('has one form only', () => {
    const text = new TextDecoder().decode(encodeBundle(BUNDLE));
    for (const other of [
      `${text}\n`,
      ` ${text}`,
      text.replace('"version":1', '"version":1.0'),
      text.replace('acme', '\\u0061cme'),
    ])
      expect(() => parseBundle(utf8(other))).toFailWith('POLICY_BUNDLE_NOT_CANONICAL');
    expect(() => parseBundle(utf8(text.replace('{', '{"version":1,')))).toFailWith('JSON_DUPLICATE_KEY');
    expect(() => parseBundle(utf8(`${text}x`))).toFailWith('JSON_SYNTAX');
    expect(() => parseBundle(new Uint8Array(4_194_305))).toFailWith('JSON_TOO_LARGE');
  });

  it.each([
    ['another version', { version: 2 }],
    ['no tenant', { tenant: '' }],
    ['control characters', { tenant: 'a\nb' }],
    ['unknown member', { comment: 'x' }],
    ['manifest not an object', { manifest: [] }],
    ['principals not a list', { principals: {} }],
    ['short key', { principals: [{ id: 'x', tenant: 'acme', agent: 'a', key: '01' }] }],
    ['upper-case key', { principals: [{ id: 'x', tenant: 'acme', agent: 'a', key: key('AA') }] }],
    ['foreign tenant', { principals: [{ id: 'x', tenant: 'globex', agent: 'a', key: key('01') }] }],
    [
      'unknown member of a principal',
      { principals: [{ id: 'x', tenant: 'acme', agent: 'a', key: key('01'), admin: true }] },
    ],
  ] as [string, JsonObject][])('refuses %s', (_name, change) => {
    expect(() => compileBundle(variant(change), context)).toFailWith('POLICY_BUNDLE_INVALID');
  });

  it('refuses two principals with one key or one name', () => {
    const [one] = BUNDLE.principals as unknown as [JsonObject];
    for (const second of [
      { ...one, id: 'three' },
      { ...one, key: key('03') },
    ])
      expect(() => parseBundle(variant({ principals: [one, second] as JsonValue }))).toFailWith(
        'POLICY_PRINCIPAL_DUPLICATE',
      );
  });

  it('compiles all of it or nothing', () => {
    const broken = {
      ...(BUNDLE.manifest as object),
      policies: { p: { ...rules, rules: [] } },
    } as unknown as JsonObject;
    expect(() => compileBundle(variant({ manifest: broken }), context)).toFailWith('POLICY_RULES_INVALID');
  });
});
