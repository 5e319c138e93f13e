/** `assay image measure`: what people and scripts see of an image's registers, and of what is wrong with it. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { allows, parseKeyPolicy } from '../../host/simulator/key-policy.ts';
import { withChecksum, withSignature } from '../../images/eif.ts';
import { measure as measureProgramImage } from '../../images/measurements.ts';
import { buildProgram } from '../../images/program.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { EIF_FIELD } from '../../src/image/eif.ts';
import { measureImage, measureSigner, parseEif } from '../../src/image/index.ts';
import { parseTrustPolicy } from '../../verifier/index.ts';
import { assay, type CliResult } from '../support/cli.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';
import { image, scratch, signer } from '../support/images.ts';

const { folder, file } = scratch('measure');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const good = file('good.eif', image());
const run = (...args: string[]): Promise<CliResult> => assay(['image', ...args]);
const hex = (bytes: Uint8Array | undefined): string => toHex(bytes as Uint8Array);

describe('image measure', () => {
  const eifs = manifest('nitro').filter((entry) => entry.file.endsWith('.eif'));

  it.each(eifs)('prints the recorded registers of $file', async ({ file: name, expected }) => {
    const path = file(name.replace('/', '-'), corpusBytes('nitro', name));
    const result = await run('measure', path, '--json');
    if (expected.verdict === 'invalid') {
      expect([result.status, result.out]).toEqual([2, '']);
      expect(result.err).toMatch(/^assay: EIF_CRC_MISMATCH: /);
      return;
    }
    const { PCR0, PCR1, PCR2, PCR8 } = expected.fields;
    const registers = { PCR0, PCR1, PCR2, ...(PCR8 === undefined ? {} : { PCR8 }) };
    expect(result.status).toBe(0);
    expect(result.json()['Measurements']).toEqual({ HashAlgorithm: 'Sha384 { ... }', ...registers });
    const first = name.includes('one-ramdisk') ? 'EIF_ONE_RAMDISK' : 'EIF_BOUNDARY_AMBIGUOUS';
    const warnings = result.json()['Warnings'] as { Code: string; Message: string }[];
    expect(warnings.map(({ Code }) => Code)).toEqual(
      name.includes('shifted') ? Array(3).fill(first) : [first, 'EIF_BOUNDARY_AMBIGUOUS'],
    );
    expect(result.err).toMatch(new RegExp(`^assay: warning: ${first}: `));
    const strict = await run('measure', path, '--json', '--canonical');
    expect([strict.status, strict.out]).toEqual([1, '']);
    expect(strict.err).toMatch(new RegExp(`^assay: ${first}: `));
  });
  if (CORPUS === null) missing('nitro/eif', 5);

  it('says nothing but the registers of a canonical image', async () => {
    const { pcr0, pcr1, pcr2 } = measureImage(nodeCrypto, parseEif(image()));
    const Measurements = {
      HashAlgorithm: 'Sha384 { ... }',
      PCR0: hex(pcr0),
      PCR1: hex(pcr1),
      PCR2: hex(pcr2),
    };
    const result = await run('measure', good, '--canonical');
    expect([result.status, result.err]).toEqual([0, '']);
    expect(result.out).toBe(`${JSON.stringify({ Measurements }, null, 2)}\n`);
    expect((await run('measure', good, '--json')).out).toBe(`${JSON.stringify({ Measurements })}\n`);
    expect((await assay(['image', 'measure', '-'], { stdin: image() })).out).toBe(result.out);
  });

  const sizeOf = (bytes: Uint8Array): number => new DataView(bytes.buffer).getUint32(EIF_FIELD.sizes + 4);
  const edit = (at: number, value: number): Uint8Array => {
    const bytes = image();
    new DataView(bytes.buffer).setUint32(at + 4, value);
    return withChecksum(bytes);
  };
  it.each([
    ['cut off in its header', image().subarray(0, 300), 'EIF_HEADER_INVALID'],
    ['cut off in a section', withChecksum(image().subarray(0, image().length - 1)), 'EIF_LAYOUT_INVALID'],
    ['over-long', withChecksum(concat(image(), Uint8Array.of(0))), 'EIF_LAYOUT_INVALID'],
    ['with a gap', edit(EIF_FIELD.offsets + 8, 548 + 12 + sizeOf(image()) + 1), 'EIF_LAYOUT_INVALID'],
    ['with sections that overlap', edit(EIF_FIELD.offsets + 8, 548), 'EIF_LAYOUT_INVALID'],
    ['with a size that the section denies', edit(EIF_FIELD.sizes, 1), 'EIF_LAYOUT_INVALID'],
    ['of something else', utf8('#!/bin/sh'), 'EIF_HEADER_INVALID'],
  ])('refuses a file %s with status 2', async (_, bytes, code) => {
    const result = await run('measure', file('bad.eif', bytes), '--json');
    expect([result.status, result.out]).toEqual([2, '']);
    expect(result.err).toMatch(new RegExp(`^assay: ${code}: `));
  });

  it('does not show the PCR8 of a certificate that somebody put in', async () => {
    const pem = signer('P-384');
    const paths = ['--key', file('k.pem', pem.key), '--certificate', file('c.pem', pem.certificate)];
    const signed = join(folder, 'victim.eif');
    expect((await run('sign', good, ...paths, '-o', signed)).status).toBe(0);
    const section = parseEif(new Uint8Array(readFileSync(signed))).signature as Uint8Array;
    const forged = withSignature(image({ kernel: utf8('mine') }), section);
    const result = await run('measure', file('forged.eif', forged));
    expect([result.status, result.out]).toEqual([1, '']);
    expect(result.err).toContain('EIF_SIGNATURE_MISMATCH');
  });

  describe('of a program image', () => {
    const node = utf8('\x7fELF pretend');
    const config = utf8(
      JSON.stringify({
        origin: 'sim.x',
        policy: { threshold: 1, keys: ['aa'.repeat(32)] },
        simulatedRoots: [{ name: 'sim.nitro-enclaves', spkiSha256: 'bb'.repeat(32) }],
      }),
    );
    const bytes = buildProgram({
      bundleFiles: new Map([['enclave.mjs', utf8('one')]]),
      config,
      lockFile: utf8('{}'),
      addon: null,
      nodeFlags: ['--no-warnings'],
      nodeSha384: nodeCrypto.sha384(node),
    });
    const path = file('program.img', bytes);
    const binary = file('node', node);

    it('prints what make build writes', async () => {
      const { pcr0, pcr1, pcr2, configDigest } = measureProgramImage(nodeCrypto, bytes, node);
      const result = await run('measure', path, '--node', binary, '--canonical', '--json');
      expect(result.json()).toEqual({
        Measurements: { HashAlgorithm: 'Sha384 { ... }', PCR0: hex(pcr0), PCR1: hex(pcr1), PCR2: hex(pcr2) },
        Assay: {
          Platform: 'nitro',
          Simulated: true,
          Origin: 'sim.x',
          ConfigDigest: hex(configDigest),
          SimulatedRootName: 'sim.nitro-enclaves',
          SimulatedRootSpkiSha256: 'bb'.repeat(32),
        },
      });
    });

    it('makes a whole trust policy from the configuration in it', async () => {
      const result = await run('measure', path, '--node', binary, '--as', 'trust');
      expect(parseTrustPolicy(utf8(result.out))).toMatchObject({
        service: {
          origin: 'sim.x',
          config_digest: hex(nodeCrypto.sha256(config)),
          policy_authorities: ['aa'.repeat(32)],
        },
        simulated: { roots: [{ name: 'sim.nitro-enclaves' }] },
      });
    });

    it('is refused with another Node, or one that is none', async () => {
      expect((await run('measure', path)).err).toContain('PROGRAM_RUNTIME_MISMATCH');
      expect((await run('measure', good, '--node', binary)).status).toBe(2);
    });
  });
});

describe('image measure --as', () => {
  const pem = signer('P-384');
  const paths = ['--key', file('as.key', pem.key), '--certificate', file('as.pem', pem.certificate)];
  const signed = join(folder, 'as.eif');
  const measured = measureImage(nodeCrypto, parseEif(image()));
  const pcr8 = measureSigner(nodeCrypto, pem.der);

  it('prints a condition that a key policy takes, and that only this image meets', async () => {
    expect((await run('sign', good, ...paths, '-o', signed)).status).toBe(0);
    const condition = (await run('measure', signed, '--as', 'kms-policy', '--json')).json();
    expect(condition).toEqual({
      StringEqualsIgnoreCase: {
        'kms:RecipientAttestation:ImageSha384': hex(measured.pcr0),
        'kms:RecipientAttestation:PCR1': hex(measured.pcr1),
        'kms:RecipientAttestation:PCR2': hex(measured.pcr2),
        'kms:RecipientAttestation:PCR8': hex(pcr8),
      },
    });
    const statement = {
      Effect: 'Allow',
      Principal: '*',
      Action: 'kms:Decrypt',
      Resource: '*',
      Condition: condition,
    };
    const policy = parseKeyPolicy(utf8(JSON.stringify({ Version: '2012-10-17', Statement: [statement] })));
    const registers = { 0: measured.pcr0, 1: measured.pcr1, 2: measured.pcr2, 8: pcr8 };
    expect(allows(policy, 'kms:Decrypt', registers)).toBe(true);
    for (const register of [0, 1, 2, 8])
      expect(allows(policy, 'kms:Decrypt', { ...registers, [register]: fromHex('00'.repeat(48)) })).toBe(
        false,
      );
    expect(
      Object.keys(
        (await run('measure', good, '--as', 'kms-policy')).json()['StringEqualsIgnoreCase'] as object,
      ),
    ).toHaveLength(3);
  });

  it('prints the same for Terraform', async () => {
    const { out } = await run('measure', signed, '--as', 'terraform');
    const blocks = [
      ...out.matchAll(
        /condition \{\s+test\s+= "(\w+)"\s+variable = "([\w:]+)"\s+values\s+= \["([0-9a-f]{96})"\]\s+\}/g,
      ),
    ];
    expect(blocks.map(([, ...parts]) => parts)).toEqual([
      ['StringEqualsIgnoreCase', 'kms:RecipientAttestation:ImageSha384', hex(measured.pcr0)],
      ['StringEqualsIgnoreCase', 'kms:RecipientAttestation:PCR1', hex(measured.pcr1)],
      ['StringEqualsIgnoreCase', 'kms:RecipientAttestation:PCR2', hex(measured.pcr2)],
      ['StringEqualsIgnoreCase', 'kms:RecipientAttestation:PCR8', hex(pcr8)],
    ]);
    expect(out.split('{').length).toBe(out.split('}').length);
    expect((await run('measure', signed, '--as', 'terraform', '--json')).json()).toEqual({ terraform: out });
  });

  it('prints a trust policy, and asks for what it cannot know', async () => {
    const any = await run('measure', signed, '--as', 'trust', '--any-service');
    expect(parseTrustPolicy(utf8(any.out)).platforms.nitro?.pcrs).toEqual({
      '0': [hex(measured.pcr0)],
      '1': [hex(measured.pcr1)],
      '2': [hex(measured.pcr2)],
      '8': [hex(pcr8)],
    });
    expect((await run('measure', good, '--as', 'trust')).err).toContain('EXPECTATION_MISSING');
  });

  it('takes no form that it does not have, and no option that would mean nothing', async () => {
    expect((await run('measure', good, '--as', 'corim')).status).toBe(2);
    expect((await run('measure', good, '--any-service')).err).toContain('--any-service goes with --as trust');
    expect((await run('measure', good, '--as', 'terraform', '--origin', 'x')).status).toBe(2);
  });
});
