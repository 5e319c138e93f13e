/** Policy folders and `assay policy`: what people write becomes one bundle, or one clear error. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../host/cli/policy.ts';
import { buildPolicyFolder, parseYaml, readAuthorityKey, resolveManifest } from '../../host/policy/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { codeOf, type Code } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { parseBundle, parseManifest } from '../../src/policy/index.ts';
import { parseOrderFile } from '../../src/statement/order-file.ts';
import { verifyOrder } from '../../src/statement/order.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import { itWithOpenssl } from '../support/openssl.ts';

const SAMPLE = resolve(import.meta.dirname, '../../host/cli/sample');
const NOW = Date.UTC(2026, 10, 20);
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

async function policy(...args: string[]): Promise<{ status: number; out: string; json: any }> {
  let out = '';
  const io = {
    stdin: async () => new Uint8Array(0),
    out: (text: string) => (out += text),
    err: () => undefined,
    isTty: false,
    now: () => NOW,
  };
  const status = await run(args, io as never);
  return { status, out, json: args.includes('--json') ? JSON.parse(out) : null };
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

describe('assay policy', () => {
  it('builds, checks and signs for several authorities', async () => {
    const at = (name: string): string => join(folder, name);
    const built = await policy('build', SAMPLE, '-o', at('bundle.json'), '--json');
    expect(built.status).toBe(0);
    const checked = await policy('check', at('bundle.json'), '--json');
    expect(checked.json.digest).toBe(built.json.digest);
    expect((await policy('check', SAMPLE)).out).toContain(built.json.digest);
    const first = await policy('keygen', '-o', at('a.pem'), '--json');
    expect(statSync(at('a.pem')).mode & 0o777).toBe(0o600);
    const second = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(at('b.pem'), second, { mode: 0o600 });
    const common = ['--origin', 'sim.example/log', '--not-after', '+30d'];
    await policy(
      'sign',
      at('bundle.json'),
      '--key',
      at('a.pem'),
      '--version',
      '1',
      ...common,
      '-o',
      at('one.order'),
    );
    const both = await policy(
      'sign',
      at('bundle.json'),
      '--key',
      at('b.pem'),
      '--order',
      at('one.order'),
      '-o',
      at('two.order'),
      '--json',
    );
    expect(both.json.signed_by[0]).toBe(first.json.public_key);
    const { kind, signed } = parseOrderFile(readFileSync(at('two.order')));
    const authorities = [fromHex(first.json.public_key), readAuthorityKey(at('b.pem')).publicKey];
    const order = await verifyOrder(signed, {
      kind: 'policy',
      authorities,
      threshold: 2,
      crypto: nodeCrypto,
    });
    expect(kind).toBe('policy');
    expect(order).toMatchObject({
      tenant: 'acme',
      version: 1,
      previous: null,
      notAfter: NOW + 30 * 86_400_000,
    });
    expect(toHex(order.bundleDigest)).toBe(built.json.digest);
    const next = await policy(
      'sign',
      at('bundle.json'),
      '--key',
      at('a.pem'),
      '--version',
      '2',
      '--previous',
      at('two.order'),
      ...common,
      '-o',
      at('next.order'),
      '--json',
    );
    expect(next.json.previous).toBe(both.json.order);
  });

  it('signs again without counting twice', async () => {
    const at = (name: string): string => join(folder, name);
    await policy(
      'sign',
      at('bundle.json'),
      '--key',
      at('a.pem'),
      '--order',
      at('one.order'),
      '-o',
      at('again.order'),
    );
    expect(parseOrderFile(readFileSync(at('again.order'))).signed.signatures.length).toBe(1);
  });

  const cases: [string, string[], Code][] = [
    ['no action', [], 'USAGE'],
    ['unknown action', ['destroy'], 'USAGE'],
    ['no folder', ['build', '-o', 'x'], 'USAGE'],
    ['no output', ['build', SAMPLE], 'USAGE'],
    ['unknown option', ['check', SAMPLE, '--force'], 'USAGE'],
    ['too many files', ['check', SAMPLE, SAMPLE], 'USAGE'],
    ['file that is missing', ['check', 'absent.json'], 'POLICY_SOURCE_INVALID'],
    ['not a bundle', ['check', join(SAMPLE, 'principals.json')], 'POLICY_BUNDLE_INVALID'],
    [
      'version 0',
      ['sign', 'B', '--key', 'K', '--origin', 'o', '--version', '0', '--not-after', '+1d', '-o', 'x'],
      'USAGE',
    ],
    [
      'version 2 without previous',
      ['sign', 'B', '--key', 'K', '--origin', 'o', '--version', '2', '--not-after', '+1d', '-o', 'x'],
      'USAGE',
    ],
    ['no time', ['sign', 'B', '--key', 'K', '--origin', 'o', '--version', '1', '-o', 'x'], 'USAGE'],
    [
      'a time in the past',
      [
        'sign',
        'B',
        '--key',
        'K',
        '--origin',
        'o',
        '--version',
        '1',
        '--not-after',
        '2020-01-01T00:00:00Z',
        '-o',
        'x',
      ],
      'USAGE',
    ],
    [
      'a vague time',
      ['sign', 'B', '--key', 'K', '--origin', 'o', '--version', '1', '--not-after', 'tomorrow', '-o', 'x'],
      'USAGE',
    ],
    ['order and version', ['sign', 'B', '--key', 'K', '--order', 'O', '--version', '1', '-o', 'x'], 'USAGE'],
    ['another bundle', ['sign', 'OTHER', '--key', 'K', '--order', 'O', '-o', 'x'], 'ORDER_BUNDLE_MISMATCH'],
    ['not an order', ['sign', 'B', '--key', 'K', '--order', 'B', '-o', 'x'], 'JSON_DEPTH'],
    ['not a key', ['sign', 'B', '--key', 'B', '--order', 'O', '-o', 'x'], 'KEY_INVALID'],
    ['no key file', ['sign', 'B', '--key', 'absent', '--order', 'O', '-o', 'x'], 'POLICY_SOURCE_INVALID'],
    ['key over a file', ['keygen', '-o', 'K'], 'POLICY_SOURCE_INVALID'],
  ];
  it.each(cases)('refuses %s', async (_name, args, code) => {
    const names: Record<string, string> = {
      B: 'bundle.json',
      K: 'a.pem',
      O: 'one.order',
      x: 'never.order',
      OTHER: 'other.json',
    };
    const other = { tenant: 'acme', principals: [] };
    writeFileSync(join(folder, 'other.json'), buildPolicyFolder(SAMPLE, { principals: other }));
    const real = args.map((arg) => (Object.hasOwn(names, arg) ? join(folder, names[arg] as string) : arg));
    await expect(policy(...real).catch((error: unknown) => Promise.reject(error))).rejects.toSatisfy(
      (error) => codeOf(error) === code,
    );
    expect(statSync(join(folder, 'never.order'), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('writes nothing where it may not', async () => {
    const locked = files('locked', { a: '' });
    chmodSync(locked, 0o500);
    const target = process.getuid?.() === 0 ? '/proc/never/b.json' : join(locked, 'b.json');
    await expect(policy('build', SAMPLE, '-o', target)).toRejectWith('POLICY_SOURCE_INVALID');
    chmodSync(locked, 0o700);
  });
});

if (CORPUS === null) missing('ACS extends', 4);
