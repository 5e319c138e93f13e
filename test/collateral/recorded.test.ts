/** Recorded collateral: it says what others read in it, and its signatures hold over the bytes that were cut out. */
import { describe, expect, it } from 'vitest';
import { formatTime } from '../../src/base/clock.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  type CollateralItem,
  itemBegins,
  itemEnds,
  readCollateral,
  recogniseCollateral,
} from '../../src/collateral/index.ts';
import { CORPUS, corpusBytes, type CorpusEntry, manifest, missing } from '../support/corpus.ts';
import {
  authoritiesInQuotes,
  certificateNamed,
  collateralFiles,
  collateralFolders,
  keyOf,
  listSigned,
  ofKind,
  RECORDED_SETS,
  statementSigned,
} from '../support/collateral.ts';

const SIGNER = 'Intel SGX TCB Signing';
const ROOT = 'Intel SGX Root CA';

const itemsOf = ({ file }: CorpusEntry): readonly CollateralItem[] =>
  recogniseCollateral({ name: file, bytes: corpusBytes('tdx', file) });
const only = (entry: CorpusEntry): CollateralItem => {
  const items = itemsOf(entry);
  expect(items).toHaveLength(1);
  return items[0] as CollateralItem;
};
const folderOf = ({ file }: CorpusEntry): string => file.slice(0, file.lastIndexOf('/'));
const ofManifest = (kind: string): readonly CorpusEntry[] =>
  manifest('tdx').filter((entry) => entry.kind === kind);

/** The TCB signing certificate of a set; what has none beside it is signed with the same key as the others. */
const signerOf = (entry: CorpusEntry): Uint8Array => {
  const folder = folderOf(entry) === 'tcbeval' ? (collateralFolders()[0] as string) : folderOf(entry);
  return certificateNamed(readCollateral(collateralFiles('tdx', folder)).items, SIGNER);
};

describe('recorded statements', () => {
  if (CORPUS === null) it.skip(missing('tdx statements', 22), () => {});

  it.each(ofManifest('tcb-info'))('$file', (entry) => {
    const { fields } = entry.expected;
    const item = only(entry);
    if (item.kind !== 'tcb-info') return expect.unreachable(item.kind);
    const { value } = item.document;
    expect({
      id: value.tee.toUpperCase(),
      version: value.version,
      fmspc: value.fmspc,
      pceId: value.pceId,
      tcbEvaluationDataNumber: value.tcbEvaluationDataNumber,
      issueDate: formatTime(value.issueDate),
      nextUpdate: formatTime(value.nextUpdate),
      levels: value.tcbLevels.length,
      moduleIds: value.tdxModuleIdentities.map(({ id }) => id),
    }).toEqual({
      ...Object.fromEntries(Object.entries(fields).filter(([key]) => key !== 'set_window')),
      fmspc: (fields['fmspc'] as string).toLowerCase(),
    });
    sameAsJsonParse(item.bytes, item.document.value.tcbLevels);
    expect(statementSigned(item.document, keyOf(signerOf(entry)))).toBe(true);
  });

  it.each(ofManifest('qe-identity'))('$file', (entry) => {
    const { isvsvn, ...fields } = entry.expected.fields;
    const item = only(entry);
    if (item.kind !== 'qe-identity') return expect.unreachable(item.kind);
    const { value } = item.document;
    expect({
      id: value.id,
      tcbEvaluationDataNumber: value.tcbEvaluationDataNumber,
      issueDate: formatTime(value.issueDate),
      nextUpdate: formatTime(value.nextUpdate),
      mrsigner: toHex(value.mrsigner),
      isvprodid: value.isvprodid,
    }).toMatchObject(fields);
    if (isvsvn !== undefined) expect(value.tcbLevels.map((level) => level.isvsvn)).toEqual(isvsvn);
    expect(statementSigned(item.document, keyOf(signerOf(entry)))).toBe(true);
  });

  it.each(ofManifest('tcb-evaluation-data-numbers'))('$file', (entry) => {
    const item = only(entry);
    if (item.kind !== 'tcb-evaluation-numbers') return expect.unreachable(item.kind);
    const { value } = item.document;
    const day = (at: number): string => formatTime(at).slice(0, 10);
    expect({
      id: value.id,
      issueDate: formatTime(value.issueDate),
      nextUpdate: formatTime(value.nextUpdate),
      numbers: value.numbers.map((one) => [one.number, day(one.recoveryEventDate), day(one.tcbDate)]),
    }).toEqual(entry.expected.fields);
    expect(statementSigned(item.document, keyOf(signerOf(entry)))).toBe(true);
  });
});

