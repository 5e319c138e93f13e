/** `assay-verifier` packs from the same tree: small, few dependencies, nothing of the other floors, and it works. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundlePage } from '../support/page-bundle.ts';
import { ROOT } from '../support/tree.ts';

const PACKED = join(ROOT, 'build/assay-verifier');
const MAX_BYTES = 1_048_576;
const MAX_DEPENDENCIES = 3;

const KIB = 1024;
const own = (platform: string, names: string): string =>
  `export { webCrypto } from 'assay-verifier'; export { ${names} } from 'assay-verifier/${platform}';`;
const items = (names: string): string => `export { ${names} } from 'assay-verifier/collateral';`;
const INTEL_ITEMS = 'certificateItem, crlItem, statementItem';

/**
 * What pages need, and what they may cost: bytes that a browser fetches before it judges, compressed with brotli as it
 * asks for them. The first judges whatever it is given by a trust policy; the others verify and appraise one platform,
 * and know what each of the vendor's answers is.
 */
const PAGES: readonly (readonly [name: string, most: number, source: string])[] = [
  [
    'all platforms',
    64 * KIB,
    `export { formatVerdict, judgeEvidence, parseTrustPolicy, readCollateral, webCrypto } from 'assay-verifier';`,
  ],
  ['nitro', 30 * KIB, own('nitro', 'parseNitro, verifyNitro, appraiseNitro')],
  ['tdx', 32 * KIB, own('intel', 'parseQuote, verifyIntel, appraiseTdx') + items(INTEL_ITEMS)],
  ['sgx', 32 * KIB, own('intel', 'parseQuote, verifyIntel, appraiseSgx') + items(INTEL_ITEMS)],
  ['snp', 30 * KIB, own('snp', 'parseSnpReport, verifySnp, appraiseSnp') + items('certificateItem, crlItem')],
];

const files = (): string[] =>
  readdirSync(PACKED, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const text = (parts: readonly Uint8Array[]): string =>
  parts.map((part) => new TextDecoder().decode(part)).join('\n');

describe('assay-verifier', () => {
  beforeAll(() => void execFileSync(process.execPath, [join(ROOT, 'dist/images/pack-verifier.js')]));

  it('is at most 1 MB with at most three dependencies', () => {
    const size = files().reduce((sum, path) => sum + statSync(path).size, 0);
    const { dependencies } = JSON.parse(readFileSync(join(PACKED, 'package.json'), 'utf8')) as {
      dependencies: object;
    };
    console.log(`assay-verifier: ${(size / 1024).toFixed(0)} KiB, ${files().length} files`);
    expect(size).toBeLessThan(MAX_BYTES);
    expect(Object.keys(dependencies).length).toBeLessThanOrEqual(MAX_DEPENDENCIES);
  });

  it('imports nothing that is not in it', () => {
    const strangers = files()
      .filter((path) => path.endsWith('.js'))
      .flatMap((path) =>
        [...readFileSync(path, 'utf8').matchAll(/(?:from|import) ?\(?'([^']+)'/g)].map(
          (match) => [path, match[1] as string] as const,
        ),
      )
      .filter(([path, to]) =>
        to.startsWith('.') ? !files().includes(join(path, '..', to)) : !to.startsWith('@noble/'),
      );
    expect(strangers.map(([path, to]) => `${path.slice(PACKED.length)}: ${to}`)).toEqual([]);
  });

  it.each(PAGES)('is small enough for a page that judges %s', async (name, most, source) => {
    const { files, loaded } = await bundlePage(source, PACKED);
    const parts = loaded.map((file) => files.get(file) as Uint8Array);
    const sum = (size: (part: Uint8Array) => number): number =>
      parts.reduce((all, part) => all + size(part), 0);
    const [plain, gzip, brotli] = [
      sum(({ length }) => length),
      sum((part) => gzipSync(part).length),
      sum((part) => brotliCompressSync(part).length),
    ];
    const kb = (bytes: number): string => (bytes / KIB).toFixed(1);
    console.log(`${name}: ${kb(plain)} KiB minified, ${kb(gzip)} with gzip, ${kb(brotli)} with brotli`);
    expect(brotli).toBeLessThanOrEqual(most);
    // Curves in JavaScript are for browsers that lack them: nobody else fetches them.
    expect(files.size).toBeGreaterThan(loaded.length);
    expect(text(parts)).not.toContain('weierstrass');
    const apart = [...files].filter(([file]) => !loaded.includes(file)).map(([, bytes]) => bytes);
    expect(text(apart)).toContain('weierstrass');
  });

  it('works from its own folder, on every exported path', async () => {
    const { exports } = JSON.parse(readFileSync(join(PACKED, 'package.json'), 'utf8')) as {
      exports: Record<string, string | { default: string }>;
    };
    for (const target of Object.values(exports)) {
      if (typeof target === 'string') expect(statSync(join(PACKED, target)).isFile()).toBe(true);
      else
        expect(
          Object.keys((await import(pathToFileURL(join(PACKED, target.default)).href)) as object).length,
        ).toBeGreaterThan(0);
    }
  });
});
