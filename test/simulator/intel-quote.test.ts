import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  ENCLAVE_REPORT,
  HEADER,
  type Layout,
  TD_REPORTS,
  writeLayout,
} from '../../host/simulator/intel/layout.ts';
import { createQuote } from '../../host/simulator/intel/quote.ts';
import { concat } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { parseQuote, readPck } from '../../src/evidence/intel/index.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';
import {
  ASKED,
  cutQuote,
  enclaveQuote,
  MRTD,
  pemIn,
  readLayout,
  replay,
  simulatedIntel,
  tdQuote,
} from '../support/simulated-intel.ts';

describe('quotes of the simulator', () => {
  const recorded = manifest('tdx').filter(({ kind }) => kind === 'tdx-quote' || kind === 'sgx-quote');
  if (CORPUS === null) it.skip(missing('tdx', 18), () => {});

  it.each(recorded.map(({ file }) => file))('have the layout of %s, written again', (file) => {
    const bytes = corpusBytes('tdx', file);
    const parts = cutQuote(bytes);
    const again = <F extends string>(layout: Layout<F>, part: Uint8Array): void =>
      expect(toHex(writeLayout(layout, readLayout(layout, part)))).toBe(toHex(part));
    again(HEADER, parts.header);
    again(parts.layout, parts.body);
    again(ENCLAVE_REPORT, parts.report);
    // Header and lengths too, where the chain ends in the NUL that the simulator writes.
    if (parts.version === 3 || parts.chain.at(-1) !== 0) return;
    const whole = createQuote({
      version: parts.version as 4 | 5,
      bodyType: parts.bodyType,
      body: parts.body,
      tee: 'tdx',
      qe: {
        isvSvn: 0,
        id: parts.header.slice(28, 44),
        attestationKey: replay(parts.point, parts.signature, parts.point),
        report: parts.report,
        signature: parts.reportSignature,
        authData: parts.authData,
      },
      pckChain: pemIn(parts.chain).map((der) => ({
        certificate: der,
        name: der,
        serial: der,
        key: replay(der, der),
      })),
    });
    expect(toHex(concat(whole, parts.rest))).toBe(toHex(bytes));
  });

  it('carry what the TD was launched with and extended by, in its own registers', async () => {
    const vendor = await simulatedIntel();
    const names = ['mrconfigid', 'mrowner', 'mrownerconfig', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'];
    const image = Object.fromEntries(names.map((name, index) => [name, new Uint8Array(48).fill(index + 1)]));
    const td = vendor.launchTd({ mrtd: MRTD, ...image });
    const digest = new Uint8Array(48).fill(9);
    td.extend(3, digest);
    const { rtmr3: before, ...held } = image;
    const fields = readLayout(TD_REPORTS[2], cutQuote(td.quote(ASKED)).body);
    expect(fields).toMatchObject({ ...held, mrtd: MRTD, reportData: ASKED });
    expect(toHex(fields.rtmr3)).toBe(createHash('sha384').update(before!).update(digest).digest('hex'));
    expect(toHex(readLayout(TD_REPORTS[2], cutQuote(tdQuote(vendor)).body).rtmr3)).toBe('00'.repeat(48));
    for (const register of [-1, 0, 1, 4, 2.5]) expect(() => td.extend(register, digest)).toThrow(RangeError);
    expect(() => td.extend(2, new Uint8Array(32))).toThrow(RangeError);
    expect(() => td.quote(new Uint8Array(32))).toThrow(RangeError);
    expect(() => td.quote(ASKED, { version: 4, bodyType: 3 })).toThrow(RangeError);
    expect(() => vendor.launchTd({ mrtd: new Uint8Array(32) })).toThrow(RangeError);
    const enclave = { mrenclave: MRTD, mrsigner: MRTD, isvProdId: 0, isvSvn: 0 };
    expect(() => vendor.launchEnclave(enclave)).toThrow(RangeError);
  });

  it('come in every version and body, and are read whole by the reader of evidence', async () => {
    const vendor = await simulatedIntel();
    const shapes = [
      {},
      { version: 5 },
      { version: 5, bodyType: 2 },
      { bodyType: 3 },
      { bodyType: 4 },
    ] as const;
    const quotes = [...shapes.map((shape) => tdQuote(vendor, shape)), enclaveQuote(vendor)];
    const seen = quotes.map((bytes) => {
      const [quote, parts] = [parseQuote(bytes), cutQuote(bytes)];
      expect(quote.body).toMatchObject({ reportData: ASKED });
      expect([quote.signed, quote.attestationKey, quote.signature]).toEqual([
        parts.covered,
        parts.point,
        parts.signature,
      ]);
      expect([quote.qe.signed, quote.qe.authData]).toEqual([parts.report, parts.authData]);
      return `${quote.tee} ${quote.version} ${quote.bodyType} ${parts.body.length}`;
    });
    expect(seen).toEqual([
      'tdx 4 2 584',
      'tdx 5 3 648',
      'tdx 5 2 584',
      'tdx 5 3 648',
      'tdx 5 4 885',
      'sgx 3 1 384',
    ]);
    const [leaf] = pemIn(cutQuote(quotes[0]!).chain);
    const svns = [4, 4, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
    expect(readPck(parseCertificate(leaf!))).toMatchObject({
      components: svns,
      pceSvn: 13,
      sgxType: 'scalable',
    });
  });
});
