/** Recorded quotes of Intel TDX and SGX with recorded collateral: what Intel's own library made of them, exactly. */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { formatTime } from '../../src/base/clock.ts';
import { type CollateralItem, itemEnds, readCollateral } from '../../src/collateral/index.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import { judgeEvidence } from '../../verifier/appraise.ts';
import { ProofCache } from '../../verifier/proof-cache.ts';
import { nobleCrypto, webCrypto } from '../../verifier/webcrypto.ts';
import { collateralFiles } from '../support/collateral.ts';
import { CORPUS, corpusBytes, corpusText, manifest, missing } from '../support/corpus.ts';
import { pckOf, quoteBytes, SAMPLE_QUOTE, WITH_TEXT } from '../support/intel.ts';
import {
  type Fields,
  givenOf,
  intelTrust,
  judge,
  RECORDED_CASES,
  recordedCases,
  verify,
} from '../support/intel-verify.ts';

const cases = recordedCases();

interface CollateralInfo {
  readonly issue_min: string | null;
  readonly expiry: string | null;
  readonly eval: number;
  readonly launch: string;
  readonly launch_date: string | null;
  readonly launch_adv: readonly string[];
  readonly current?: string;
  readonly current_date?: string | null;
  readonly current_adv?: readonly string[];
}

/** Members of the manifest that are claims under another name. */
const CLAIMS: Readonly<Record<string, string>> = {
  version: 'version',
  tee: 'tee',
  tee_tcb_svn: 'tee_tcb_svn',
  tee_tcb_svn2: 'tee_tcb_svn2',
  mrseam: 'mrseam',
  mrsignerseam: 'mrsignerseam',
  seamattributes: 'seamattributes',
  tdattributes: 'tdattributes',
  xfam: 'xfam',
  mrtd: 'mrtd',
  mrconfigid: 'mrconfigid',
  mrowner: 'mrowner',
  mrownerconfig: 'mrownerconfig',
  mrservicetd: 'mrservicetd',
  mrenclave: 'mrenclave',
  mrsigner: 'mrsigner',
  attributes: 'attributes',
  isvprodid: 'isvprodid',
  isvsvn: 'isvsvn',
  debug: 'debug',
  sept_ve_disable: 'sept_ve_disable',
  report_data: 'report_data',
  qe_isvsvn: 'qe_isvsvn',
  body_type: 'body_type',
};

const withoutMillis = (time: string | null): string | null => time?.replace('.000Z', 'Z') ?? null;

describe('recorded quotes', () => {
  if (CORPUS === null) it.skip(missing('tdx', RECORDED_CASES), () => {});
  it.runIf(CORPUS !== null)('are all there', () => expect(cases.length).toBe(RECORDED_CASES));

  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const { fields } = one;
    const { verdict } = await judge(givenOf(one));
    expect(verdict).toMatchObject({ verdict: 'authentic', code: null, simulated: false });
    expect(verdict.platform).toBe(one.file.startsWith('quotes/sgx') ? 'sgx' : 'tdx');
    expect(verdict.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(verdict.unverified).toEqual(['appraisal']);
    const { claims } = verdict;
    for (const [name, claim] of Object.entries(CLAIMS))
      if (Object.hasOwn(fields, name)) expect([name, claims[claim]]).toEqual([name, fields[name]]);
    if (claims['tee'] === 'TDX') expect(claims['rtmrs']).toEqual([0, 1, 2, 3].map((i) => fields[`rtmr${i}`]));
    expect(claims['tcb_status']).toBe(fields['tcb_status']);
    expect(claims['advisories']).toEqual(fields['advisories']);
    expect(withoutMillis(claims['tcb_date'] as string | null)).toBe(fields['tcb_date']);
    expect(claims['eval_numbers']).toEqual(fields['eval_numbers']);
    judgePck(claims['pck'], fields['pck'] as Fields);
    judgeEvaluations(claims as unknown as Claims, fields);
  });

  it.each(cases.map((one) => [one.name, one] as const))('%s, by other arithmetic', async (_, one) => {
    const given = givenOf(one);
    const expected = JSON.stringify((await judge(given)).verdict);
    for (const crypto of [webCrypto, nobleCrypto])
      expect(JSON.stringify((await judge(given, { crypto })).verdict)).toBe(expected);
  });

  it.each(cases.map((one) => [one.name, one] as const))('%s, until when', async (_, one) => {
    const given = givenOf(one);
    const verified = await verify(given);
    const { tcbInfo, qeIdentity } = verified.claims;
    const { expiry } = one.fields['qvl_collateral_info'] as CollateralInfo;
    // What Intel's library calls the expiry is that of the two statements.
    const statements = Math.min(tcbInfo.nextUpdate, qeIdentity.nextUpdate);
    if (expiry !== null) expect(withoutMillis(formatTime(statements))).toBe(expiry);
    // Ours is of all that was used: every item of the folder, and what the quote itself carries.
    const { items } = readCollateral(given.files);
    const used = items.filter((item) => item.kind !== 'certificate' || usedCertificate(item));
    const ends = used.map(itemEnds).concat(verified.chain.certificates.map(({ notAfter }) => notAfter));
    expect(verified.validUntil).toBe(Math.min(...ends));
    expect(verified.validUntil).toBeLessThanOrEqual(statements);
    const { verdict } = await judge(given);
    expect(verdict.valid_until).toBe(formatTime(Math.min(...ends)));
    // The same holds at both ends, and at neither a millisecond beyond.
    for (const at of [verified.validFrom, verified.validUntil])
      expect((await judge({ ...given, at })).verdict.verdict).toBe('authentic');
    for (const at of [verified.validFrom - 1, verified.validUntil + 1])
      expect((await judge({ ...given, at })).verdict.verdict).not.toBe('authentic');
  });
});

