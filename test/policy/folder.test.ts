/** Policy folders: what people write becomes one bundle, or one clear error. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPolicyFolder, parseYaml, resolveManifest } from '../../host/policy/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Code } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { parseBundle, parseManifest } from '../../src/policy/index.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import { itWithOpenssl } from '../support/openssl.ts';

const SAMPLE = resolve(import.meta.dirname, '../../host/cli/sample');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-policy-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes files below a new folder. */
function files(name: string, contents: Readonly<Record<string, string>>): string {
  const path = join(folder, name);
  for (const [file, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), text);
  }
  return path;
}

const MANIFEST = 'agent_control_specification_version: 0.3.1-beta\n';
const CEDAR = `${MANIFEST}policies: {p: {type: cedar, policy_path: P}}\nintervention_points: {input: {policy_target: $.x, policy: {id: p}}}\n`;
const PEOPLE = '{"tenant":"acme","principals":[]}';
const ALL = 'permit (principal, action, resource);';

describe('YAML', () => {
  it.each([
    ['duplicate keys', 'a: 1\na: 2'],
    ['aliases', 'a: &x {b: 1}\nc: *x'],
    ['an alias bomb', `a: &a [x]\n${Array.from({ length: 9 }, (_, i) => `k${i}: [*a,*a]`).join('\n')}`],
    ['unknown tags', 'a: !!js/function "x"'],
    ['two documents', 'a: 1\n---\nb: 2'],
    ['a list', '- 1'],
    ['nothing', ''],
    ['a 20-digit integer', 'a: 12345678901234567890'],
    ['infinity', 'a: .inf'],
    ['not a number', 'a: .nan'],
    ['deep nesting', `a: ${'['.repeat(200)}${']'.repeat(200)}`],
    ['size', `a: ${'x'.repeat(1_048_577)}`],
    ['tabs', 'a:\n\t- 1'],
  ])('refuses %s', (_name, text) => {
    expect(() => parseYaml(text, 'm.yaml')).toFailWith('POLICY_SOURCE_INVALID');
  });

  it('reads YAML 1.2: no is text, dates are text', () => {
    expect(parseYaml('a: no\nb: 2026-01-01\nc: 0o10\nd: 1.5', 'm')).toEqual({
      a: 'no',
      b: '2026-01-01',
      c: 8,
      d: 1.5,
    });
    expect(Object.keys(parseYaml('__proto__: {x: 1}', 'm'))).toEqual(['__proto__']);
  });
});

