/** SEV-SNP reports for tests: the recorded ones, and the least that a firmware could write. */
import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import type { SnpReport } from '../../src/evidence/snp/index.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { corpusBytes, corpusText, type CorpusEntry, manifest } from './corpus.ts';

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
