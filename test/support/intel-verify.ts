/**
 * Intel quotes judged in tests: recorded ones with the collateral that was recorded beside them, and the corpus's
 * tables of changes to both.
 */
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { fromHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import {
  type Collateral,
  type CollateralFile,
  NO_COLLATERAL,
  readCollateral,
} from '../../src/collateral/index.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import { type EvidenceJudgement, judgeEvidence } from '../../verifier/appraise.ts';
import { INTEL_ROOTS } from '../../verifier/intel/roots.ts';
import { type IntelClaims, verifyIntel } from '../../verifier/intel/verify.ts';
import type { Verified } from '../../verifier/platform.ts';
import type { ProofCache } from '../../verifier/proof-cache.ts';
import type { RootPin } from '../../verifier/roots.ts';
import { readTrustPolicy, type TrustPolicy } from '../../verifier/trust-policy.ts';
import { collateralFiles } from './collateral.ts';
import { corpusText, type CorpusEntry, manifest } from './corpus.ts';
import { type Change, changed, quoteBytes } from './intel.ts';

/** What the manifest says of a quote: the results of Intel's library, and what stands in the quote. */
export type Fields = Readonly<Record<string, unknown>>;

export interface RecordedCase {
  readonly name: string;
  readonly file: string;
  /** Folder of the collateral. */
  readonly folder: string;
  readonly at: number;
  readonly fields: Fields;
}

type Entry = CorpusEntry & { readonly collateral?: string; readonly cases?: readonly CaseEntry[] };
interface CaseEntry {
  readonly collateral: string;
  readonly verify_at: string;
  readonly expected: { readonly fields: Fields };
}

/** How many there are: a quote with each collateral that it was verified with. */
export const RECORDED_CASES = 18;

export const recordedCases = (): readonly RecordedCase[] =>
  (manifest('tdx') as readonly Entry[]).filter(isJudged).flatMap(({ file, cases, ...entry }) => {
    const own = { ...entry, collateral: entry.collateral as string, verify_at: entry.verify_at as string };
    return (cases ?? [own]).map((one) => ({
      name: `${file}, ${one.collateral.slice('collateral/'.length)}`,
      file,
      folder: one.collateral,
      at: Date.parse(one.verify_at),
      fields: { ...entry.expected.fields, ...one.expected.fields },
    }));
  });

const isJudged = ({ kind, outcome }: Entry): boolean =>
  (kind === 'tdx-quote' || kind === 'sgx-quote') && outcome === 'authentic';

/** The first case of a recorded quote; `file` as `tdx_v5_90c06f_go`. */
export function recordedCase(file: string): RecordedCase {
  const found = recordedCases().find((one) => one.file === `quotes/${file}.bin`);
  if (found === undefined) throw new Error(`no recorded case of ${file}`);
  return found;
}

export interface Given {
  readonly quote: Uint8Array;
  readonly files: readonly CollateralFile[];
  readonly at: number;
}

export const givenOf = ({ file, folder, at }: RecordedCase): Given => ({
  quote: quoteBytes(file),
  files: collateralFiles('tdx', folder),
  at,
});

export interface How {
  readonly crypto?: Crypto;
  readonly trust?: TrustPolicy;
  readonly cache?: ProofCache;
  readonly roots?: readonly RootPin[];
  /** Instead of what the files hold. */
  readonly collateral?: Collateral;
}

export function judge(given: Given, how: How = {}): Promise<EvidenceJudgement> {
  return judgeEvidence(given.quote, {
    mode: 'archive',
    now: given.at,
    trust: how.trust ?? null,
    crypto: how.crypto ?? nodeCrypto,
    collateral: how.collateral ?? readCollateral(given.files),
    platform: null,
    nonce: null,
    ...(how.cache === undefined ? {} : { cache: how.cache }),
  });
}

/** Rejects also with what reading the quote throws. */
export async function verify(given: Given, how: How = {}): Promise<Verified<IntelClaims>> {
  return verifyIntel(parseQuote(given.quote), {
    at: given.at,
    crypto: how.crypto ?? nodeCrypto,
    roots: how.roots ?? INTEL_ROOTS,
    collateral: how.collateral ?? (given.files.length === 0 ? NO_COLLATERAL : readCollateral(given.files)),
    ...(how.cache === undefined ? {} : { cache: how.cache }),
  });
}

/** Files by their last name: the others stay as they are. Null leaves one out. */
export function withFiles(
  files: readonly CollateralFile[],
  changes: Readonly<Record<string, Uint8Array | null>>,
): readonly CollateralFile[] {
  const known = files.map(({ name }) => lastName(name));
  const kept = files.flatMap(({ name, bytes }) => {
    const change = changes[lastName(name)];
    return change === null ? [] : [{ name, bytes: change ?? bytes }];
  });
  const more = Object.entries(changes).filter(([name, bytes]) => bytes !== null && !known.includes(name));
  return [...kept, ...more.map(([name, bytes]) => ({ name, bytes: bytes as Uint8Array }))];
}

export const lastName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export function fileOf(files: readonly CollateralFile[], name: string): Uint8Array {
  const found = files.find((one) => lastName(one.name) === name);
  if (found === undefined) throw new Error(`no file ${name}`);
  return found.bytes;
}

interface TableOp extends Change {
  readonly find?: string;
  readonly with?: string;
  readonly file?: string;
  readonly expr?: string;
  readonly indent?: number;
  readonly value?: string;
}

export interface TableCase {
  readonly id: string;
  readonly ops: readonly TableOp[];
  readonly must: 'reject' | 'accept' | 'either';
  readonly qvl_all_ok: boolean;
}

export interface Table {
  readonly name: string;
  readonly base: { readonly quote: string; readonly collateral: string; readonly verify_at: string };
  readonly cases: readonly TableCase[];
}

export const RECORDED_CHANGES = 276;

export const tables = (): readonly Table[] =>
  manifest('tdx')
    .filter(({ kind }) => kind === 'mutation-table')
    .map(({ file }) => ({ ...(JSON.parse(corpusText('tdx', file)) as Table), name: lastName(file) }));

/** The file that a target of a change stands in. */
const TARGETS: Readonly<Record<string, string>> = {
  tcb_info: 'tcb_info.json',
  qe_identity: 'qe_identity.json',
  pck_crl: 'pck_crl.der',
  root_crl: 'root_ca_crl.der',
  tcb_signing_chain: 'tcb_signing_chain.pem',
};

export function baseOf({ base }: Table): Given {
  return {
    quote: quoteBytes(base.quote),
    files: collateralFiles('tdx', base.collateral),
    at: Date.parse(base.verify_at),
  };
}

/** What a case of a table makes of what it starts from. */
export function appliedTo(base: Given, { ops }: Pick<TableCase, 'ops'>): Given {
  return ops.reduce((given, op) => {
    if (op.target === 'time') return { ...given, at: Date.parse(op.value as string) };
    if (op.target === 'quote') return { ...given, quote: changedFile(given.quote, op) };
    const name = TARGETS[op.target] ?? op.target;
    return {
      ...given,
      files: withFiles(given.files, { [name]: changedFile(fileOf(given.files, name), op) }),
    };
  }, base);
}

function changedFile(bytes: Uint8Array, op: TableOp): Uint8Array {
  const text = (): string => new TextDecoder().decode(bytes);
  switch (op.op) {
    case 'data':
      return fromHex(op.hex ?? '');
    case 'file': {
      const path = op.file as string;
      return fileOf(collateralFiles('tdx', path.slice(0, path.lastIndexOf('/'))), lastName(path));
    }
    case 'replace_text':
      // As a function: `$` in the text means nothing.
      return utf8(text().replace(op.find as string, () => op.with as string));
    case 'json_reserialize':
      return utf8(JSON.stringify(JSON.parse(text()), null, op.indent));
    case 'data_expr':
      return expression(op.expr as string, text());
    default:
      return changed(bytes, [op]);
  }
}

/** `a + 3 x "b" + c`: pieces, some of them repeated; `<sig>` is the signature of the original. */
function expression(text: string, original: string): Uint8Array {
  const { signature } = JSON.parse(original) as { signature: string };
  const pieces = text.split(' + ').map((piece) => {
    const [, count, repeated] = /^(\d+) x "(.*)"$/.exec(piece) ?? [];
    return count === undefined ? piece : (repeated as string).repeat(Number(count));
  });
  return concat(...pieces.map((piece) => utf8(piece.replace('<sig>', signature))));
}

const ANY_TCB: JsonObject = {
  statuses: [
    'UpToDate',
    'SWHardeningNeeded',
    'ConfigurationNeeded',
    'ConfigurationAndSWHardeningNeeded',
    'OutOfDate',
    'OutOfDateConfigurationNeeded',
    'TDRelaunchAdvised',
    'TDRelaunchAdvisedConfigurationNeeded',
  ],
  advisories: 'any',
  min_evaluation_number: 'any',
  min_tcb_date: 'any',
  grace_days: 'none',
};

/** Expectations that accept whatever is authentic, and not revoked or unknown. */
export const ANY_TDX: JsonObject = {
  mrtd: 'any',
  rtmrs: 'any',
  debug: 'allow',
  service_td: 'any',
  owner: 'any',
  tcb: ANY_TCB,
  platform: 'any',
  sept_ve_disable: 'any',
  attributes: ['MIGRATABLE', 'PKS', 'KL', 'PERFMON'],
  xfam: 'any',
};

export const ANY_SGX: JsonObject = {
  mrenclave: 'any',
  mrsigner: 'any',
  isv_prod_id: 'any',
  min_isv_svn: 'any',
  debug: 'allow',
  tcb: ANY_TCB,
  platform: 'any',
};

export interface TrustChanges {
  readonly tdx?: JsonObject;
  readonly sgx?: JsonObject;
  readonly tcb?: JsonObject;
  readonly ids?: JsonObject;
  /** Of a simulated root: common name, and SHA-256 of its key in hex. */
  readonly root?: readonly [name: string, spki: string];
}

/** A trust policy that accepts all but what the changes forbid. */
export function intelTrustJson({ tdx, sgx, tcb, ids, root }: TrustChanges = {}): JsonObject {
  const levels = { ...ANY_TCB, ...tcb };
  const [name = '', spki = ''] = root ?? [];
  const roots = ['tdx', 'sgx'].map((platform) => ({ platform, name, spki_sha256: spki }));
  return {
    version: 1,
    service: 'any',
    hardware: { ids: ids ?? 'any' },
    platforms: { tdx: { ...ANY_TDX, tcb: levels, ...tdx }, sgx: { ...ANY_SGX, tcb: levels, ...sgx } },
    freshness: { max_age_seconds: 'any', nonce: 'any' },
    revocation: 'required',
    simulated: root === undefined ? 'reject' : { roots },
    witnesses: 'none',
  };
}

export const intelTrust = (changes: TrustChanges = {}): TrustPolicy =>
  readTrustPolicy(intelTrustJson(changes));