describe('building', () => {
  it('the sample is one bundle, byte for byte, every time', () => {
    const bytes = buildPolicyFolder(SAMPLE);
    expect(buildPolicyFolder(SAMPLE)).toEqual(bytes);
    const bundle = parseBundle(bytes);
    expect(bundle.tenant).toBe('acme');
    expect(JSON.stringify(bundle.manifest)).not.toContain('policy_path');
  });

  it('inlines a folder of Cedar files, entities and a schema', () => {
    const path = files('inline', {
      'manifest.yaml': CEDAR.replace('P}', 'cedar, entities_path: e.json, schema_path: s.cedarschema}'),
      'cedar/b.cedar': `@id("b") ${ALL}`,
      'cedar/a.cedar': `@id("a") ${ALL}`,
      'e.json': '[{"uid":{"type":"Agent","id":"x"},"attrs":{},"parents":[]}]',
      's.cedarschema':
        'entity Agent, PolicyTarget; action input appliesTo { principal: Agent, resource: PolicyTarget, context: {} };',
      'principals.json': PEOPLE,
    });
    const source = (parseBundle(buildPolicyFolder(path)).manifest['policies'] as JsonObject)[
      'p'
    ] as JsonObject;
    expect(source['policy_set']).toMatch(/"a".*\n.*"b"/);
    expect(source['entities']).toHaveLength(1);
    expect(source['schema']).toMatch(/^entity/);
  });

  itWithOpenssl('recognises clients by certificate or public key', () => {
    const path = files('people', { 'manifest.yaml': CEDAR.replace('P}', 'p.cedar}'), 'p.cedar': ALL });
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ed25519',
        '-nodes',
        '-subj',
        '/CN=c',
        '-keyout',
        join(path, 'k.pem'),
        '-out',
        join(path, 'c.pem'),
      ],
      { stdio: 'ignore' },
    );
    execFileSync('openssl', ['pkey', '-in', join(path, 'k.pem'), '-pubout', '-out', join(path, 'p.pem')]);
    const spki = execFileSync('openssl', ['pkey', '-in', join(path, 'k.pem'), '-pubout', '-outform', 'DER']);
    for (const certificate of ['c.pem', 'p.pem']) {
      writeFileSync(
        join(path, 'principals.json'),
        JSON.stringify({ tenant: 'acme', principals: [{ id: 'c', agent: 'a', certificate }] }),
      );
      const [client] = parseBundle(buildPolicyFolder(path)).principals;
      expect(client?.key).toBe(toHex(nodeCrypto.sha256(new Uint8Array(spki))));
    }
    writeFileSync(
      join(path, 'principals.json'),
      JSON.stringify({ tenant: 'acme', principals: [{ id: 'c', agent: 'a', certificate: 'p.cedar' }] }),
    );
    expect(() => buildPolicyFolder(path)).toFailWith('POLICY_SOURCE_INVALID');
  });

  it.each([
    ['a missing folder', null, 'POLICY_SOURCE_INVALID'],
    ['a folder without manifest', { 'principals.json': PEOPLE }, 'POLICY_SOURCE_INVALID'],
    [
      'a folder without principals',
      { 'manifest.yaml': CEDAR.replace('P}', 'p.cedar}'), 'p.cedar': ALL },
      'POLICY_SOURCE_INVALID',
    ],
    [
      'principals without tenant',
      { 'manifest.yaml': CEDAR.replace('P}', 'p.cedar}'), 'p.cedar': ALL, 'principals.json': '{}' },
      'POLICY_SOURCE_INVALID',
    ],
    [
      'principals that are a list',
      { 'manifest.yaml': CEDAR.replace('P}', 'p.cedar}'), 'p.cedar': ALL, 'principals.json': '[null]' },
      'POLICY_SOURCE_INVALID',
    ],
    [
      'a principal that is null',
      {
        'manifest.yaml': CEDAR.replace('P}', 'p.cedar}'),
        'p.cedar': ALL,
        'principals.json': '{"tenant":"t","principals":[null]}',
      },
      'POLICY_SOURCE_INVALID',
    ],
    [
      'a principal without key',
      {
        'manifest.yaml': CEDAR.replace('P}', 'p.cedar}'),
        'p.cedar': ALL,
        'principals.json': '{"tenant":"t","principals":[{"id":"x","agent":"y"}]}',
      },
      'POLICY_BUNDLE_INVALID',
    ],
    [
      'a missing Cedar file',
      { 'manifest.yaml': CEDAR.replace('P}', 'q.cedar}'), 'principals.json': PEOPLE },
      'POLICY_SOURCE_INVALID',
    ],
    [
      'a Cedar file elsewhere',
      { 'manifest.yaml': CEDAR.replace('P}', '/etc/hostname}'), 'principals.json': PEOPLE },
      'POLICY_SOURCE_INVALID',
    ],
    [
      'a path upwards',
      { 'manifest.yaml': CEDAR.replace('P}', '../../../../etc/hostname}'), 'principals.json': PEOPLE },
      'POLICY_SOURCE_INVALID',
    ],
    [
      'text that is not UTF-8',
      { 'manifest.yaml': CEDAR.replace('P}', 'p.cedar}'), 'p.cedar': '\udcff', 'principals.json': PEOPLE },
      null,
    ],
    [
      'a broken manifest',
      {
        'manifest.yaml': `${CEDAR}fail_open: true\n`.replace('P}', 'p.cedar}'),
        'p.cedar': ALL,
        'principals.json': PEOPLE,
      },
      'POLICY_MANIFEST_INVALID',
    ],
  ] as [string, Record<string, string> | null, Code | null][])('refuses %s', (name, contents, code) => {
    const path = contents === null ? join(folder, 'absent') : files(name.replaceAll(' ', '-'), contents);
    if (code === null) {
      writeFileSync(join(path, 'p.cedar'), Uint8Array.of(0xff, 0xfe));
      expect(() => buildPolicyFolder(path)).toFailWith('POLICY_SOURCE_INVALID');
    } else expect(() => buildPolicyFolder(path)).toFailWith(code);
  });

  it('does not follow a link out of the folder', () => {
    const path = files('link', {
      'manifest.yaml': CEDAR.replace('P}', 'p.cedar}'),
      'principals.json': PEOPLE,
    });
    symlinkSync('/etc/hostname', join(path, 'p.cedar'));
    expect(() => buildPolicyFolder(path)).toFailWith('POLICY_SOURCE_INVALID');
  });
});

