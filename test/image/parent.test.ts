/** Settings of a parent follow from the image; the example configuration and the stack are what they claim to be. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../enclave/config.ts';
import { NITRO_CONFIG } from '../../enclave/platform/nitro-config.ts';
import { allows, parseKeyPolicy } from '../../host/simulator/key-policy.ts';
import { parseYaml } from '../../host/policy/yaml.ts';
import { writeCpio } from '../../images/cpio.ts';
import { writeEif } from '../../images/eif.ts';
import { formatMeasurements } from '../../images/index.ts';
import { compressRamdisk } from '../../images/nitro/image.ts';
import {
  type ParentFiles,
  parentFiles,
  parentMemoryMib,
  STACK_KEPT,
} from '../../images/nitro/parent/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { measureImage, parseEif } from '../../src/image/index.ts';
import { readSource, ROOT } from '../support/tree.ts';

const EXAMPLE = readSource('images/nitro/config.example.json');
/** With keys that no eye takes for an example's. */
const config = utf8(EXAMPLE.replaceAll(/(11|22){32}/g, (_, byte: string) => `${byte}a5`.repeat(16)));
const ramdisk = (seed: number): Uint8Array =>
  compressRamdisk(writeCpio(new Map([[`file-${seed}`, { data: new Uint8Array(1500).fill(seed) }]])), 12);
