/** What evidence needs: read from recorded quotes and reports, and asked for at the addresses that the vendors have. */
import { describe, expect, it } from 'vitest';
import { AMD_KDS, amdResources } from '../../host/collateral/kds.ts';
import { type AmdNeed, describeNeed, type IntelNeed, needOf } from '../../host/collateral/needs.ts';
import { INTEL_PCS, INTEL_ROOT_CRL, intelResources, pcsAddresses } from '../../host/collateral/pcs.ts';
import { toHex } from '../../src/base/hex.ts';
import { readSnpEndorsement } from '../../src/evidence/snp/index.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';
import { certificateBytes, leastReport, RECORDED_REPORTS, reports } from '../support/snp.ts';

const RECORDED_QUOTES = 18;
const DCAP_ROOT = 'https://pccs.example';

const addresses = (need: IntelNeed, channel: 'standard' | 'early' | number = 'standard'): readonly string[] =>
  intelResources(need, pcsAddresses(null, null), channel).map(({ url }) => url);

describe('a recorded quote', () => {
  const quotes = manifest('tdx').filter(({ file }) => file.startsWith('quotes/'));
  if (CORPUS === null) it.skip(missing('tdx', RECORDED_QUOTES), () => {});

  it.each(quotes.filter(({ file }) => !file.includes('certtype')))('$file: names its platform', (entry) => {
    const bytes = corpusBytes('tdx', entry.file);
    const { pck, tee, trailing_all_zero } = entry.expected.fields as Record<string, unknown>;
    if (trailing_all_zero === false) {
      expect(() => needOf(bytes)).toFailWith('QUOTE_TRAILING_BYTES');
      return;
    }
    const { fmspc, platform_instance } = pck as Record<string, unknown>;
    expect(needOf(bytes)).toEqual({
      vendor: 'intel',
      tee: (tee as string).toLowerCase(),
      fmspc,
      ca: platform_instance === null ? 'processor' : 'platform',
    });
  });

  it.each(quotes.filter(({ file }) => file.includes('certtype')))(
    '$file: has no certificate to read it from',
    ({ file }) => {
      expect(() => needOf(corpusBytes('tdx', file))).toFailWith('QUOTE_PCK_MISSING');
    },
  );

  it('are all of them', () => {
    if (CORPUS !== null) expect(quotes).toHaveLength(RECORDED_QUOTES);
  });
});

describe('a recorded report', () => {
  if (CORPUS === null) it.skip(missing('snp', RECORDED_REPORTS), () => {});
  const authentic = reports().filter(({ outcome }) => outcome === 'authentic');

  it.each(authentic)('$file: is asked for by what its certificate says', (entry) => {
    const beside = manifest('snp').find(
      ({ file, kind }) => kind === 'endorsement-key-cert' && file.startsWith(`${entry.file.split('/')[0]}/`),
    );
    const said = readSnpEndorsement(parseCertificate(certificateBytes(beside?.file as string)));
    const bytes = corpusBytes('snp', entry.file);
    if (entry.expected.fields['version'] === 2) expect(() => needOf(bytes)).toFailWith('USAGE');
    const need = needOf(bytes, said.product) as AmdNeed;
    expect([need.product, need.key]).toEqual([said.product, said.kind]);
    if (said.kind === 'vlek') return expect(need.chip).toBe(null);
    expect(need.chip).toEqual({ hwid: said.hwid, tcb: said.tcb });
    const [, , vcek] = amdResources(need, null);
    expect(vcek?.url).toContain(`/vcek/v1/${said.product}/${toHex(said.hwid as Uint8Array)}?`);
  });
});

