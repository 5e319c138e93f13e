/** The README's table of commands is what `assay --help` prints. */
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../host/cli/commands.ts';
import { helpText } from '../../host/cli/main.ts';
import { readSource } from '../support/tree.ts';

/** Rows of the table under the heading: `| \`assay name …\` | does |`. */
function tableCommands(readme: string): string[] {
  const section = readme.slice(readme.indexOf('## Commands'));
  return [...section.matchAll(/^\| `assay ([a-z]+)/gm)].map((match) => match[1] as string);
}

describe('commands', () => {
  it('stand in the README as in --help', () => {
    const names = COMMANDS.map(({ name }) => name);
    expect(tableCommands(readSource('README.md'))).toEqual(names);
    for (const name of names) expect(helpText()).toContain(`  ${name} `);
  });
});
