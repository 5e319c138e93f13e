/** The error catalogue: stable codes, each raised somewhere, each provoked by a test, each in docs/errors.md. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CODES, type Code } from '../../src/base/codes/index.ts';
import { UNDETERMINED } from '../../src/base/undetermined.ts';
import { readSource, ROOT, sources } from '../support/tree.ts';
import { errorsPage } from '../support/errors-page.ts';

const codes = Object.keys(CODES) as Code[];
const raised = sources('src', 'native', 'enclave', 'verifier', 'host', 'images')
  .filter((path) => !path.startsWith('src/base/codes/'))
  .map(readSource)
  .concat(nativeSources('native/addon'), nativeSources('images/nitro/init'))
  .join('\n');
const provoked = sources('test')
  .filter((path) => path !== 'test/architecture/errors.test.ts')
  .map(readSource)
  .concat(vectorTexts())
  .join('\n');

function nativeSources(folder: string): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => /\.(c|cc|h)$/.test(name))
    .map((name) => readFileSync(join(ROOT, folder, name), 'utf8'));
}

function vectorTexts(): string[] {
  return readdirSync(join(ROOT, 'test'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

const uses = (text: string, code: string): boolean => new RegExp(`\\b${code}\\b`).test(text);

describe('error catalogue', () => {
  it('names codes alike and once', () => {
    expect(codes.filter((code) => !/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(code))).toEqual([]);
    const files = readdirSync(join(ROOT, 'src/base/codes')).filter((name) => name !== 'index.ts');
    const declared = files.flatMap((name) =>
      [...readFileSync(join(ROOT, 'src/base/codes', name), 'utf8').matchAll(/^ {2}([A-Z0-9_]+): \{$/gm)].map(
        (match) => match[1],
      ),
    );
    expect(declared.length).toBe(new Set(declared).size);
    expect(new Set(declared)).toEqual(new Set(codes));
  });

  it('keeps the codes that a verdict tells apart in step', () => {
    const undetermined = codes.filter((code) => CODES[code].kind === 'undetermined');
    expect([...UNDETERMINED].sort()).toEqual(undetermined.sort());
  });

  it('says what each means and what to do', () => {
    const mute = codes.filter(
      (code) =>
        CODES[code].meaning.length < 12 ||
        CODES[code].remedy.length < 8 ||
        CODES[code].meaning.endsWith('.') ||
        CODES[code].remedy.endsWith('.'),
    );
    expect(mute).toEqual([]);
  });

  it('raises every code', () => {
    expect(codes.filter((code) => !uses(raised, code))).toEqual([]);
  });

  it('provokes every code in a test', () => {
    expect(codes.filter((code) => !uses(provoked, code))).toEqual([]);
  });

  it('lists every code in docs/errors.md', () => {
    expect(readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')).toBe(errorsPage());
  });
});
