/**
 * `make corpus`: fetches every recorded file by its public source, commit and SHA-256 into build/corpus, so that a
 * clone without the corpus runs the same cases. What was generated for the corpus has no public file and is
 * counted, never passed over in silence.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deriveFrom } from './derive.ts';
import { type Lock, readLock } from './lock.ts';
import { extract, parseSource, sha256, urlOf } from './source.ts';

export interface FetchReport {
  readonly fetched: number;
  readonly present: number;
  readonly derived: number;
  /** Generated data without a public file. */
  readonly unavailable: readonly string[];
  /** A source that did not answer, or whose bytes have another hash. */
  readonly failed: readonly string[];
}

const MIRROR = 'https://raw.githubusercontent.com';
const MAX_BYTES = 64 * 1_048_576;
const TIMEOUT_MS = 60_000;

async function get(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'follow' });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`);
  return bytes;
}

function keep(folder: string, file: string, bytes: Uint8Array): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), bytes);
}

export async function fetchCorpus(
  lock: Lock,
  into: string,
  mirror: string,
  progress: (line: string) => void,
): Promise<FetchReport> {
  const report = { fetched: 0, present: 0, derived: 0, unavailable: [] as string[], failed: [] as string[] };
  const cache = new Map<string, Promise<Uint8Array>>();
  for (const [family, entries] of Object.entries(lock)) {
    const folder = join(into, family);
    for (const { file, sha256: wanted, source } of entries) {
      const path = join(folder, file);
      const name = `${family}/${file}`;
      if (existsSync(path) && sha256(readFileSync(path)) === wanted) {
        report.present++;
        continue;
      }
      const made = deriveFrom(file, (base) =>
        existsSync(join(folder, base)) ? readFileSync(join(folder, base)) : null,
      );
      const at = parseSource(source);
      if (made !== null && sha256(made) === wanted) {
        keep(folder, file, made);
        report.derived++;
      } else if (at === null) {
        report.unavailable.push(name);
      } else {
        const url = urlOf(mirror, at);
        if (!cache.has(url)) cache.set(url, get(url));
        try {
          const bytes = extract(await (cache.get(url) as Promise<Uint8Array>), wanted);
          if (bytes === null) throw new Error('no reading of it has the recorded SHA-256');
          keep(folder, file, bytes);
          report.fetched++;
          progress(`${name}\n`);
        } catch (error) {
          report.failed.push(`${name}: ${url}: ${error instanceof Error ? error.message : 'failed'}`);
        }
      }
    }
    keep(folder, 'MANIFEST.json', new TextEncoder().encode(JSON.stringify(entries)));
  }
  return report;
}

if (process.argv[1] === import.meta.filename) {
  const into = join(import.meta.dirname, '../../build/corpus');
  const report = await fetchCorpus(readLock(), into, process.env['ASSAY_CORPUS_MIRROR'] ?? MIRROR, (line) =>
    process.stderr.write(line),
  );
  for (const line of report.failed) console.error(`CORPUS_FETCH_FAILED ${line}`);
  console.log(
    `${report.fetched} fetched, ${report.derived} derived, ${report.present} already there, ${report.unavailable.length} without a public file, ${report.failed.length} failed`,
  );
  process.exitCode = report.failed.length > 0 ? 1 : 0;
}
