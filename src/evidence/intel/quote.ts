/**
 * Quotes of Intel's quoting enclaves: SGX in version 3, both in 4 and 5 (Intel SGX ECDSA Quote Library API and Intel TDX
 * DCAP Quoting Library API, appendix A each; body types as in Intel's verification library). A quote is header and body,
 * which the attestation key signs, then that key, the report of the quoting enclave that vouches for it, and what
 * certifies the enclave. Nothing of this is verified here, and the certificates are not read.
 */
import { type Certification, readCertification } from './certification.ts';
import { QuoteCursor } from './cursor.ts';
import { bodySize, type BodyType, readHeader, type Tee } from './header.ts';
import { readSgxReport, SGX_REPORT_SIZE, type SgxReport } from './sgx-report.ts';
import { readTdReport, type TdReport } from './td-report.ts';

/** The report of the quoting enclave, signed by the PCK. */
export interface QuotingEnclave {
  readonly report: SgxReport;
  /** The 384 bytes that are signed, a view of the input. */
  readonly signed: Uint8Array;
  /** ECDSA P-256 over SHA-256: r and s, 32 bytes each, big-endian (IEEE P1363). */
  readonly signature: Uint8Array;
  /** Hashed into the report data together with the attestation key. */
  readonly authData: Uint8Array;
}

export interface Quote {
  readonly version: 3 | 4 | 5;
  readonly tee: Tee;
  readonly bodyType: BodyType;
  /** Of the quoting and the certifying enclave, from the header of version 3, else null. */
  readonly qeSvn: number | null;
  readonly pceSvn: number | null;
  /** 20 bytes; the first 16 name the quoting enclave on its machine, not the machine. */
  readonly userData: Uint8Array;
  readonly body: SgxReport | TdReport;
  /** Header, in version 5 the descriptor, and body, as received: what is signed. */
  readonly signed: Uint8Array;
  /** ECDSA P-256 over SHA-256: r and s, 32 bytes each, big-endian (IEEE P1363). */
  readonly signature: Uint8Array;
  /** X and Y of a point of P-256, 32 bytes each, big-endian; not checked to be one. */
  readonly attestationKey: Uint8Array;
  readonly qe: QuotingEnclave;
  readonly certification: Certification;
}

/** More than any quote: of the largest body, with the most that a provider library may give as certificates. */
export const MAX_QUOTE = 65_536;

const SIGNATURE_SIZE = 64;
const KEY_SIZE = 64;
/** The one type that may wrap the rest of the signature data from version 4 on. */
const QE_REPORT_CERTIFICATION_DATA = 6;
const TD_TYPES = { 2: 'td10', 3: 'td15', 4: 'td15ex' } as const;

/**
 * Reads a quote whole; the buffer may be longer and is zero then to its end. Throws ParseError QUOTE_VERSION_UNKNOWN,
 * QUOTE_FIELD_INVALID, QUOTE_TRAILING_BYTES, STRUCT_NOT_ZERO, PEM_INVALID or a DER_ code.
 */
export function parseQuote(bytes: Uint8Array, path: string = 'quote'): Quote {
  const cursor = new QuoteCursor(bytes, path);
  if (bytes.length > MAX_QUOTE)
    cursor.fail('QUOTE_FIELD_INVALID', `${bytes.length} bytes, at most ${MAX_QUOTE}`, 'size');
  const header = readHeader(cursor);
  const base = cursor.offset;
  const bodyBytes = cursor.take(bodySize(header.bodyType), 'body');
  const signed = cursor.taken();
  const options = { path: cursor.path('body'), base };
  const body =
    header.bodyType === 1
      ? readSgxReport(bodyBytes, options)
      : readTdReport(bodyBytes, TD_TYPES[header.bodyType], options);
  const data = cursor.part('signatureData');
  refuseTrailing(cursor);
  const signature = data.take(SIGNATURE_SIZE, 'signature');
  const attestationKey = data.take(KEY_SIZE, 'attestationKey');
  const inner = header.version === 3 ? data : unwrap(data);
  const qe = readQuotingEnclave(inner);
  const certification = readCertification(inner);
  inner.end('signatureData');
  return Object.freeze({ ...header, body, signed, signature, attestationKey, qe, certification });
}

function unwrap(data: QuoteCursor): QuoteCursor {
  const from = data.offset;
  const type = data.u16('outerType');
  if (type !== QE_REPORT_CERTIFICATION_DATA)
    data.fail('QUOTE_FIELD_INVALID', `${type} is not 6`, 'outerType', from);
  const inner = data.part('outer');
  data.end('signatureData');
  return inner;
}

function readQuotingEnclave(data: QuoteCursor): QuotingEnclave {
  const base = data.offset;
  const signed = data.take(SGX_REPORT_SIZE, 'qe.report');
  const report = readSgxReport(signed, { path: data.path('qe.report'), base });
  const signature = data.take(SIGNATURE_SIZE, 'qe.signature');
  const authData = data.take(data.u16('qe.authDataSize'), 'qe.authData');
  return Object.freeze({ report, signed, signature, authData });
}

/** Nobody has signed what follows; drivers hand out whole buffers, which are zero behind the quote. */
function refuseTrailing(cursor: QuoteCursor): void {
  const end = cursor.offset;
  const rest = cursor.rest();
  for (let i = 0; i < rest.length; i++)
    if (rest[i] !== 0)
      cursor.fail('QUOTE_TRAILING_BYTES', `the quote ends at byte ${end}`, 'trailing', end + i);
}
