/** Intel quotes for tests: the recorded ones, the corpus's table of changes to them, and the least that can be one. */
import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto';
import { concat, equalBytes, utf8 } from '../../src/base/bytes.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { fromBase64 } from '../../src/codec/base64.ts';
import { parseCertificate, type Certificate } from '../../src/codec/x509.ts';
import { isPck, parseQuote, type Quote } from '../../src/evidence/intel/index.ts';
import { corpusBytes, corpusText, type CorpusEntry, manifest } from './corpus.ts';

/** How many quotes the corpus has by themselves, and inside of other evidence. */
export const RECORDED_QUOTES = 18;
export const CARRIED_QUOTES = 5;
/** Intel's own sample: synthetic keys and fields, certificates as DER. */
export const SAMPLE_QUOTE = 'intel_qvl_sample_tdx/quote.dat';

/**
 * One recorded file is a quote with a line of text behind it, which its recorder wrote there as a test of readers that
 * keep such bytes (go-tdx-guest, testing/testdata/tdx_prod_quote_SPR_E4.dat). The quote is what stands before.
 */
export const WITH_TEXT = 'quotes/tdx_v4_50806f_pks_nosept.bin';
export const TEXT_BEHIND: Uint8Array = utf8('\nextra bytes(only for testing purpose)\n');

export const quotes = (): readonly CorpusEntry[] =>
  manifest('tdx').filter(({ kind }) => kind === 'tdx-quote' || kind === 'sgx-quote');

/** A recorded quote, and nothing that somebody put behind it. */
export function quoteBytes(file: string): Uint8Array {
  const bytes = corpusBytes('tdx', file);
  if (file !== WITH_TEXT) return bytes;
  const end = bytes.length - TEXT_BEHIND.length;
  if (!equalBytes(bytes.subarray(end), TEXT_BEHIND)) throw new Error(`${file}: not the text that is known`);
  return bytes.subarray(0, end);
}

/** Genuine quotes that other formats carry: of dstack, Tinfoil, Chutes, Azure and Google. */
export function carriedQuotes(): readonly (readonly [name: string, bytes: Uint8Array])[] {
  const json = <T>(family: string, file: string): T => JSON.parse(corpusText(family, file)) as T;
  const dstack = json<{ quote: string }>('platforms', 'dstack/tdx-lite-getquote.json');
  const tinfoil = json<{ cpu: { report: string } }>('nvidia', 'bind-tinfoil-v3/tinfoil_attestation_v3.json');
  const chutes = json<{ tdx_quote_b64: string }>('nvidia', 'bind-chutes/chutes_bound.json');
  const azure = json<{ td_quote: string }>('azure-cvm', 'evidence/trustee-tdx-v1.json');
  const pem = corpusText('platforms', 'openpcc/gce_tdx_report.txt');
  const google = /-----BEGIN REPORT-----([A-Za-z0-9+/=\s]*)/.exec(pem)?.[1] ?? '';
  return [
    ['dstack', fromHex(dstack.quote)],
    ['tinfoil', fromBase64(tinfoil.cpu.report)],
    ['chutes', fromBase64(chutes.tdx_quote_b64)],
    ['azure', new Uint8Array(Buffer.from(azure.td_quote, 'base64url'))],
    ['google', fromBase64(google.replace(/\s/g, ''))],
  ];
}

/** The certificate of the PCK in a quote; null when it names only its platform. */
export function pckOf({ certification }: Quote): Certificate | null {
  if (certification.kind === 'ppid') return null;
  return certification.certificates.map((der) => parseCertificate(der)).find(isPck) ?? null;
}

/** The certificates of recorded quotes, each once. */
export function recordedPcks(): readonly (readonly [file: string, der: Uint8Array])[] {
  const found = new Map<string, readonly [string, Uint8Array]>();
  for (const { file } of quotes()) {
    const pck = pckOf(parseQuote(quoteBytes(file)));
    if (pck !== null) found.set(toHex(pck.raw), [file, pck.raw]);
  }
  return [...found.values()];
}

/** Whether all signatures inside a quote and the binding of its key hold, by OpenSSL; that of the PCK if it is there. */
export function holdsTogether(quote: Quote): boolean {
  const { attestationKey: key, qe } = quote;
  const bound = createHash('sha256').update(key).update(qe.authData).digest();
  if (!equalBytes(bound, qe.report.reportData.subarray(0, 32))) return false;
  const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: base64url(key.subarray(0, 32)), y: base64url(key.subarray(32)) };
  const holds = (
    signed: Uint8Array,
    signature: Uint8Array,
    by: ReturnType<typeof createPublicKey>,
  ): boolean => verify('sha256', signed, { key: by, dsaEncoding: 'ieee-p1363' }, signature);
  if (!holds(quote.signed, quote.signature, createPublicKey({ key: jwk, format: 'jwk' }))) return false;
  const pck = pckOf(quote);
  return pck === null || holds(qe.signed, qe.signature, new X509Certificate(pck.raw).publicKey);
}

