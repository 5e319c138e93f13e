/**
 * Which certificates at hand are those of a report: the one of the key that signed it (VCEK or VLEK), of the authority
 * that issued that one (ASK or ASVK) and of the root (ARK). Finding proves nothing: what is found is verified as if
 * there were nothing else.
 */
import { equalBytes, isZero } from '../../src/base/bytes.ts';
import type { Millis } from '../../src/base/clock.ts';
import type { Crypto, SignatureAlgorithm } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { Certificate, Name } from '../../src/codec/x509.ts';
import type { Collateral } from '../../src/collateral/index.ts';
import {
  isSnpEndorsement,
  readSnpEndorsement,
  type SnpEndorsement,
  type SnpProduct,
  type SnpReport,
} from '../../src/evidence/snp/index.ts';
import { certificatesOf, missing } from '../collateral.ts';
import type { RootPin } from '../roots.ts';
import { differences, readLevels, tcbQuery } from './tcb.ts';

/** A certificate of a key that signs reports, and what it says of itself. */
export interface ReportKey {
  readonly certificate: Certificate;
  readonly said: SnpEndorsement;
}

export interface FindContext {
  readonly at: Millis;
  readonly crypto: Crypto;
  readonly collateral: Collateral;
  readonly roots: readonly RootPin[];
}

/** Certificates by what they can be for a report. */
interface Shelf {
  readonly keys: readonly ReportKey[];
  /** Why certificates of report keys could not be read. */
  readonly unreadable: readonly AssayError[];
  /** By hex of the subject's DER. */
  readonly bySubject: ReadonlyMap<string, readonly Certificate[]>;
}

const KEY_SERVICE = 'https://kdsintf.amd.com';
/** Certificates for one place that are tried by signature, so that a full folder is not hours of work. */
const MAX_TRIED = 16;

/** Collateral is frozen and judged with again and again. */
const shelves = new WeakMap<Collateral, Shelf>();

/** Which authority issues keys of this kind for this product, by its common name. */
export function authorityName(product: SnpProduct, kind: SnpEndorsement['kind']): string {
  return kind === 'vcek' ? `SEV-${product}` : `SEV-VLEK-${product}`;
}

/** Where AMD has the revocation list of the root. */
export function crlUrl(product: SnpProduct, kind: SnpEndorsement['kind']): string {
  return `${KEY_SERVICE}/${kind}/v1/${product}/crl`;
}

/**
 * The certificate of the key that signed the report; of several that do not fit it, one that fits best. Rejects with
 * COLLATERAL_MISSING or SNP_CHIP_MASKED when there is none, and with what is wrong with it when none can be read.
 */
export async function findReportKey(report: SnpReport, context: FindContext): Promise<ReportKey> {
  const { keys, unreadable } = shelfOf(context.collateral);
  const ofKind = keys.filter(({ said }) => said.kind === report.signer);
  if (ofKind.length === 0) {
    const [broken] = unreadable;
    if (broken !== undefined) throw broken;
    return missing(context.collateral, describeKey(report));
  }
  const marks = ofKind.map(({ said }) => fit(said, report));
  const best = marks.reduce((a, b) => Math.max(a, b), 0);
  const fitting = prefer(
    ofKind.filter((_, i) => marks[i] === best),
    context.at,
    ({ certificate }) => certificate,
  );
  const signs = ({ certificate }: ReportKey): Promise<boolean> =>
    signed('ES384', certificate, report.signed, report.signature, context.crypto);
  return best < FITS ? (fitting[0] as ReportKey) : firstOf(fitting, signs);
}

/** The certificate of the authority that issued it. Rejects with CHAIN_ROLE or COLLATERAL_MISSING. */
export async function findAuthority(key: ReportKey, context: FindContext): Promise<Certificate> {
  const { product, kind } = key.said;
  const { issuer, tbs, signature } = key.certificate;
  const role = authorityName(product, kind);
  if (issuer.commonName !== role)
    return fail(
      'CHAIN_ROLE',
      `a ${kind.toUpperCase()} of ${product} is issued by ${role}, not by ${quoted(issuer)}`,
    );
  const named = prefer(namedAs(issuer, context), context.at, (certificate) => certificate);
  const url = `${KEY_SERVICE}/${kind}/v1/${product}/cert_chain`;
  if (named.length === 0) return missing(context.collateral, `the certificate of ${role} (${url})`);
  // AMD has given ASK of Genoa a new key under the old name, and withdrawn the old one.
  return firstOf(named, (authority) => signed('PS384', authority, tbs, signature, context.crypto));
}

/** The certificate of the root above the authority; of several the one that is pinned. COLLATERAL_MISSING. */
export function findRoot({ said }: ReportKey, authority: Certificate, context: FindContext): Certificate {
  const named = prefer(namedAs(authority.issuer, context), context.at, (certificate) => certificate);
  const pinned = ({ spki }: Certificate): boolean => {
    const digest = toHex(context.crypto.sha256(spki.raw));
    return context.roots.some(({ spkiSha256 }) => spkiSha256 === digest);
  };
  const root = named.length > 1 ? (named.find(pinned) ?? named[0]) : named[0];
  const url = `${KEY_SERVICE}/${said.kind}/v1/${said.product}/cert_chain`;
  return root ?? missing(context.collateral, `the certificate of ARK-${said.product} (${url})`);
}

/** Throws SNP_PRODUCT_MISMATCH. Reports of version 2 name no product, so that of the certificate counts. */
export function requireProduct({ product, productName }: SnpEndorsement, report: SnpReport): void {
  if (report.product !== null && report.product !== product)
    fail('SNP_PRODUCT_MISMATCH', `the certificate is for ${productName}, the report is of ${report.product}`);
}

