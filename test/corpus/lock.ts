/**
 * The corpus lock: what each recorded file is, where it is public, its SHA-256 and what it must be judged to be.
 * `node test/corpus/lock.ts` writes lock.json from the MANIFESTs of a corpus folder.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CORPUS, type CorpusEntry, manifest } from '../support/corpus.ts';

/** Families whose cases the suites run. */
export const FAMILIES = ['nitro', 'policy', 'tlog'] as const;

export type Lock = { readonly [family: string]: readonly CorpusEntry[] };

const PATH: string = join(import.meta.dirname, 'lock.json');

export function readLock(): Lock {
  return JSON.parse(readFileSync(PATH, 'utf8')) as Lock;
}

if (process.argv[1] === import.meta.filename) {
  if (CORPUS === null) throw new Error('no corpus to write the lock from');
  const lock = Object.fromEntries(FAMILIES.map((family) => [family, manifest(family)]));
  const lines = Object.entries(lock).map(
    ([family, entries]) =>
      ` ${JSON.stringify(family)}: [\n${entries.map((entry) => `  ${JSON.stringify(entry)}`).join(',\n')}\n ]`,
  );
  writeFileSync(PATH, `{\n${lines.join(',\n')}\n}\n`);
}
