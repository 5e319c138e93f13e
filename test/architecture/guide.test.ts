/** docs/deploy-nitro.md names what is there: files, commands with their options, codes, programs, variables. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../host/cli/commands.ts';
import { CODES } from '../../src/base/codes/index.ts';
import { GUEST_CODES } from '../../src/base/codes/guest.ts';
import { assay } from '../support/cli.ts';
import { readSource, ROOT } from '../support/tree.ts';

const GUIDE = readSource('docs/deploy-nitro.md');
/** Lines of its command blocks, continued ones joined. */
const LINES = [...GUIDE.matchAll(/^```\n([\s\S]*?)^```/gm)].flatMap((block) =>
  (block[1] as string)
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter(Boolean),
);
const ASSAY = LINES.filter((line) => line.startsWith('bin/assay '));
const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? (match[2] as string));
const isThere = (line: string): boolean => COMMANDS.some(({ name }) => name === words(line)[1]);
const absent = ASSAY.filter((line) => !isThere(line));
if (absent.length > 0) console.warn(`not checked, because the command is not there: ${absent.join('; ')}`);

const here = process.cwd();
const empty = mkdtempSync(join(tmpdir(), 'assay-guide-'));
afterAll(() => rmSync(empty, { recursive: true, force: true }));

describe('docs/deploy-nitro.md', () => {
  it('names files that are there', () => {
    const named = [...GUIDE.matchAll(/(?<!\.)\b(?:images|docs|host|bin)\/[A-Za-z0-9._/-]*[A-Za-z0-9]/g)].map(
      ([path]) => path,
    );
    const linked = [...GUIDE.matchAll(/\]\(([^)#]+)\)/g)].map((match) => `docs/${match[1]}`);
    const programs = [...GUIDE.matchAll(/dist\/([a-z/-]+)\.js/g)].map((match) => `${match[1]}.ts`);
    const source = named.filter((path) => !/^host\/.*\.js$/.test(path));
    const paths = [...source, ...linked, ...programs];
    expect(paths.length).toBeGreaterThan(8);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('makes targets that are there', () => {
    const makes = LINES.filter((line) => !line.includes('dnf ')).flatMap((line) => [
      ...line.matchAll(/\bmake ((?:[a-z./-]+ ?)+)/g),
    ]);
    const targets = makes.flatMap((match) => (match[1] as string).trim().split(' '));
    const makefile = readSource('Makefile');
    expect(new Set(targets)).toEqual(new Set(['build', 'native', 'dist/.built']));
    for (const target of targets) expect(makefile).toContain(`\n${target}: `);
  });

  it('names units that are there', () => {
    const units = [...GUIDE.matchAll(/\bassay-[a-z-]+\.service/g)].map(([name]) => name);
    expect(new Set(units).size).toBe(4);
    for (const name of units) expect(existsSync(join(ROOT, 'images/nitro/parent', name)), name).toBe(true);
  });

  it.each(ASSAY.filter(isThere))('%s', async (line) => {
    const [, ...args] = words(
      line.replaceAll('$PARENT:7470', '127.0.0.1:1').replaceAll('$ORIGIN', 'example.org/a'),
    );
    // Some commands have one help for all their actions, some one for each.
    const asked = [args.slice(0, 1), args.slice(0, 2)].map((start) => assay([...start, '--help']));
    const help = (await Promise.all(asked)).map(({ out }) => out).join('');
    for (const flag of args.filter((word) => word.startsWith('--'))) expect(help).toContain(flag);
    // Its files are not here, so it fails; but not over its command line.
    process.chdir(empty);
    try {
      const { err } = await assay(args);
      expect(err).not.toContain('USAGE');
    } finally {
      process.chdir(here);
    }
  });

  it('says what each code of init means for its reader, and no code that does not exist', () => {
    for (const code of Object.keys(GUEST_CODES)) expect(GUIDE).toContain(`| \`${code}\` |`);
    const named = [...GUIDE.matchAll(/`([A-Z][A-Z]+(?:_[A-Z0-9]+)+)`/g)].map((match) => match[1] as string);
    const others = named.filter((name) => !(name in CODES));
    expect(new Set(others)).toEqual(new Set(['ENCLAVE_MEMORY_MIB', 'STORE_PORT']));
  });

  it('says first what has not been run', () => {
    const [, first] = GUIDE.split('\n\n');
    expect(first).toMatch(/^\*\*Not run on AWS\.\*\*/);
    expect(GUIDE.indexOf('KEY_RELEASE_UNAVAILABLE')).toBeLessThan(GUIDE.indexOf('## 1.'));
  });
});