/** For a VCEK; throws SNP_CHIP_MASKED or SNP_HWID_MISMATCH. */
export function requireChip(said: SnpEndorsement, report: SnpReport): void {
  if (isZero(report.chipId)) fail('SNP_CHIP_MASKED', 'report.chipId is zero');
  if (!sameChip(said, report))
    fail(
      'SNP_HWID_MISMATCH',
      `the certificate is of the chip ${toHex(said.hwid ?? NONE)}; needed is ${describeKey(report)}`,
    );
}

/** Throws SNP_TCB_MISMATCH with every part that differs, or ParseError SNP_FIELD_INVALID. */
export function requireTcb(said: SnpEndorsement, report: SnpReport): void {
  const { reported } = readLevels(report, said.product);
  const parts = differences(said.tcb, reported).map(
    ({ part, has, needs }) => `${part} ${has}, reported is ${needs}`,
  );
  if (parts.length > 0)
    fail('SNP_TCB_MISMATCH', `the certificate is for ${parts.join('; ')}; needed is ${describeKey(report)}`);
}

/** How much of a certificate fits: product, chip and versions, in this order; FITS is all of it. */
const FITS = 3;

function fit(said: SnpEndorsement, report: SnpReport): number {
  if (report.product !== null && report.product !== said.product) return 0;
  if (said.kind === 'vcek' && !sameChip(said, report)) return 1;
  return sameTcb(said, report) ? FITS : 2;
}

const NONE = new Uint8Array(0);

/** HWID of Turin has 8 bytes; what follows in CHIP_ID must then be zero. */
function sameChip({ hwid }: SnpEndorsement, { chipId }: SnpReport): boolean {
  const size = hwid?.length ?? 0;
  return (
    hwid !== null &&
    !isZero(chipId) &&
    equalBytes(chipId.subarray(0, size), hwid) &&
    isZero(chipId.subarray(size))
  );
}

function sameTcb({ tcb, product }: SnpEndorsement, report: SnpReport): boolean {
  try {
    return differences(tcb, readLevels(report, product).reported).length === 0;
  } catch (error) {
    if (error instanceof AssayError) return false;
    throw error;
  }
}

/** For people: which certificate is needed, and where it comes from. Throws SNP_CHIP_MASKED when that has no answer. */
function describeKey(report: SnpReport): string {
  const { product, chipId, signer } = report;
  const what = `the ${signer.toUpperCase()} certificate of ${product ?? 'the processor'}`;
  if (signer === 'vlek') return `${what} at its reported versions, which the cloud provider alone hands out,`;
  if (isZero(chipId))
    return fail('SNP_CHIP_MASKED', 'report.chipId is zero, so the certificate of no chip can be asked for');
  const levels = tcbQuery(readLevels(report, product ?? 'Milan').reported);
  const chip = toHex(product === 'Turin' ? chipId.subarray(0, 8) : chipId);
  const url = `${KEY_SERVICE}/vcek/v1/${product ?? 'Milan'}/${chip}?${levels}`;
  // Version 2, which names no product, was written by Milan and Genoa, whose versions have one layout.
  return `${what} (${url}${product === null ? ', or Genoa in the place of Milan' : ''})`;
}

function shelfOf(collateral: Collateral): Shelf {
  const known = shelves.get(collateral);
  if (known !== undefined) return known;
  const bySubject = new Map<string, Certificate[]>();
  const keys: ReportKey[] = [];
  const unreadable: AssayError[] = [];
  for (const certificate of certificatesOf(collateral)) {
    if (isSnpEndorsement(certificate)) {
      try {
        keys.push({ certificate, said: readSnpEndorsement(certificate) });
      } catch (error) {
        if (!(error instanceof AssayError)) throw error;
        unreadable.push(error);
      }
    } else {
      const name = toHex(certificate.subject.raw);
      const named = bySubject.get(name);
      if (named === undefined) bySubject.set(name, [certificate]);
      else named.push(certificate);
    }
  }
  const shelf = { keys, unreadable, bySubject };
  shelves.set(collateral, shelf);
  return shelf;
}

function namedAs(name: Name, { collateral }: FindContext): readonly Certificate[] {
  return shelfOf(collateral).bySubject.get(toHex(name.raw)) ?? [];
}

/** Those that hold at the moment first, newer before older: the key service dates every copy anew. */
function prefer<T>(candidates: readonly T[], at: Millis, of: (candidate: T) => Certificate): readonly T[] {
  const rank = (candidate: T): number => {
    const { notBefore, notAfter } = of(candidate);
    return notBefore <= at && at <= notAfter ? 1 : 0;
  };
  return candidates.toSorted((a, b) => rank(b) - rank(a) || of(b).notBefore - of(a).notBefore);
}

/** The first that signed, or the first at all, which will then be refused for what it is. */
async function firstOf<T>(candidates: readonly T[], signs: (candidate: T) => Promise<boolean>): Promise<T> {
  if (candidates.length > 1)
    for (const candidate of candidates.slice(0, MAX_TRIED)) if (await signs(candidate)) return candidate;
  return candidates[0] as T;
}

/** Whether the key of a certificate signed this: to choose by, never to trust by. */
async function signed(
  algorithm: SignatureAlgorithm,
  { spki }: Certificate,
  message: Uint8Array,
  signature: Uint8Array,
  crypto: Crypto,
): Promise<boolean> {
  try {
    await (await crypto.importKey(algorithm, spki.raw)).verify(message, signature);
    return true;
  } catch (error) {
    if (error instanceof AssayError) return false;
    throw error;
  }
}

function quoted({ commonName }: Name): string {
  return JSON.stringify((commonName ?? 'no one name').slice(0, 64));
}
