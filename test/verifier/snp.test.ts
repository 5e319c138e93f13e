/** Recorded SEV-SNP evidence judged: each verdict by its manifest, whatever does the arithmetic. */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { toHex } from '../../src/base/hex.ts';
import type { Code } from '../../src/base/errors.ts';
import { NO_COLLATERAL, readCollateral } from '../../src/collateral/index.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { judgeEvidence, nobleCrypto, ProofCache, SNP_ROOTS, webCrypto } from '../../verifier/index.ts';
import { matchRoot } from '../../verifier/roots.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';
import { certificateBytes, recorded, recordedOf, snpTrust, verifyRecorded } from '../support/snp.ts';

const RECORDED = 21;
/** Fields of the manifest that a verdict has under the same name. */
const SAME =
  'version guest_svn policy vmpl platform_info report_data measurement host_data id_key_digest author_key_digest report_id report_id_ma chip_id family_id image_id current_tcb reported_tcb committed_tcb launch_tcb current_ver committed_ver'.split(
    ' ',
  );
const OF_KEY = 'ek_product ek_csp_id ek_not_before ek_not_after'.split(' ');

const REFUSED: Readonly<Record<string, Code>> = {
  'derived-length-1183': 'PLATFORM_UNKNOWN',
  'derived-r-s-zero': 'SNP_SIGNATURE_INVALID',
  'derived-report-data-flip': 'SNP_SIGNATURE_INVALID',
  'derived-sig-tail-nonzero': 'STRUCT_NOT_ZERO',
  'derived-sigalgo-zero': 'SNP_UNSIGNED',
  'derived-tcb-reserved-byte': 'SNP_FIELD_INVALID',
};

const options = (at: number) =>
  ({ mode: 'archive', now: at, trust: null, platform: null, nonce: null }) as const;

describe('recorded evidence', () => {
  if (CORPUS === null) it.skip(missing('snp', RECORDED), () => {});
  const all = recorded();

  it.each(all)('$name', async ({ name, bytes, at, files, outcome, fields }) => {
    const collateral = readCollateral(files);
    expect(collateral.ignored).toEqual([]);
    const { verdict } = await judgeEvidence(bytes, { ...options(at), crypto: nodeCrypto, collateral });
    expect(verdict.verdict).toBe(outcome);
    for (const crypto of [webCrypto, nobleCrypto])
      expect(
        JSON.stringify((await judgeEvidence(bytes, { ...options(at), crypto, collateral })).verdict),
      ).toBe(JSON.stringify(verdict));
    if (outcome === 'rejected') return void expect(verdict.code).toBe(REFUSED[name]);
    expect(verdict).toMatchObject({ platform: 'snp', simulated: false, code: null });
    // Nobody gave a revocation list, and nobody waived it.
    expect(verdict.unverified).toEqual(['snp.revocation', 'appraisal']);
    const { claims } = verdict;
    const given = [...SAME, ...OF_KEY].filter((field) => Object.hasOwn(fields, field));
    expect(given.length).toBeGreaterThanOrEqual(SAME.length);
    for (const field of given) expect(claims[field], field).toEqual(fields[field]);
    expect(claims['signer']).toBe(fields['key_info'] === '0x4' ? 'vlek' : 'vcek');
    const cpu = fields['version'] === 2 ? null : fields['cpuid_fam_mod_step'];
    expect(claims['cpuid_fam_mod_step']).toEqual(cpu);
    for (const vector of ['launch_mit', 'current_mit'])
      expect(claims[vector]).toBe(fields['version'] === 5 ? fields[vector] : null);
    expect(claims['root']).toBe(`ARK-${claims['product'] as string}`);
    expect(claims).not.toHaveProperty('tcb_short');
  });

  it('is all of it', () => {
    if (CORPUS !== null) expect(all).toHaveLength(RECORDED);
  });

  it.runIf(CORPUS !== null)('with a cache gives the same verdicts, first and later', async () => {
    const cache = new ProofCache();
    for (const { bytes, at, files } of [...all, ...all]) {
      const given = { ...options(at), crypto: nodeCrypto, collateral: readCollateral(files) };
      const [fresh, cached] = [
        await judgeEvidence(bytes, given),
        await judgeEvidence(bytes, { ...given, cache }),
      ];
      expect(JSON.stringify(cached.verdict)).toBe(JSON.stringify(fresh.verdict));
    }
  });

  it.runIf(CORPUS !== null)('takes versions apart as the product has them', async () => {
    const turin = await verifyRecorded('v5-turin-caci');
    expect(turin.claims.levels.reported).toEqual({ fmc: 1, bootloader: 1, tee: 1, snp: 4, microcode: 81 });
    // 219 is 02 02 00 DB in the certificate.
    const milan = await verifyRecorded('v3-milan-caci');
    expect(milan.claims.endorsement.tcb).toMatchObject({ fmc: null, bootloader: 4, microcode: 219 });
  });

  it.runIf(CORPUS !== null)('of version 2 has the product of its certificate', async () => {
    const { claims } = await verifyRecorded('v2-milan');
    expect(claims.report.product).toBeNull();
    expect(claims.product).toBe('Milan');
  });

  it.runIf(CORPUS !== null)('says what is known of the VCEKs of a Milan, and of no other key', async () => {
    const said = async (name: string): Promise<unknown> => {
      const { bytes, at, files } = recordedOf(name);
      const judged = await judgeEvidence(bytes, {
        ...options(at),
        crypto: nodeCrypto,
        collateral: readCollateral(files),
      });
      return judged.verdict.claims['weaknesses'];
    };
    expect(await said('v3-milan-caci')).toMatchObject([{ id: 'arXiv:2605.12990' }]);
    expect(await said('v2-milan')).toMatchObject([{ id: 'arXiv:2605.12990' }]);
    for (const name of ['v3-milan-aws-vlek', 'v3-genoa-caci', 'v5-turin-caci'])
      expect(await said(name), name).toEqual([]);
  });

  it.runIf(CORPUS !== null)('binds 64 bytes, and none when they are zero', async () => {
    const { SNP_VERIFY_CHECKS, snpEvidence } = await import('../../verifier/snp/index.ts');
    expect(SNP_VERIFY_CHECKS.length).toBe(new Set(SNP_VERIFY_CHECKS.map(({ name }) => name)).size);
    const bound = snpEvidence(await verifyRecorded('v2-milan'), null);
    expect(toHex(bound.binding as Uint8Array)).toBe(recordedOf('v2-milan').fields['report_data']);
    const empty = snpEvidence(await verifyRecorded('v5-turin-caci'), null);
    expect(empty).toMatchObject({ binding: null, challenge: null, recipient: null, time: null });
  });
});