/** The folders hold the signer's path; the root of it is the quote's own. */
const usedCertificate = (item: CollateralItem): boolean =>
  item.kind === 'certificate' && item.certificate.subject.commonName === 'Intel SGX TCB Signing';

interface Evaluation {
  readonly tcb_status: string;
  readonly tcb_date: string | null;
  readonly advisories: readonly string[];
  readonly parts: Readonly<Record<string, string | null>>;
}

interface Claims {
  readonly launch: Evaluation;
  readonly current: Evaluation | null;
  readonly tcb_evaluation_data_number: number;
}

function judgeEvaluations(
  { launch, current, tcb_evaluation_data_number: number }: Claims,
  fields: Fields,
): void {
  const info = fields['qvl_collateral_info'] as CollateralInfo;
  const parts = Object.entries(launch.parts).filter(([, status]) => status !== null);
  // Intel's library says nothing of the rest when there is no level.
  if (info.launch === '') {
    expect(launch.tcb_status).toBe('TcbNotSupported');
    expect(launch).toMatchObject({ tcb_date: null, advisories: [] });
    expect(launch.parts['platform']).toBe(null);
    return;
  }
  expect(Object.fromEntries(parts)).toEqual(fields['parts']);
  const shown = (one: Evaluation): readonly unknown[] => [
    one.tcb_status,
    withoutMillis(one.tcb_date),
    one.advisories,
  ];
  expect(shown(launch)).toEqual([info.launch, info.launch_date, info.launch_adv]);
  expect(number).toBe(info.eval);
  if (info.current === undefined) expect(current).toBe(null);
  else expect(shown(current as Evaluation)).toEqual([info.current, info.current_date, info.current_adv]);
}

const SGX_TYPES = ['standard', 'scalable', 'scalable-with-integrity'];

function judgePck(claim: unknown, fields: Fields): void {
  const config = fields['config'] as Fields | null;
  expect(claim).toEqual({
    ca: /Platform/.test(fields['issuer_cn'] as string) ? 'platform' : 'processor',
    ppid: fields['ppid'],
    fmspc: fields['fmspc'],
    pce_id: fields['pceid'],
    pce_svn: fields['pcesvn'],
    components: fields['sgx_components'],
    sgx_type: SGX_TYPES[fields['sgx_type'] as number],
    platform_instance: fields['platform_instance'],
    configuration: config && {
      dynamic_platform: config['dynamicPlatform'],
      cached_keys: config['cachedKeys'],
      smt_enabled: config['smtEnabled'],
    },
  });
}

