/** docs/errors.md, made from the catalogue: `make docs` writes it, a test compares it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CODES, type Code } from '../../src/base/codes/index.ts';
import { ROOT } from './tree.ts';

const EXIT = { malformed: 2, unauthentic: 1, unacceptable: 1, undetermined: 4, refused: 1 } as const;

export function errorsPage(): string {
  const rows = (Object.keys(CODES) as Code[]).sort().map((code) => {
    const { kind, meaning, remedy } = CODES[code];
    return `| \`${code}\` | ${kind} | ${EXIT[kind]} | ${meaning} | ${remedy} |`;
  });
  return [
    '# Error codes',
    '',
    'Made from `src/base/codes` by `make docs`. A code is stable: scripts may match on it. The exit status is that of the `assay` command that ends with it.',
    '',
    '| code | kind | exit | meaning | what to do |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

if (process.argv[1] === import.meta.filename) writeFileSync(join(ROOT, 'docs/errors.md'), errorsPage());