const image = writeEif({
  architecture: 'x86_64',
  kernel: new Uint8Array(4096).fill(1),
  cmdline: 'console=ttyS0',
  metadata: utf8('{}'),
  ramdisks: [ramdisk(1), ramdisk(2)],
});
const measured = measureImage(nodeCrypto, parseEif(image));
const said = (
  facts: Record<string, string> = { ConfigDigest: toHex(nodeCrypto.sha256(config)) },
): Uint8Array => utf8(formatMeasurements(measured, facts));
const choices = { listen: '0.0.0.0:7470', cid: 16, cpus: 2, kmsPort: 8000, imagePath: '/i.eif' };
const made = (over: Partial<Parameters<typeof parentFiles>[1]> = {}): ParentFiles => {
  const measurements = said({ ConfigDigest: toHex(nodeCrypto.sha256(over.config ?? config)) });
  return parentFiles(nodeCrypto, { image, config, measurements, ...over }, choices);
};
const arn = (text: string): Uint8Array =>
  utf8(new TextDecoder().decode(config).replace(/arn:aws:kms:[^"]*/, text));

const folder = mkdtempSync(join(tmpdir(), 'assay-parent-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the example configuration', () => {
  it('is one that a Nitro enclave accepts', () => {
    const read = parseConfig(utf8(EXAMPLE), NITRO_CONFIG);
    expect(read).toMatchObject({ platform: 'nitro', origin: 'assay.example/decisions' });
  });
});

describe('settings of a parent', () => {
  it('gives four times the image, and never less than the configuration demands of the kernel', () => {
    const MIB = 1_048_576;
    expect(parentMemoryMib(400 * MIB, 512)).toBe(1_600);
    expect(parentMemoryMib(400 * MIB + 1, 512)).toBe(1_602);
    // What the guide says.
    expect(parentMemoryMib(40e6, 1_024)).toBe(1_106);
    expect(Math.ceil((4 * 40e6) / MIB)).toBe(153);
    for (let mib = 256; mib < 65_536; mib = mib * 2 + 1) {
      const given = parentMemoryMib(1, mib);
      expect(given - given / 64 - 64).toBeGreaterThanOrEqual(mib);
      expect(given % 2).toBe(0);
    }
  });

  it('takes ports from the configuration, the host of KMS from the key, the registers from the image', () => {
    const files = made();
    expect(files['parent.env'].split('\n')).toEqual([
      'ENCLAVE_IMAGE=/i.eif',
      'ENCLAVE_CID=16',
      'ENCLAVE_CPUS=2',
      'ENCLAVE_MEMORY_MIB=1106',
      'RPC_PORT=5000',
      'STORE_PORT=5001',
      'LISTEN=0.0.0.0:7470',
      'KMS_HOST=kms.eu-central-1.amazonaws.com',
      'KMS_PORT=8000',
      '',
    ]);
    expect(parseYaml(files['allocator.yaml'], 'a')).toEqual({ memory_mib: 1106, cpu_count: 2 });
    expect(parseYaml(files['vsock-proxy.yaml'], 'v')).toEqual({
      allowlist: [{ address: 'kms.eu-central-1.amazonaws.com', port: 443 }],
    });
    const china = made({ config: arn('arn:aws-cn:kms:cn-north-1:111122223333:key/a') });
    expect(china['parent.env']).toContain('KMS_HOST=kms.cn-north-1.amazonaws.com.cn\n');
    const parameters = JSON.parse(files['stack-parameters.json']) as Record<string, unknown>[];
    expect(parameters.slice(0, 4)).toEqual([
      { ParameterKey: 'Pcr0', ParameterValue: toHex(measured.pcr0) },
      { ParameterKey: 'Pcr1', ParameterValue: toHex(measured.pcr1) },
      { ParameterKey: 'Pcr2', ParameterValue: toHex(measured.pcr2) },
      // Nobody signed this one.
      { ParameterKey: 'Pcr8', ParameterValue: '' },
    ]);
    expect(parameters.slice(4).every((one) => one['UsePreviousValue'] === true)).toBe(true);
  });

  it('refuses another image, another configuration, the keys of the example, and what is no key', () => {
    const other = writeEif({ ...parseEif(image), cmdline: 'console=ttyS1' });
    expect(() => made({ image: other })).toFailWith('NITRO_PCR_MISMATCH');
    expect(() => made({ image: image.subarray(0, 600) })).toThrow();
    for (const facts of [{ ConfigDigest: '00'.repeat(32) }, {}] as Record<string, string>[])
      expect(() => made({ measurements: said(facts) })).toFailWith('SERVICE_CONFIG_MISMATCH');
    expect(() => made({ config: utf8(EXAMPLE) })).toFailWith('CONFIG_INVALID');
    for (const text of ['alias/assay', 'arn:aws:kms:eu:1:key/a', 'arn:aws:kms:e u:111122223333:key/a'])
      expect(() => made({ config: arn(text) }), text).toFailWith('CONFIG_INVALID');
    expect(() => made({ measurements: utf8('{}') })).toFailWith('JSON_SHAPE');
  });

  it('are made for no image of which the registers do not fix the layout', () => {
    const bare = {
      architecture: 'x86_64',
      kernel: new Uint8Array(64),
      cmdline: 'x',
      metadata: utf8('{}'),
    } as const;
    for (const [ramdisks, code] of [
      [[ramdisk(1)], 'EIF_ONE_RAMDISK'],
      [[new Uint8Array(64), ramdisk(2)], 'EIF_BOUNDARY_AMBIGUOUS'],
    ] as const) {
      const other = writeEif({ ...bare, ramdisks });
      const facts = { ConfigDigest: toHex(nodeCrypto.sha256(config)) };
      const measurements = utf8(formatMeasurements(measureImage(nodeCrypto, parseEif(other)), facts));
      expect(() => made({ image: other, measurements })).toFailWith(code);
    }
  });

  it('are written by the program, once', () => {
    const file = (name: string, bytes: Uint8Array): string => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    };
    const given = ['--image', file('i.eif', image), '--measurements', file('m.json', said())];
    const run = (...args: string[]): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, ['--no-warnings', join(ROOT, 'host/launch/parent-settings.ts'), ...args], {
        encoding: 'utf8',
      });
    const all = [...given, '--config', file('c.json', config), '-o', join(folder, 'settings')];
    expect(run(...all)).toMatchObject({ status: 0, stderr: '' });
    const written = readFileSync(join(folder, 'settings/parent.env'), 'utf8');
    expect(written).toBe(made()['parent.env'].replace('/i.eif', '/usr/local/lib/assay/enclave.eif'));
    expect(run(...all)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^USAGE: .* is there already/),
    });
    for (const wrong of [
      ['--cid', '3'],
      ['--cpus', '0'],
      ['--listen', 'unix:/x'],
      ['--image-path', 'a b'],
      ['--no'],
    ])
      expect(run(...all, ...wrong), wrong.join(' ')).toMatchObject({ status: 2 });
    // What the enclave would refuse, and no setting depends on.
    const odd = utf8(JSON.stringify({ ...JSON.parse(new TextDecoder().decode(config)), surprise: 1 }));
    const facts = said({ ConfigDigest: toHex(nodeCrypto.sha256(odd)) });
    const strange = ['--measurements', file('odd-m.json', facts), '--config', file('odd.json', odd)];
    expect(run(...given, ...strange, '-o', join(folder, 'odd'))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^CONFIG_INVALID: config\.json: surprise: /),
    });
    expect(run(...given)).toMatchObject({ status: 2, stderr: expect.stringMatching(/^USAGE: /) });
  });
});

type Json = { readonly [name: string]: Json } & readonly Json[] & string;

/** What CloudFormation makes of the few functions that the key's policy uses. */
function resolved(value: Json, parameters: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(value)) {
    return (value as readonly Json[])
      .map((item) => resolved(item, parameters))
      .filter((item) => item !== undefined);
  }
  if (typeof value !== 'object' || value === null) return value;
  const { Ref: name, 'Fn::If': branch, 'Fn::GetAtt': attribute } = value;
  if (name === 'AWS::NoValue') return undefined;
  if (name !== undefined) return parameters[name];
  if (attribute !== undefined) return (attribute as readonly string[]).join('.');
  if (branch !== undefined)
    return resolved(
      (parameters[(branch[0] as string) === 'Signed' ? 'Pcr8' : 'Pcr0'] === ''
        ? branch[2]
        : branch[1]) as Json,
      parameters,
    );
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, resolved(item as Json, parameters)])
      .filter(([, item]) => item !== undefined),
  );
}

interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Principal: unknown;
  readonly Action: readonly string[];
  readonly Condition?: Readonly<Record<string, unknown>>;
}

const lint = spawnSync('cfn-lint', ['--version']).status === 0;
if (!lint) console.warn('no cfn-lint (PyPI): 1 check of the stack did not run');

describe('the stack', () => {
  it.skipIf(!lint)('has no finding of cfn-lint', () => {
    const found = spawnSync('cfn-lint', [join(ROOT, 'images/nitro/parent/stack.yaml')], { encoding: 'utf8' });
    expect([found.status, found.stdout]).toEqual([0, '']);
  });

  const stack = load(readSource('images/nitro/parent/stack.yaml')) as Json;
  const { pcr0, pcr1, pcr2 } = measured;
  const registers = { Pcr0: toHex(pcr0), Pcr1: toHex(pcr1), Pcr2: toHex(pcr2), Pcr8: '' };
  const statements = (parameters: Record<string, string>): readonly Statement[] =>
    resolved(
      stack['Resources']?.['Key']?.['Properties']?.['KeyPolicy']?.['Statement'] as Json,
      parameters,
    ) as never;
  const parameters = { ...registers, AdministratorArn: 'arn:aws:iam::111122223333:role/administrator' };

  it('has the parameters that the settings fill or keep', () => {
    const names = Object.keys(stack['Parameters'] as Json);
    expect(names.sort()).toEqual(['Pcr0', 'Pcr1', 'Pcr2', 'Pcr8', ...STACK_KEPT].sort());
  });

  it('opens the key to the attested image alone', () => {
    const release = statements(parameters).filter(({ Sid }) => Sid === 'ReleaseToAttestedEnclave');
    const policy = parseKeyPolicy(utf8(JSON.stringify({ Version: '2012-10-17', Statement: release })));
    const right = { 0: measured.pcr0, 1: measured.pcr1, 2: measured.pcr2 };
    for (const action of ['kms:Decrypt', 'kms:GenerateDataKey']) {
      expect(allows(policy, action, right)).toBe(true);
      for (const index of [0, 1, 2])
        expect(allows(policy, action, { ...right, [index]: fromHex('00'.repeat(48)) })).toBe(false);
      expect(allows(policy, action, {})).toBe(false);
    }
    expect(release[0]?.Principal).toEqual({ AWS: 'Role.Arn' });
  });

  it('asks for the signer too, once an image is signed', () => {
    const Pcr8 = '88'.repeat(48);
    const release = statements({ ...parameters, Pcr8 }).filter(
      ({ Sid }) => Sid === 'ReleaseToAttestedEnclave',
    );
    const policy = parseKeyPolicy(utf8(JSON.stringify({ Version: '2012-10-17', Statement: release })));
    const image = { 0: measured.pcr0, 1: measured.pcr1, 2: measured.pcr2 };
    expect(allows(policy, 'kms:Decrypt', { ...image, 8: fromHex(Pcr8) })).toBe(true);
    for (const signer of [{}, { 8: fromHex('00'.repeat(48)) }])
      expect(allows(policy, 'kms:Decrypt', { ...image, ...signer })).toBe(false);
  });

  it('denies requests without a document, and lets no other statement use the key', () => {
    const all = statements(parameters);
    const using = /^kms:(Decrypt|Encrypt|Generate|ReEncrypt|CreateGrant|Derive|Sign|Replicate|\*)/;
    const allowed = all.filter(
      ({ Effect, Action }) => Effect === 'Allow' && Action.some((one) => using.test(one)),
    );
    expect(allowed.map(({ Sid }) => Sid)).toEqual(['ReleaseToAttestedEnclave']);
    expect(all.find(({ Sid }) => Sid === 'DenyWithoutAttestation')).toMatchObject({
      Effect: 'Deny',
      Principal: '*',
      Action: allowed[0]?.Action,
      Condition: { StringNotEqualsIgnoreCase: { 'kms:RecipientAttestation:ImageSha384': registers.Pcr0 } },
    });
    expect(JSON.stringify(all)).not.toContain(':root');
  });

  it('lets nobody use the key before the registers are known', () => {
    const all = statements({ ...parameters, Pcr0: '', Pcr1: '', Pcr2: '' });
    expect(all.map(({ Sid, Effect }) => `${Effect} ${Sid}`)).toEqual([
      'Allow Administer',
      'Deny DenyTheRest',
    ]);
  });
});
