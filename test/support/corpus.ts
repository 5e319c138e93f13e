/**
 * Finds the recorded evidence: `ASSAY_CORPUS`, else `../shared/corpus` beside the checkout, else what
 * `make corpus` fetched. Without it the suites say how many cases did not run, and never pass silently.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export interface CorpusEntry {
  readonly file: string;
  readonly sha256: string;
  readonly kind: string;
  readonly description: string;
  readonly source: string;
  readonly verify_at: string | null;
  readonly outcome?: 'authentic' | 'rejected';
  readonly expected: {
    readonly verdict: string;
    readonly why: string;
    readonly fields: Record<string, unknown>;
  };
}

const root = resolve(import.meta.dirname, '../..');
const candidates = [
  process.env['ASSAY_CORPUS'],
  resolve(root, '../shared/corpus'),
  resolve(root, 'build/corpus'),
];

/** The corpus folder, or null when this machine has none. */
export const CORPUS: string | null =
  candidates.find((path) => path !== undefined && existsSync(path)) ?? null;

/** How many cases each family has, so that a run without the corpus can say what it did not do. */
export function missing(family: string, cases: number): string {
  const notice = `${cases} recorded cases of ${family} did not run: no corpus. Get it with 'make corpus' or set ASSAY_CORPUS.`;
  console.warn(notice);
  return notice;
}

export function manifest(family: string): readonly CorpusEntry[] {
  if (CORPUS === null) return [];
  return JSON.parse(readFileSync(resolve(CORPUS, family, 'MANIFEST.json'), 'utf8')) as CorpusEntry[];
}

export function corpusBytes(family: string, file: string): Uint8Array {
  if (CORPUS === null) throw new Error('no corpus');
  return new Uint8Array(readFileSync(resolve(CORPUS, family, file)));
}

export function corpusText(family: string, file: string): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(corpusBytes(family, file));
}
