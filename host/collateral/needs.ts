/** What a piece of evidence must be judged with, and cannot bring along. */
import { isZero } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { type Certificate, parseCertificate } from '../../src/codec/x509.ts';
import { isIntelQuote, isPck, parseQuote, type Quote, readPck } from '../../src/evidence/intel/index.ts';
import {
  isSnpReport,
  parseSnpReport,
  readTcb,
  type SnpProduct,
  type SnpReport,
  type SnpTcb,
} from '../../src/evidence/snp/index.ts';

export interface IntelNeed {
  readonly vendor: 'intel';
  readonly tee: 'tdx' | 'sgx';
  /** 12 hexadecimal digits, lower case. */
  readonly fmspc: string;
  /** Which authority issued the platform's PCK certificate. */
  readonly ca: 'platform' | 'processor';
}

/** What the certificate of a chip's key is asked for by. */
export interface ChipKey {
  /** 64 bytes, of Turin 8. */
  readonly hwid: Uint8Array;
  /** REPORTED_TCB: the key is derived from it. */
  readonly tcb: SnpTcb;
}

export interface AmdNeed {
  readonly vendor: 'amd';
  readonly product: SnpProduct;
  readonly key: 'vcek' | 'vlek';
  /** Null where no certificate of a chip can be asked for. */
  readonly chip: ChipKey | null;
}

export type Need = IntelNeed | AmdNeed;

const TURIN_HWID = 8;
const AUTHORITY = /^Intel SGX PCK (Platform|Processor) CA$/;

/**
 * Reads a quote of SGX or TDX, or a report of SEV-SNP. `product` is for reports of version 2, which do not say it.
 * Throws INPUT_UNRECOGNISED for other evidence, QUOTE_PCK_MISSING or COLLATERAL_MISSING where it names no platform, USAGE
 * for a product that is missing or contradicts the report, and what the readers of evidence throw.
 */
export function needOf(evidence: Uint8Array, product: SnpProduct | null = null): Need {
  if (isSnpReport(evidence)) return needOfReport(parseSnpReport(evidence), product);
  if (isIntelQuote(evidence)) return needOfQuote(parseQuote(evidence));
  return fail('INPUT_UNRECOGNISED', 'neither a quote of SGX or TDX nor a report of SEV-SNP');
}

function needOfQuote({ tee, certification }: Quote): IntelNeed {
  if (certification.kind === 'ppid')
    return fail(
      'QUOTE_PCK_MISSING',
      'the quote names its platform by PPID alone; give --tee, --fmspc and --ca in its place',
    );
  const certificates = certification.certificates.map((der) => parseCertificate(der));
  // Recorded chains come in more than one order.
  const pck: Certificate =
    certificates.find(isPck) ?? fail('QUOTE_PCK_MISSING', 'no certificate in the quote is of a PCK');
  const issuer = pck.issuer.commonName ?? '';
  const ca = AUTHORITY.exec(issuer)?.[1]?.toLowerCase() as IntelNeed['ca'] | undefined;
  if (ca === undefined)
    return fail('QUOTE_PCK_MISSING', `the PCK certificate is of ${JSON.stringify(issuer)}, not of Intel's`);
  return { vendor: 'intel', tee, fmspc: toHex(readPck(pck).fmspc), ca };
}

function needOfReport(report: SnpReport, given: SnpProduct | null): AmdNeed {
  const product =
    report.product ??
    given ??
    fail('USAGE', 'the report does not say of which processor it is: give --product');
  if (given !== null && given !== product) fail('USAGE', `--product: the report is of ${product}`);
  if (report.signer === 'vlek') return { vendor: 'amd', product, key: 'vlek', chip: null };
  if (isZero(report.chipId))
    return fail(
      'COLLATERAL_MISSING',
      'the report hides its chip, so its VCEK certificate cannot be asked for; it must come with the evidence',
    );
  const hwid = product === 'Turin' ? report.chipId.subarray(0, TURIN_HWID) : report.chipId;
  const tcb = readTcb(report.tcbs.reported, product, { path: 'report.reportedTcb', offset: 0x180 });
  return { vendor: 'amd', product, key: 'vcek', chip: { hwid, tcb } };
}

/** For people and as what makes two needs one. */
export function describeNeed(need: Need): string {
  if (need.vendor === 'intel') return `Intel ${need.tee} FMSPC ${need.fmspc}, ${need.ca} CA`;
  const chip =
    need.chip === null ? '' : `, chip ${toHex(need.chip.hwid)} at ${Object.values(need.chip.tcb).join('.')}`;
  return `AMD ${need.product} ${need.key.toUpperCase()}${chip}`;
}
