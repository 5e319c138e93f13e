/** Reports of SEV-SNP firmware: the recorded ones say what others read in them; what no firmware writes is refused. */
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/hex.ts';
import {
  isSnpEndorsement,
  isSnpReport,
  parseSnpReport,
  readSnpEndorsement,
  readTcb,
} from '../../src/evidence/snp/index.ts';
import { type Certificate, parseCertificate } from '../../src/codec/x509.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';
import { certificateBytes, leastReport, RECORDED_REPORTS, reports, signedBeside } from '../support/snp.ts';
import { vectors } from '../support/vectors.ts';

interface Malformed {
  readonly name: string;
  readonly at: number;
  readonly hex: string;
  readonly code: 'SNP_FIELD_INVALID';
  readonly path: string;
  /** 5 unless told. */
  readonly version?: number;
}

const BY_CONTENT: Readonly<Record<string, string>> = {
  'derived-length-1183': 'STRUCT_LENGTH',
  'derived-sig-tail-nonzero': 'STRUCT_NOT_ZERO',
  'derived-sigalgo-zero': 'SNP_UNSIGNED',
  'derived-tcb-reserved-byte': 'SNP_FIELD_INVALID',
};

/** Fields that the manifest has as they are. */
const PLAIN =
  'version guest_svn vmpl report_data measurement host_data id_key_digest author_key_digest report_id report_id_ma chip_id family_id image_id current_tcb reported_tcb committed_tcb launch_tcb current_ver committed_ver'.split(
    ' ',
  );

/** From, and up to but not: what every product and version must leave zero. */
const RESERVED: readonly (readonly [number, number])[] = [
  [0x4c, 0x50],
  [0x18b, 0x1a0],
  [0x1eb, 0x1ec],
  [0x1ef, 0x1f0],
  [0x208, 0x2a0],
  [0x2d0, 0x2e8],
  [0x318, 0x4a0],
];

const bit = (hex: unknown, at: number): boolean => ((BigInt(hex as string) >> BigInt(at)) & 1n) === 1n;
const dotted = ({ major, minor, build }: { major: number; minor: number; build: number }): string =>
  `${major}.${minor}.${build}`;

describe('recorded reports', () => {
  if (CORPUS === null) it.skip(missing('snp', RECORDED_REPORTS), () => {});
  const all = reports();
  const authentic = all.filter(({ outcome }) => outcome === 'authentic');

  it.each(authentic)('$file: says what others read in it', (entry) => {
    const { fields } = entry.expected;
    const bytes = corpusBytes('snp', entry.file);
    expect(isSnpReport(bytes)).toBe(true);
    const report = parseSnpReport(bytes);
    expect({
      version: report.version,
      guest_svn: report.guestSvn,
      vmpl: report.vmpl,
      report_data: toHex(report.reportData),
      measurement: toHex(report.measurement),
      host_data: toHex(report.hostData),
      id_key_digest: toHex(report.idKeyDigest),
      author_key_digest: toHex(report.authorKeyDigest),
      report_id: toHex(report.reportId),
      report_id_ma: toHex(report.reportIdMa),
      chip_id: toHex(report.chipId),
      family_id: toHex(report.familyId),
      image_id: toHex(report.imageId),
      current_tcb: toHex(report.tcbs.current),
      reported_tcb: toHex(report.tcbs.reported),
      committed_tcb: toHex(report.tcbs.committed),
      launch_tcb: toHex(report.tcbs.launch),
      current_ver: dotted(report.currentVersion),
      committed_ver: dotted(report.committedVersion),
      cpuid_fam_mod_step: report.cpu === null ? null : Object.values(report.cpu),
    }).toEqual({
      ...Object.fromEntries(PLAIN.map((name) => [name, fields[name]])),
      cpuid_fam_mod_step: report.version === 2 ? null : fields['cpuid_fam_mod_step'],
    });
    const { policy, platformInfo } = report;
    expect([policy.smtAllowed, policy.migrationAgentAllowed, policy.debugAllowed]).toEqual(
      [16, 18, 19].map((at) => bit(fields['policy'], at)),
    );
    expect(policy.abiMinor).toBe(Number(BigInt(fields['policy'] as string) & 0xffn));
    expect(Object.values(platformInfo)).toEqual(
      Array.from({ length: 8 }, (_, at) => bit(fields['platform_info'], at)),
    );
    expect(report.signer).toBe(fields['key_info'] === '0x4' ? 'vlek' : 'vcek');
    if (report.version === 5)
      expect(report.mitigations).toEqual({
        launch: BigInt(fields['launch_mit'] as string),
        current: BigInt(fields['current_mit'] as string),
      });
    // The certificate names the product for every version; the report itself from version 3 on.
    if (report.product !== null) expect(fields['ek_product']).toContain(report.product);
    expect(signedBeside(entry, report)).toBe(true);
  });

  it.each(all.filter(({ outcome }) => outcome === 'rejected'))('$file: is no such report', (entry) => {
    const bytes = corpusBytes('snp', entry.file);
    const code = BY_CONTENT[entry.file.split('/')[0] as string];
    if (code === undefined) expect(signedBeside(entry, parseSnpReport(bytes))).toBe(false);
    else expect(() => parseSnpReport(bytes)).toFailWith(code as 'SNP_UNSIGNED');
  });

  it('are all of them', () => {
    if (CORPUS !== null) expect(all).toHaveLength(RECORDED_REPORTS);
  });
});

