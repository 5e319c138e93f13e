/**
 * Other verifiers of the same evidence, asked the same questions: Google's in Go (test/interop/evidence) and dcap-qvl
 * (test/interop/dcap-qvl). Where they cannot be had, whoever asks is told so, and says so.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { CollateralFile } from '../../src/collateral/index.ts';

const INTEROP = resolve(import.meta.dirname, '../interop');
const run = promisify(execFile);

/**
 * `outdated` is authentic, of a level of security that is not current; a library that knows no such word refuses it.
 * A `panic` is a refusal that takes the caller down with it.
 */
export type Outcome = 'accepted' | 'outdated' | 'refused' | 'panic';

export interface Opinion {
  readonly outcome: Outcome;
  readonly why: string;
}

const RANKS: Readonly<Record<Outcome, number>> = { accepted: 2, outdated: 1, refused: 0, panic: 0 };

/** Positive when the first believes more than the second. */
export const compareOutcomes = (one: Outcome, other: Outcome): number => RANKS[one] - RANKS[other];

/** What a question is judged with; the same set serves many. */
export type PeerSet = ReadonlyMap<string, Uint8Array>;

export interface PeerQuestion {
  readonly kind: 'tdx' | 'snp';
  readonly evidence: Uint8Array;
  readonly set: PeerSet;
  readonly at: number;
  readonly product?: string;
}

/** Modules are fetched once; without Go or without the modules nothing can be built. */
export function goModules(): boolean {
  return spawnSync('go', ['mod', 'download'], { cwd: INTEROP, timeout: 120_000 }).status === 0;
}

/** Google's verifiers, built into a folder of their own. */
export class GoPeers {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'assay-peers-'));
  readonly #program: string = join(this.#folder, 'evidence');

  async build(): Promise<void> {
    await run('go', ['build', '-trimpath', '-o', this.#program, './evidence'], { cwd: INTEROP });
  }

  /** One opinion for each question, in their order. */
  async ask(questions: readonly PeerQuestion[]): Promise<readonly Opinion[]> {
    const names = new Map<PeerSet, string>();
    const lines: string[] = [];
    for (const { set, kind, evidence, at, product } of questions) {
      if (!names.has(set)) {
        names.set(set, `set ${names.size}`);
        lines.push(JSON.stringify({ set: names.get(set), files: packed(set) }));
      }
      lines.push(
        JSON.stringify({
          kind,
          with: names.get(set),
          evidence: base64(evidence),
          at,
          product: product ?? '',
        }),
      );
    }
    const [asked, answered] = [join(this.#folder, 'in'), join(this.#folder, 'out')];
    writeFileSync(asked, lines.join('\n'));
    await run(this.#program, [asked, answered], { maxBuffer: 1 << 26 });
    const answers = readFileSync(answered, 'utf8').split('\n').filter(Boolean);
    if (answers.length !== questions.length)
      throw new Error(`${answers.length} of ${questions.length} answers`);
    return answers.map((line) => JSON.parse(line) as Opinion);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const packed = (set: PeerSet): Record<string, string> =>
  Object.fromEntries([...set].map(([name, bytes]) => [name, base64(bytes)]));

interface DcapQvl {
  verify(
    quote: Uint8Array,
    files: readonly CollateralFile[],
    atMillis: number,
    rootDer?: Uint8Array,
  ): { readonly status: string };
  readonly Uncarried: new () => Error;
}

/** dcap-qvl where it is installed, else null. */
export async function dcapQvl(): Promise<DcapQvl | null> {
  const folder = join(INTEROP, 'dcap-qvl');
  if (!existsSync(join(folder, 'node_modules/@phala/dcap-qvl'))) return null;
  return (await import(join(folder, 'verify.mjs'))) as DcapQvl;
}

/** Null for what its form of collateral cannot carry. */
export function askDcapQvl(
  { verify, Uncarried }: DcapQvl,
  quote: Uint8Array,
  files: readonly CollateralFile[],
  at: number,
  rootDer?: Uint8Array,
): Opinion | null {
  try {
    const { status } = verify(quote, files, at, rootDer);
    return { outcome: status === 'UpToDate' ? 'accepted' : 'outdated', why: status };
  } catch (error) {
    if (error instanceof Uncarried) return null;
    const causes = [error, (error as Error).cause].filter((one): one is Error => one instanceof Error);
    const why = causes.map(({ message }) => message).join(': ');
    // It finds the level last, after all signatures.
    return { outcome: /No matching TCB level|TCB status is invalid/.test(why) ? 'outdated' : 'refused', why };
  }
}