/** All that was decoded, without the bytes that are signed: two quotes that say the same have the same. */
export function claims(quote: Quote): string {
  const decoded = { ...quote, signed: null, qe: { ...quote.qe, signed: null } };
  return JSON.stringify(decoded, (_, value: unknown) => {
    if (value instanceof Uint8Array) return toHex(value);
    return typeof value === 'bigint' ? value.toString() : value;
  });
}

const u16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >>> 8);
const u32 = (value: number): Uint8Array => Uint8Array.from(new Uint8Array(Uint32Array.of(value).buffer));
const sized = (part: Uint8Array): Uint8Array => concat(u32(part.length), part);

/** The bytes that a quote was read from, put together again from its parts; without what follows it. */
export function reassembled({
  version,
  signed,
  signature,
  attestationKey,
  qe,
  certification,
}: Quote): Uint8Array {
  const by =
    certification.kind === 'ppid'
      ? concat(certification.ppid, certification.cpuSvn, u16(certification.pceSvn), certification.pceId)
      : certification.raw;
  const type = certification.kind === 'ppid' ? certification.type : certification.kind === 'leaf' ? 4 : 5;
  const inner = concat(qe.signed, qe.signature, u16(qe.authData.length), qe.authData, u16(type), sized(by));
  const rest = version === 3 ? inner : concat(u16(6), sized(inner));
  return concat(signed, sized(concat(signature, attestationKey, rest)));
}

export interface QuoteParts {
  readonly version?: 3 | 4 | 5;
  /** 1 for an enclave, 2 to 4 for a TD. */
  readonly bodyType?: 1 | 2 | 3 | 4;
  readonly body?: Uint8Array;
  readonly authData?: Uint8Array;
  readonly certificationType?: number;
  readonly certification?: Uint8Array;
}

const BODY_SIZES = { 1: 384, 2: 584, 3: 648, 4: 885 } as const;
const INTEL = '939a7233f79c4ca9940a0db3957f0607';
/** A block that is whole, of DER that is no certificate: a quote is read without looking into it. */
export const LEAST_PEM = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n';

/** A quote with nothing set that need not be: of a TD in version 4 unless told. */
export function leastQuote(parts: QuoteParts = {}): Uint8Array {
  const { version = 4, bodyType = version === 3 ? 1 : 2 } = parts;
  const header = concat(
    u16(version),
    u16(2),
    u32(bodyType === 1 ? 0 : 0x81),
    u32(0),
    fromHex(INTEL),
    new Uint8Array(20),
  );
  const body = parts.body ?? new Uint8Array(BODY_SIZES[bodyType]);
  const authData = parts.authData ?? new Uint8Array(32);
  const inner = concat(
    new Uint8Array(384 + 64),
    u16(authData.length),
    authData,
    u16(parts.certificationType ?? 5),
    sized(parts.certification ?? utf8(LEAST_PEM)),
  );
  const rest = version === 3 ? inner : concat(u16(6), sized(inner));
  const descriptor = version === 5 ? concat(u16(bodyType), u32(body.length)) : new Uint8Array(0);
  return concat(header, descriptor, body, sized(concat(new Uint8Array(128), rest)));
}

/** A change to bytes, as the corpus writes it. */
export interface Change {
  readonly target: string;
  readonly op: string;
  readonly offset?: number;
  readonly hex?: string;
  readonly length?: number;
}

export interface MutationTable {
  readonly base: { readonly quote: string };
  readonly cases: readonly {
    readonly id: string;
    readonly ops: readonly Change[];
    readonly must: 'reject' | 'accept' | 'either';
  }[];
}

export const mutationTables = (): readonly MutationTable[] =>
  manifest('tdx')
    .filter(({ kind }) => kind === 'mutation-table')
    .map(({ file }) => JSON.parse(corpusText('tdx', file)) as MutationTable);

export function changed(original: Uint8Array, changes: readonly Change[]): Uint8Array {
  let bytes: Uint8Array = original.slice();
  for (const { op, offset = 0, hex = '', length = 0 } of changes) {
    const operand = fromHex(hex);
    if (op === 'set') bytes.set(operand, offset);
    else if (op === 'xor')
      operand.forEach((bits, i) => {
        bytes[offset + i] = (bytes[offset + i] as number) ^ bits;
      });
    else if (op === 'truncate') bytes = bytes.slice(0, length);
    else if (op === 'append') bytes = concat(bytes, operand);
    else throw new Error(`${op} is not known here`);
  }
  return bytes;
}