describe('recorded certificates of report keys', () => {
  const certificates = manifest('snp').filter(
    ({ kind, file }) => kind === 'endorsement-key-cert' && !file.startsWith('derived-'),
  );

  it.each(certificates)('$file: says of which key it is', ({ file, expected }) => {
    const said = readSnpEndorsement(parseCertificate(certificateBytes(file)));
    const { fields } = expected;
    if (fields['product'] !== undefined) {
      expect(said.productName).toBe(fields['product']);
      expect(said.cspId).toBe(fields['csp_id']);
    }
    // The key is derived for the versions and the chip of the report beside it.
    const beside = reports().find((one) => one.file.startsWith(`${file.split('/')[0]}/`));
    if (beside === undefined) return;
    const report = parseSnpReport(corpusBytes('snp', beside.file));
    expect(said.kind).toBe(report.signer);
    expect(said.tcb).toEqual(readTcb(report.tcbs.reported, said.product, { path: 'tcb', offset: 0 }));
    if (report.product !== null) expect(said.product).toBe(report.product);
    if (said.hwid !== null) expect(toHex(report.chipId)).toBe(toHex(said.hwid).padEnd(128, '0'));
  });

  it('are told from others', () => {
    for (const { file } of certificates)
      expect(isSnpEndorsement(parseCertificate(certificateBytes(file)))).toBe(true);
    const roots = manifest('snp').filter(({ file }) => /^roots\/.*\.der$/.test(file));
    for (const { file } of roots) {
      const root = parseCertificate(corpusBytes('snp', file));
      expect(isSnpEndorsement(root)).toBe(false);
      expect(() => readSnpEndorsement(root)).toFailWith('SNP_ENDORSEMENT_INVALID');
    }
  });
});

interface Forged {
  readonly name: string;
  /** Of the extensions, by the part behind AMD's arc: DER in hexadecimal, null to leave it out. */
  readonly extensions: Readonly<Record<string, string | null>>;
  readonly subject?: string;
  readonly code: 'SNP_ENDORSEMENT_INVALID';
}

describe('a certificate that AMD would not issue', () => {
  const file = vectors<Forged>('snp-endorsement-malformed.json');
  const genuine = (file as unknown as { genuine: Record<string, string> }).genuine;
  const of = (extensions: Readonly<Record<string, string | null>>, commonName = 'SEV-VCEK'): Certificate =>
    ({
      subject: { commonName },
      extensions: Object.entries({ ...genuine, ...extensions }).flatMap(([part, hex]) =>
        hex === null ? [] : [{ oid: `1.3.6.1.4.1.3704.1.${part}`, critical: false, value: fromHex(hex) }],
      ),
    }) as unknown as Certificate;

  it('would be read without the change', () => {
    expect(readSnpEndorsement(of({}))).toMatchObject({
      kind: 'vcek',
      product: 'Milan',
      tcb: { fmc: null, bootloader: 4, microcode: 219 },
    });
    const wrapped = `0440${'ab'.repeat(64)}`;
    expect(readSnpEndorsement(of({ 4: wrapped })).hwid).toHaveLength(64);
  });

  it.each(file.cases)('is refused: $name', ({ extensions, subject, code }) => {
    expect(() => readSnpEndorsement(of(extensions, subject))).toFailWith(code);
  });
});

describe('a report that no firmware writes', () => {
  const { cases } = vectors<Malformed>('snp-malformed.json');

  it('would be read without the change', () => {
    expect(parseSnpReport(leastReport())).toMatchObject({ version: 5, product: 'Turin', signer: 'vcek' });
  });

  it.each(cases)('is refused: $name', ({ at, hex, code, path, version }) => {
    const bytes = leastReport();
    if (version !== undefined) bytes[0] = version;
    bytes.set(fromHex(hex), at);
    expect(() => parseSnpReport(bytes)).toFailWith(code);
    expect(() => parseSnpReport(bytes)).toThrow(`${path}: `);
  });

  it('is refused at every length but one, and with any byte of the reserved parts', () => {
    const whole = leastReport();
    for (let length = 0; length < whole.length; length++)
      expect(() => parseSnpReport(whole.subarray(0, length))).toFailWith('STRUCT_LENGTH');
    expect(() => parseSnpReport(Uint8Array.from([...whole, 0]))).toFailWith('STRUCT_LENGTH');
    for (const [from, to] of RESERVED)
      for (let at = from; at < to; at++) {
        const bytes = leastReport();
        bytes[at] = 1;
        expect(() => parseSnpReport(bytes), `byte ${at}`).toFailWith('STRUCT_NOT_ZERO');
      }
  });
});

describe('TCB_VERSION', () => {
  const place = { path: 'tcb', offset: 0 };

  it('has its parts where the product has them', () => {
    const milan = { fmc: null, bootloader: 4, tee: 0, snp: 0x18, microcode: 0xdb };
    expect(readTcb(fromHex('04000000000018db'), 'Milan', place)).toEqual(milan);
    const turin = { fmc: 1, bootloader: 2, tee: 3, snp: 4, microcode: 0x51 };
    expect(readTcb(fromHex('0102030400000051'), 'Turin', place)).toEqual(turin);
    // The numbers of a Turin read as those of a Genoa would be others: they are refused.
    expect(() => readTcb(fromHex('0102030400000051'), 'Genoa', place)).toFailWith('SNP_FIELD_INVALID');
    expect(() => readTcb(fromHex('04000000000018db'), 'Turin', place)).toFailWith('SNP_FIELD_INVALID');
  });
});