describe('extends', () => {
  const point = 'intervention_points: {input: {policy_target: $.x, policy: {id: p}}}\n';
  it('merges parents first, and a diamond once', () => {
    const path = files('diamond', {
      'manifest.yaml': `${MANIFEST}extends: [left.yaml, right.yaml]\n${point}`,
      'left.yaml': `${MANIFEST}extends: [base.yaml]\ntools: {a: {}}\n`,
      'right.yaml': `${MANIFEST}extends: [base.yaml]\ntools: {b: {}}\n`,
      'base.yaml': `${MANIFEST}policies: {p: {type: test}}\n`,
    });
    const merged = resolveManifest(join(path, 'manifest.yaml'));
    expect([...parseManifest(merged).tools.keys()]).toEqual(['a', 'b']);
  });

  it.each([
    [
      'a cycle',
      {
        'manifest.yaml': `${MANIFEST}extends: [a.yaml]\n`,
        'a.yaml': `${MANIFEST}extends: [manifest.yaml]\n`,
      },
    ],
    ['itself', { 'manifest.yaml': `${MANIFEST}extends: [manifest.yaml]\n` }],
    ['a missing parent', { 'manifest.yaml': `${MANIFEST}extends: [a.yaml]\n` }],
    ['a remote parent', { 'manifest.yaml': `${MANIFEST}extends: ["https://example.com/a.yaml"]\n` }],
    [
      'a pinned remote parent',
      { 'manifest.yaml': `${MANIFEST}extends: [{url: "https://example.com/a.yaml"}]\n` },
    ],
    ['a parent outside', { 'manifest.yaml': `${MANIFEST}extends: [../x.yaml]\n` }],
    ['not a list', { 'manifest.yaml': `${MANIFEST}extends: a.yaml\n` }],
    [
      'another version',
      {
        'manifest.yaml': `${MANIFEST}extends: [a.yaml]\n`,
        'a.yaml': 'agent_control_specification_version: 0.3.0\n',
      },
    ],
    [
      'a conflict',
      {
        'manifest.yaml': `${MANIFEST}extends: [a.yaml]\ntools: {t: {clearance: high}}\n`,
        'a.yaml': `${MANIFEST}tools: {t: {clearance: low}}\n`,
      },
    ],
    [
      'too deep',
      Object.fromEntries(
        Array.from({ length: 19 }, (_, i) => [
          i === 0 ? 'manifest.yaml' : `${i}.yaml`,
          `${MANIFEST}extends: [${i + 1}.yaml]\n`,
        ]),
      ),
    ],
  ] as [string, Record<string, string>][])('refuses %s', (name, contents) => {
    files('.', { 'x.yaml': MANIFEST });
    const path = files(`extends-${name.replaceAll(' ', '-')}`, contents);
    expect(() => resolveManifest(join(path, 'manifest.yaml'))).toFailWith('POLICY_EXTENDS_INVALID');
  });

  it.skipIf(CORPUS === null)('agrees with the recorded cases of ACS', () => {
    const root = resolve(CORPUS as string, 'policy/acs/extends');
    const merged = parseManifest(resolveManifest(join(root, 'ordered/child.yaml')));
    expect([...merged.policies.keys()].sort()).toEqual(['child_policy', 'duplicate_policy', 'shared_policy']);
    expect(merged.points.get('input')?.annotations.map(({ name }) => name)).toEqual([
      'base_classifier',
      'child_classifier',
    ]);
    expect([...merged.points.keys()].sort()).toEqual(['input', 'output', 'pre_tool_call']);
    for (const bad of ['conflict/intervention-point-conflict', 'conflict/policy-conflict', 'missing/child'])
      expect(() => resolveManifest(join(root, `${bad}.yaml`))).toFailWith('POLICY_EXTENDS_INVALID');
  });
});

if (CORPUS === null) missing('ACS extends', 4);