/** Levels beside what JSON.parse makes of the same body. */
function sameAsJsonParse(body: Uint8Array, levels: readonly object[]): void {
  const { tcbInfo } = JSON.parse(new TextDecoder().decode(body)) as { tcbInfo: { tcbLevels: ParsedLevel[] } };
  const svns = (list: { svn: number }[] | undefined): number[] | null => list?.map(({ svn }) => svn) ?? null;
  expect(levels).toEqual(
    tcbInfo.tcbLevels.map(({ tcb, tcbDate, tcbStatus, advisoryIDs }) => ({
      sgx: svns(tcb.sgxtcbcomponents),
      tdx: svns(tcb.tdxtcbcomponents),
      pcesvn: tcb.pcesvn,
      tcbDate: Date.parse(tcbDate),
      status: tcbStatus,
      advisories: advisoryIDs ?? [],
    })),
  );
}

interface ParsedLevel {
  readonly tcb: {
    readonly sgxtcbcomponents: { svn: number }[];
    readonly tdxtcbcomponents?: { svn: number }[];
    readonly pcesvn: number;
  };
  readonly tcbDate: string;
  readonly tcbStatus: string;
  readonly advisoryIDs?: string[];
}

describe('recorded lists of Intel', () => {
  const authorities = CORPUS === null ? [] : authoritiesInQuotes();
  if (CORPUS === null) it.skip(missing('tdx lists', 20), () => {});

  it.each(ofManifest('crl'))('$file', (entry) => {
    const item = only(entry);
    if (item.kind !== 'crl') return expect.unreachable(item.kind);
    const { crl } = item;
    expect({
      issuer: crl.issuer.commonName,
      thisUpdate: formatTime(crl.thisUpdate),
      nextUpdate: formatTime(crl.nextUpdate),
      revoked: crl.revoked.length,
    }).toEqual(entry.expected.fields);
    expect(crl.number).toBe(1n);
    const issuer = crl.issuer.commonName as string;
    const key = keyOf(certificateNamed([...itemsBeside(entry), ...authorities], issuer));
    expect(listSigned(crl, key)).toBe(true);
  });
});

const itemsBeside = (entry: CorpusEntry): readonly CollateralItem[] =>
  readCollateral(collateralFiles('tdx', folderOf(entry))).items;

describe('recorded sets', () => {
  it.each(collateralFolders())('%s: every file of it, each once', (folder) => {
    const { items, ignored } = readCollateral(collateralFiles('tdx', folder));
    expect(ignored).toEqual([]);
    const kinds = items.map(({ kind }) => kind).sort();
    expect(kinds).toEqual(['certificate', 'certificate', 'crl', 'crl', 'qe-identity', 'tcb-info']);
    const window = manifest('tdx').find(({ file }) => file === `${folder}/tcb_info.json`)?.expected.fields[
      'set_window'
    ];
    expect({
      all_valid_from: formatTime(Math.max(...items.map(itemBegins))),
      all_valid_until: formatTime(Math.min(...items.map(itemEnds))),
    }).toEqual(window);
  });

  it('are all of them', () => {
    if (CORPUS !== null) expect(collateralFolders()).toHaveLength(RECORDED_SETS);
  });

  it('the bundle of dcap-qvl holds what the set that was made of it does', () => {
    if (CORPUS === null) return;
    const file = 'bundles/phala_tdx_quote_collateral.json';
    const found = readCollateral([{ name: file, bytes: corpusBytes('tdx', file) }]);
    expect(found.ignored).toEqual([]);
    const set = readCollateral(collateralFiles('tdx', 'collateral/phala-b0c06f-2025-06')).items;
    const bytesOf = (items: readonly CollateralItem[]): string[] => items.map(({ bytes }) => toHex(bytes));
    // It also has the authority that signed the list of its platform.
    expect(bytesOf(found.items)).toEqual(expect.arrayContaining(bytesOf(set)));
    expect(found.items).toHaveLength(set.length + 1);
    const platform = certificateNamed(found.items, 'Intel SGX PCK Platform CA');
    const list = ofKind(found.items, 'crl').find(({ crl }) => crl.issuer.commonName !== ROOT);
    expect(list === undefined ? false : listSigned(list.crl, keyOf(platform))).toBe(true);
  });
});

