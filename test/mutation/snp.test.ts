/**
 * Mutated SEV-SNP reports: each is refused with a typed error, or no longer what its key has signed, or says exactly
 * what its original said. `ASSAY_MUTATIONS` is how many, the seed is printed.
 */
import { describe, expect, it } from 'vitest';
import { AssayError } from '../../src/base/errors.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { parseSnpReport, readSnpEndorsement, type SnpReport } from '../../src/evidence/snp/index.ts';
import { corpusBytes, manifest, missing } from '../support/corpus.ts';
import { MUTATIONS, mutations, SEED } from '../support/mutate.ts';
import { certificateBytes, leastReport, reports, signedBeside } from '../support/snp.ts';

const RECORDED_CERTIFICATES = 20;

type Judge = (report: SnpReport) => boolean;

describe('mutated reports', () => {
  it(`${MUTATIONS} mutations, seed ${SEED}`, () => {
    const recorded = reports()
      .filter(({ outcome }) => outcome === 'authentic')
      .map((entry): readonly [string, Uint8Array, Judge] => [
        entry.file,
        corpusBytes('snp', entry.file),
        (report) => signedBeside(entry, report),
      ]);
    // Nobody has signed the least one: of it only the reader is tried.
    const samples = [['made', leastReport(), () => false] as const, ...recorded];
    const share = Math.ceil(MUTATIONS / samples.length);
    let [refused, unsigned, same] = [0, 0, 0];
    for (const [i, [name, original, signed]] of samples.entries()) {
      const said = parseSnpReport(original);
      for (const { bytes, how } of mutations([original], { count: share, seed: SEED + i })) {
        try {
          const report = parseSnpReport(bytes);
          if (!signed(report)) unsigned++;
          else {
            same++;
            expect(report, `${name}: ${how}`).toEqual(said);
          }
        } catch (error) {
          if (!(error instanceof AssayError))
            throw new Error(`${name}: ${how}, seed ${SEED}`, { cause: error });
          expect(error.code, `${name}: ${how}`).not.toBe('INTERNAL');
          refused++;
        }
      }
    }
    console.log(`refused ${refused}, signature no longer holds ${unsigned}, unchanged ${same}`);
    expect(refused).toBeGreaterThan(0);
  });

  it(`${MUTATIONS} mutations of certificates of their keys, seed ${SEED}: typed errors alone`, () => {
    const originals = manifest('snp')
      .filter(({ kind }) => kind === 'endorsement-key-cert')
      .map(({ file }) => certificateBytes(file));
    if (originals.length === 0) return void missing('snp', RECORDED_CERTIFICATES);
    let refused = 0;
    for (const { bytes, how } of mutations(originals, { count: MUTATIONS, seed: SEED })) {
      try {
        readSnpEndorsement(parseCertificate(bytes));
      } catch (error) {
        if (!(error instanceof AssayError)) throw new Error(`${how}, seed ${SEED}`, { cause: error });
        expect(error.code, how).not.toBe('INTERNAL');
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});
