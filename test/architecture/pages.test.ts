/** Pages that are made from the code say what the code says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatsPage } from '../support/formats-page.ts';
import { ROOT } from '../support/tree.ts';

describe('pages', () => {
  it('docs/formats.md lists every record with its keys', () => {
    expect(readFileSync(join(ROOT, 'docs/formats.md'), 'utf8')).toBe(formatsPage());
  });
});
