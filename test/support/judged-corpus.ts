/** All recorded evidence that has an outcome, with what it is judged with: the same list for Node and for a page. */
import { createHash } from 'node:crypto';
import type { JsonObject } from '../../src/codec/json.ts';
import type { CollateralFile } from '../../src/collateral/index.ts';
import { corpusBytes, type CorpusEntry, manifest } from './corpus.ts';
import { quoteBytes } from './intel.ts';
import { ANY_SGX, ANY_TDX, appliedTo, baseOf, givenOf, recordedCases, tables } from './intel-verify.ts';
import { recorded, SNP_WAIVED } from './snp.ts';

export interface JudgedCase {
  readonly name: string;
  readonly evidence: Uint8Array;
  readonly files: readonly CollateralFile[];
  readonly at: number;
}

/** How many there are without the tables of changes. */
export const JUDGED_CASES = 66;

export function judgedCorpus(): readonly JudgedCase[] {
  return [...nitroCases(), ...intelCases(), ...snpCases()];
}

/** Of documents that name their own time, that; of the two quotes without their PCK, some time. */
const timeOf = ({ verify_at }: CorpusEntry): number => Date.parse(verify_at ?? '2025-01-01T00:00:00Z');

const nitroCases = (): readonly JudgedCase[] =>
  manifest('nitro')
    .filter(({ outcome }) => outcome !== undefined)
    .map((entry) => ({
      name: `nitro ${entry.file}`,
      evidence: corpusBytes('nitro', entry.file),
      files: [],
      at: timeOf(entry),
    }));

function intelCases(): readonly JudgedCase[] {
  const whole = recordedCases().map((one) => {
    const { quote, files, at } = givenOf(one);
    return { name: `tdx ${one.name}`, evidence: quote, files, at };
  });
  const alone = manifest('tdx')
    .filter(({ outcome, file }) => (outcome as string) === 'undetermined' && file.startsWith('quotes/'))
    .map((entry) => ({
      name: `tdx ${entry.file}`,
      evidence: quoteBytes(entry.file),
      files: [],
      at: timeOf(entry),
    }));
  return [...whole, ...alone];
}

const snpCases = (): readonly JudgedCase[] =>
  recorded().map(({ name, bytes, files, at }) => ({ name: `snp ${name}`, evidence: bytes, files, at }));

/** Every change of the corpus's tables. */
export const changedCorpus = (): readonly JudgedCase[] =>
  tables().flatMap((table) => {
    const base = baseOf(table);
    return table.cases.map((one) => {
      const { quote, files, at } = appliedTo(base, one);
      return { name: `${table.name} ${one.id}`, evidence: quote, files, at };
    });
  });

/** Accepts whatever is authentic, so that all of appraisal is run. */
export const ANY_TRUST: JsonObject = {
  version: 1,
  service: 'any',
  hardware: { ids: 'any' },
  platforms: {
    nitro: { pcrs: 'any', debug: 'allow', partitions: 'any' },
    tdx: ANY_TDX,
    sgx: ANY_SGX,
    snp: SNP_WAIVED,
  },
  freshness: { max_age_seconds: 'any', nonce: 'any' },
  revocation: 'any',
  simulated: 'reject',
  witnesses: 'none',
};

/** Cases as a page can read them: bytes in base64, each once, named by their place in `blobs`. */
export interface PackedCases {
  readonly blobs: readonly string[];
  readonly cases: readonly {
    readonly evidence: number;
    readonly files: readonly (readonly [name: string, blob: number])[];
    readonly at: number;
  }[];
}

export function packCases(cases: readonly JudgedCase[]): PackedCases {
  const places = new Map<string, number>();
  const blobs: string[] = [];
  const placeOf = (bytes: Uint8Array): number => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    const known = places.get(digest);
    if (known !== undefined) return known;
    places.set(digest, blobs.length);
    return blobs.push(Buffer.from(bytes).toString('base64')) - 1;
  };
  return {
    cases: cases.map(({ evidence, files, at }) => ({
      evidence: placeOf(evidence),
      files: files.map(({ name, bytes }) => [name, placeOf(bytes)] as const),
      at,
    })),
    blobs,
  };
}
