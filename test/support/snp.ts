/**
 * SEV-SNP reports for tests: the recorded ones with what they are judged with, and the least that a firmware could
 * write.
 */
import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import type { Millis } from '../../src/base/clock.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { type CollateralFile, readCollateral, type Collateral } from '../../src/collateral/index.ts';
import { parseSnpReport, type SnpReport } from '../../src/evidence/snp/index.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import {
  SNP_ROOTS,
  type SnpClaims,
  type SnpContext,
  type Verified,
  verifySnp,
} from '../../verifier/index.ts';
import { corpusBytes, corpusText, type CorpusEntry, manifest } from './corpus.ts';
import { trustWith } from './trust.ts';

/** How many reports the corpus has. */
export const RECORDED_REPORTS = 20;

export const reports = (): readonly CorpusEntry[] =>
  manifest('snp').filter(({ file }) => file.endsWith('/report.bin'));

/** DER of a recorded certificate, which may be PEM. */
export function certificateBytes(file: string): Uint8Array {
  return file.endsWith('.pem')
    ? (parsePem(corpusText('snp', file), 'CERTIFICATE')[0] as Uint8Array)
    : corpusBytes('snp', file);
}

/** Version 5, of a Turin, with nothing set that need not be. */
export function leastReport(): Uint8Array {
  const report = new Uint8Array(1_184);
  report[0x000] = 5;
  report[0x00a] = 0x03;
  report[0x034] = 1;
  report[0x188] = 0x1a;
  report[0x189] = 0x02;
  return report;
}

/** Whether the endorsement key beside a recorded report signed it, by OpenSSL. */
export function signedBeside(entry: CorpusEntry, { signed, signature }: SnpReport): boolean {
  const folder = entry.file.slice(0, entry.file.lastIndexOf('/'));
  const beside = manifest('snp').find(
    ({ file, kind }) => kind === 'endorsement-key-cert' && file.startsWith(`${folder}/`),
  );
  if (beside === undefined) throw new Error(`${entry.file} has no certificate beside it`);
  const { publicKey } = new X509Certificate(corpusBytes('snp', beside.file));
  const key = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }));
  return verify('sha384', signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** A piece of recorded evidence with all that its manifest lists beside it. */
export interface Recorded {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly at: Millis;
  readonly files: readonly CollateralFile[];
  readonly outcome: CorpusEntry['outcome'];
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The recorded files of these names; a name of a folder stands for all that it holds. */
export function recordedFiles(...names: readonly string[]): readonly CollateralFile[] {
  return manifest('snp')
    .filter(({ file }) => names.some((name) => file === name || file.startsWith(`${name}/`)))
    .map(({ file }) => ({ name: file, bytes: corpusBytes('snp', file) }));
}

/** Reports, and what configfs-tsm gave: a report and the certificate table of the host. */
export function recorded(): readonly Recorded[] {
  return manifest('snp').flatMap((entry) => {
    const { collateral } = entry as CorpusEntry & { readonly collateral?: readonly string[] };
    if (entry.outcome === undefined || collateral === undefined) return [];
    const common = {
      name: entry.file.split('/')[0] as string,
      at: Date.parse(entry.verify_at as string),
      outcome: entry.outcome,
      fields: entry.expected.fields,
    };
    const files = recordedFiles(...collateral);
    if (!entry.file.endsWith('.json')) return [{ ...common, bytes: corpusBytes('snp', entry.file), files }];
    const { outblob, auxblob } = JSON.parse(corpusText('snp', entry.file)) as Record<string, string>;
    const blob = (text = ''): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
    // The host's table holds all three certificates.
    return [{ ...common, bytes: blob(outblob), files: [{ name: 'auxblob', bytes: blob(auxblob) }] }];
  });
}

export function recordedOf(name: string): Recorded {
  const found = recorded().find((one) => one.name === name);
  if (found === undefined) throw new Error(`no recorded report ${name}`);
  return found;
}

/** Verified at its recorded time, with its recorded collateral. */
export function verifyRecorded(
  name: string,
  changes: Partial<SnpContext> & { readonly collateral?: Collateral } = {},
): Promise<Verified<SnpClaims>> {
  const { bytes, at, files } = recordedOf(name);
  const context = { at, crypto: nodeCrypto, roots: SNP_ROOTS, collateral: readCollateral(files) };
  return verifySnp(parseSnpReport(bytes), { ...context, ...changes });
}

/** Waives all that can be waived, so that a test can demand one thing. */
export const SNP_WAIVED = {
  measurement: 'any',
  debug: 'allow',
  vmpl: 'any',
  tcb: { minimum: 'any', provisional_firmware: 'allow' },
  milan_vcek: 'allow',
  id_key: 'any',
  host_data: 'any',
  migration_agent: 'allow',
  smt: 'allow',
  alias_check: 'any',
} as const;

/** A trust policy for SEV-SNP alone; `snp` changes what it says of the platform, `changes` the rest. */
export function snpTrust(snp: JsonObject = {}, changes: JsonObject = {}): ReturnType<typeof trustWith> {
  return trustWith({
    platforms: { snp: { ...SNP_WAIVED, ...snp } },
    freshness: { max_age_seconds: 'any', nonce: 'any' },
    revocation: 'any',
    ...changes,
  });
}

/** What another firmware would have signed in the place of a recorded report. */
export type ReportChange = (report: SnpReport) => Partial<SnpReport>;

export const policyOf =
  (changes: Partial<SnpReport['policy']>): ReportChange =>
  (report) => ({ policy: { ...report.policy, ...changes } });

export const platformOf =
  (changes: Partial<SnpReport['platformInfo']>): ReportChange =>
  (report) => ({ platformInfo: { ...report.platformInfo, ...changes } });

/** The recorded report as it was verified, then changed. */
export async function verifiedAs(
  name: string,
  change: ReportChange = () => ({}),
): Promise<Verified<SnpClaims>> {
  const genuine = await verifyRecorded(name);
  const { claims } = genuine;
  return { ...genuine, claims: { ...claims, report: { ...claims.report, ...change(claims.report) } } };
}
