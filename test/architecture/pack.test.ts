/** `assay-verifier` packs from the same tree: small, few dependencies, nothing of the other floors, and it works. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../support/tree.ts';

const PACKED = join(ROOT, 'build/assay-verifier');
const MAX_BYTES = 1_048_576;
const MAX_DEPENDENCIES = 3;

const files = (): string[] =>
  readdirSync(PACKED, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

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