describe('a report alone', () => {
  it.runIf(CORPUS !== null)(
    'is undetermined without certificates or a time, with a trust policy or without',
    async () => {
      const { bytes, at, files } = recordedOf('v5-turin-caci');
      for (const trust of [null, snpTrust()]) {
        const given = { ...options(at), trust, crypto: nodeCrypto };
        const alone = await judgeEvidence(bytes, { ...given, collateral: NO_COLLATERAL });
        expect(alone.verdict).toMatchObject({
          verdict: 'undetermined',
          code: 'COLLATERAL_MISSING',
          claims: {},
        });
        // A report has no clock.
        const timeless = await judgeEvidence(bytes, {
          ...given,
          now: 'evidence',
          collateral: readCollateral(files),
        });
        expect(timeless.verdict).toMatchObject({
          verdict: 'undetermined',
          code: 'TIME_UNANCHORED',
          at: null,
        });
      }
    },
  );

  it.runIf(CORPUS !== null)('of another length is no report', async () => {
    const { bytes, at } = recordedOf('derived-length-1183');
    const given = { ...options(at), platform: 'snp', crypto: nodeCrypto };
    expect((await judgeEvidence(bytes, given)).verdict).toMatchObject({
      verdict: 'rejected',
      code: 'STRUCT_LENGTH',
    });
  });
});

describe('pins', () => {
  const roots = manifest('snp').filter(({ kind }) => kind === 'amd-root-cert');

  it.each(roots)('$file is the recorded root', ({ file, expected }) => {
    const certificate = parseCertificate(corpusBytes('snp', file));
    const pin = matchRoot(SNP_ROOTS, certificate, nodeCrypto);
    expect(pin.name).toBe(certificate.subject.commonName);
    expect(pin.name).toBe(`ARK-${pin.partition}`);
    expect(pin.spkiSha256).toBe(expected.fields['sha256_spki']);
    expect(pin.validity).toEqual({ notBefore: certificate.notBefore, notAfter: certificate.notAfter });
    expect(pin.simulated).toBe(false);
  });

  it('are one for each product, and none is an authority below', () => {
    expect(SNP_ROOTS.map(({ partition }) => partition)).toEqual(['Milan', 'Genoa', 'Turin']);
    for (const { file, kind } of manifest('snp'))
      if (kind === 'amd-intermediate-cert')
        expect(() => matchRoot(SNP_ROOTS, parseCertificate(certificateBytes(file)), nodeCrypto)).toFailWith(
          'CHAIN_ROOT_UNTRUSTED',
        );
  });
});