describe.runIf(CORPUS !== null)('what is not as it should be', () => {
  it.each(['sgx_v3_certtype3_oasis', 'sgx_v3_certtype3_fortanix'])('%s lacks its PCK', async (name) => {
    const quote = quoteBytes(`quotes/${name}.bin`);
    const given = { quote, files: [], at: Date.parse('2025-01-01T00:00:00Z') };
    const trust = intelTrust();
    for (const how of [{}, { trust }]) {
      const { verdict } = await judge(given, how);
      expect(verdict).toMatchObject({ verdict: 'undetermined', code: 'QUOTE_PCK_MISSING', claims: {} });
    }
    // PCK certificates of others are no help, and no excuse.
    const pck = pckOf(parseQuote(quoteBytes('quotes/sgx_v3_00606a_automata.bin')));
    const files = [{ name: 'pck.der', bytes: pck?.raw as Uint8Array }];
    const { verdict } = await judge({ ...given, files });
    expect(verdict).toMatchObject({ verdict: 'undetermined', code: 'QUOTE_PCK_MISSING' });
  });

  it('refuses the quote that a recorder wrote text behind, and takes what stands before', async () => {
    const one = cases.find(({ file }) => file === WITH_TEXT);
    const given = givenOf(one as (typeof cases)[number]);
    const quote = corpusBytes('tdx', WITH_TEXT);
    expect((await judge({ ...given, quote })).verdict).toMatchObject({
      verdict: 'rejected',
      code: 'QUOTE_TRAILING_BYTES',
    });
  });

  it('has no time of its own to be judged at', async () => {
    const { quote } = givenOf(cases[0] as (typeof cases)[number]);
    const options = {
      mode: 'archive',
      now: 'evidence',
      crypto: nodeCrypto,
      platform: null,
      nonce: null,
    } as const;
    for (const trust of [null, intelTrust()])
      expect((await judgeEvidence(quote, { ...options, trust })).verdict).toMatchObject({
        verdict: 'undetermined',
        code: 'TIME_UNANCHORED',
      });
  });

  it('takes a quote for what it is, not for what it is called', async () => {
    const { quote } = givenOf(cases[0] as (typeof cases)[number]);
    const options = { mode: 'archive', now: 0, trust: null, crypto: nodeCrypto, nonce: null } as const;
    const { verdict } = await judgeEvidence(quote, { ...options, platform: 'sgx' });
    expect(verdict).toMatchObject({ verdict: 'rejected', code: 'PLATFORM_UNKNOWN' });
  });

  it('refuses the sample of Intel, whose root has the name of the genuine one', async () => {
    const folder = SAMPLE_QUOTE.slice(0, SAMPLE_QUOTE.lastIndexOf('/'));
    const quote = quoteBytes(SAMPLE_QUOTE);
    // Its certificates were valid in 2021, and are at no time.
    for (const at of ['2021-09-01T00:00:00Z', '2025-01-01T00:00:00Z']) {
      const given = { quote, files: collateralFiles('tdx', folder), at: Date.parse(at) };
      expect((await judge(given)).verdict).toMatchObject({
        verdict: 'rejected',
        code: 'CHAIN_ROOT_UNTRUSTED',
      });
    }
  });
});

describe.runIf(CORPUS !== null)('other forms of the same', () => {
  it('judges with a bundle of dcap-qvl as with the files', async () => {
    const one = cases.find(({ file }) => file === 'quotes/tdx_v4_b0c06f_phala.bin') as (typeof cases)[number];
    const given = givenOf(one);
    const name = 'bundles/phala_tdx_quote_collateral.json';
    const files = [{ name, bytes: corpusBytes('tdx', name) }];
    expect(JSON.stringify((await judge({ ...given, files })).verdict)).toBe(
      JSON.stringify((await judge(given)).verdict),
    );
  });

  it('judges with all collateral at hand at once, in any order', async () => {
    const folders = [...new Set(cases.map(({ folder }) => folder))];
    const files = folders.flatMap((folder) => collateralFiles('tdx', folder));
    const all = readCollateral(files);
    const reversed = readCollateral(files.toReversed());
    const cache = new ProofCache();
    for (const one of cases) {
      const given = givenOf(one);
      const { verdict } = await judge(given, { collateral: all, cache });
      expect([one.name, verdict.verdict]).toEqual([one.name, 'authentic']);
      const again = await judge(given, { collateral: reversed });
      expect(again.verdict).toEqual(verdict);
      // What the newer says is no part of what is the case now.
      expect(verdict.claims['tcb_status']).toBe(one.fields['tcb_status']);
      expect(verdict.claims['advisories']).toEqual(one.fields['advisories']);
    }
  });

  it('judges the quote that an envelope of Azure wraps', async () => {
    const files = manifest('tdx')
      .filter(({ kind }) => kind === 'tcb-info')
      .flatMap(({ file }) => collateralFiles('tdx', file.slice(0, file.lastIndexOf('/'))));
    const { td_quote: wrapped } = JSON.parse(corpusText('tdx', 'azure/trustee_evidence_v1.json')) as {
      td_quote: string;
    };
    const quote = new Uint8Array(Buffer.from(wrapped, 'base64url'));
    const { verdict } = await judge({ quote, files, at: Date.parse('2025-02-14T00:00:00Z') });
    expect(verdict.verdict).toBe('authentic');
    expect(verdict.claims['tcb_status']).toBe('OutOfDate');
  });
});