describe("the sample of Intel's library", () => {
  it('reads whole, with security versions above 255, and its signatures hold under its own keys', () => {
    if (CORPUS === null) return;
    const { items, ignored } = readCollateral(collateralFiles('tdx', 'intel_qvl_sample_tdx'));
    // Its quote is no collateral; its PCK certificate is one like others.
    expect(ignored.map(({ name, code }) => [name, code])).toEqual([['intel_qvl_sample_tdx/quote.dat', null]]);
    const key = keyOf(certificateNamed(items, SIGNER));
    const [info] = ofKind(items, 'tcb-info');
    const [identity] = ofKind(items, 'qe-identity');
    expect(info?.document.value.tcbLevels[0]?.tdx?.[1]).toBe(65_473);
    expect(info !== undefined && statementSigned(info.document, key)).toBe(true);
    expect(identity !== undefined && statementSigned(identity.document, key)).toBe(true);
    for (const { crl } of ofKind(items, 'crl')) {
      const issuer = keyOf(certificateNamed(items, crl.issuer.commonName as string));
      expect(listSigned(crl, issuer)).toBe(true);
    }
  });
});

describe('recorded certificates and lists of AMD', () => {
  const fields = (file: string): Record<string, unknown> =>
    manifest('snp').find((entry) => entry.file === file)?.expected.fields ?? {};

  it('reads the roots', () => {
    if (CORPUS === null) return;
    const { items, ignored } = readCollateral(collateralFiles('snp', 'roots'));
    expect([items.length, ignored]).toEqual([9, []]);
    for (const { file } of manifest('snp').filter((entry) => entry.file.startsWith('roots/'))) {
      const [item] = recogniseCollateral({ name: file, bytes: corpusBytes('snp', file) });
      if (item?.kind !== 'certificate') return expect.unreachable(file);
      expect(BigInt(`0x${toHex(item.certificate.serial)}`)).toBe(BigInt(fields(file)['serial'] as string));
      expect([formatTime(itemBegins(item)), formatTime(itemEnds(item))]).toEqual([
        fields(file)['not_before'],
        fields(file)['not_after'],
      ]);
    }
  });

  it('reads the list that revokes the first ASK of Genoa', () => {
    if (CORPUS === null) return;
    const file = 'crl/genoa-vcek.crl.pem';
    const [item] = recogniseCollateral({ name: file, bytes: corpusBytes('snp', file) });
    if (item?.kind !== 'crl') return expect.unreachable();
    const { crl } = item;
    const expected = fields(file);
    expect({
      crl_number: Number(crl.number),
      this_update: formatTime(crl.thisUpdate),
      next_update: formatTime(crl.nextUpdate),
      revoked: crl.revoked.map(({ serial }) => `0x${BigInt(`0x${toHex(serial)}`).toString(16)}`),
      revocation_dates: crl.revoked.map(({ date }) => formatTime(date)),
      stale_after: formatTime(itemEnds(item)),
    }).toEqual(expected);
    expect(listSigned(crl, keyOf(corpusBytes('snp', 'roots/genoa-ark.der')))).toBe(true);
    expect(listSigned(crl, keyOf(corpusBytes('snp', 'roots/milan-ark.der')))).toBe(false);
  });
});