describe('a report', () => {
  /** A Turin's with a chip. */
  const report = (change: (bytes: Uint8Array) => void = () => {}): Uint8Array => {
    const bytes = leastReport();
    bytes.fill(0xab, 0x1a0, 0x1a8);
    bytes.set([1, 2, 3, 4, 0, 0, 0, 200], 0x180);
    change(bytes);
    return bytes;
  };

  it('of a Turin is asked for by eight bytes of its chip, and its FMC comes first', () => {
    const urls = amdResources(needOf(report()) as AmdNeed, null).map(({ url }) => url);
    expect(urls).toEqual([
      `${AMD_KDS}/vcek/v1/Turin/cert_chain`,
      `${AMD_KDS}/vcek/v1/Turin/crl`,
      `${AMD_KDS}/vcek/v1/Turin/abababababababab?fmcSPL=01&blSPL=02&teeSPL=03&snpSPL=04&ucodeSPL=200`,
    ]);
    expect(amdResources(needOf(report()) as AmdNeed, 'http://kds.example/')[1]?.url).toBe(
      'http://kds.example/vcek/v1/Turin/crl',
    );
  });

  it('of a Genoa is asked for by all of its chip', () => {
    const genoa = report((bytes) => {
      bytes.set([0x19, 0x11], 0x188);
      bytes.fill(0xcd, 0x1a0, 0x1e0);
      bytes.set([7, 0, 0, 0, 0, 0, 23, 72], 0x180);
    });
    expect(amdResources(needOf(genoa) as AmdNeed, null)[2]?.url).toBe(
      `${AMD_KDS}/vcek/v1/Genoa/${'cd'.repeat(64)}?blSPL=07&teeSPL=00&snpSPL=23&ucodeSPL=72`,
    );
  });

  it('of a provider has authorities and a list of its own, and no certificate to fetch', () => {
    const urls = amdResources(needOf(report((bytes) => void (bytes[0x48] = 4))) as AmdNeed, null);
    expect(urls.map(({ url }) => url)).toEqual([
      `${AMD_KDS}/vlek/v1/Turin/cert_chain`,
      `${AMD_KDS}/vlek/v1/Turin/crl`,
    ]);
  });

  it('that hides its chip cannot be asked for, and that contradicts the command line is not', () => {
    expect(() => needOf(report((bytes) => bytes.fill(0, 0x1a0, 0x1e0)))).toFailWith('COLLATERAL_MISSING');
    expect(() => needOf(report(), 'Milan')).toFailWith('USAGE');
    expect(() => needOf(new Uint8Array(100))).toFailWith('INPUT_UNRECOGNISED');
    expect(describeNeed(needOf(report(), 'Turin'))).toBe(
      'AMD Turin VCEK, chip abababababababab at 1.2.3.4.200',
    );
  });
});

describe('what Intel is asked for', () => {
  const tdx: IntelNeed = { vendor: 'intel', tee: 'tdx', fmspc: '90c06f000000', ca: 'platform' };

  it('lies where the interface of version 4 has it', () => {
    expect(addresses(tdx)).toEqual([
      `${INTEL_PCS}/tdx/certification/v4/tcb?fmspc=90c06f000000`,
      `${INTEL_PCS}/tdx/certification/v4/qe/identity`,
      `${INTEL_PCS}/sgx/certification/v4/pckcrl?ca=platform&encoding=der`,
      INTEL_ROOT_CRL,
      `${INTEL_PCS}/tdx/certification/v4/tcbevaluationdatanumbers`,
    ]);
    const sgx = addresses({ ...tdx, tee: 'sgx', ca: 'processor' }, 17);
    expect(sgx.slice(0, 3)).toEqual([
      `${INTEL_PCS}/sgx/certification/v4/tcb?fmspc=90c06f000000&tcbEvaluationDataNumber=17`,
      `${INTEL_PCS}/sgx/certification/v4/qe/identity?tcbEvaluationDataNumber=17`,
      `${INTEL_PCS}/sgx/certification/v4/pckcrl?ca=processor&encoding=der`,
    ]);
    expect(addresses(tdx, 'early').slice(0, 2)).toEqual([
      `${INTEL_PCS}/tdx/certification/v4/tcb?fmspc=90c06f000000&update=early`,
      `${INTEL_PCS}/tdx/certification/v4/qe/identity?update=early`,
    ]);
    expect(describeNeed(tdx)).toBe('Intel tdx FMSPC 90c06f000000, platform CA');
  });

  it.each([
    DCAP_ROOT,
    `${DCAP_ROOT}/`,
    `${DCAP_ROOT}/sgx/certification/v4`,
    `${DCAP_ROOT}/sgx/certification/v4/`,
    `${DCAP_ROOT}/tdx/certification/v4/`,
  ])('lies in a PCCS at the same paths, and the list of the root with it: %s', (pcs) => {
    expect(pcsAddresses(pcs, null)).toEqual({
      pcs: DCAP_ROOT,
      rootCrl: `${DCAP_ROOT}/sgx/certification/v4/rootcacrl`,
    });
    expect(pcsAddresses(pcs, INTEL_ROOT_CRL).rootCrl).toBe(INTEL_ROOT_CRL);
  });

  it('is not to be had from an interface of version 3', () => {
    expect(() => pcsAddresses(`${DCAP_ROOT}/sgx/certification/v3/`, null)).toFailWith('USAGE');
  });
});
