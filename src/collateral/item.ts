/** One piece of collateral: a certificate, a revocation list or a statement, with the bytes that it was read from. */
import type { Millis } from '../base/clock.ts';
import type { Code } from '../base/errors.ts';
import { type Certificate, parseCertificate } from '../codec/x509.ts';
import { type Crl, parseCrl } from '../codec/x509-crl.ts';
import { readEvaluationNumbers, type TcbEvaluationNumbers } from './intel/evaluation-numbers.ts';
import { invalid } from './intel/fields.ts';
import { type QeIdentity, readQeIdentity } from './intel/qe-identity.ts';
import { readTcbInfo, type TcbInfo } from './intel/tcb-info.ts';
import { readSignedJson, type SignedDocument, type SignedJson } from './signed-json.ts';

export interface CertificateItem {
  readonly kind: 'certificate';
  /** DER. */
  readonly bytes: Uint8Array;
  readonly certificate: Certificate;
}

export interface CrlItem {
  readonly kind: 'crl';
  /** DER. */
  readonly bytes: Uint8Array;
  readonly crl: Crl;
}

interface StatementItem<Kind extends string, T> {
  readonly kind: Kind;
  /** The body as served. */
  readonly bytes: Uint8Array;
  readonly document: SignedDocument<T>;
}

export type TcbInfoItem = StatementItem<'tcb-info', TcbInfo>;
export type QeIdentityItem = StatementItem<'qe-identity', QeIdentity>;
export type TcbEvaluationNumbersItem = StatementItem<'tcb-evaluation-numbers', TcbEvaluationNumbers>;

export type CollateralItem =
  | CertificateItem
  | CrlItem
  | TcbInfoItem
  | QeIdentityItem
  | TcbEvaluationNumbersItem;

export type CollateralKind = CollateralItem['kind'];

export interface Collateral {
  /** No two with the same bytes. */
  readonly items: readonly CollateralItem[];
  /** Files that hold none (code null), or something broken. */
  readonly ignored: readonly { readonly name: string; readonly code: Code | null; readonly why: string }[];
}

export const NO_COLLATERAL: Collateral = Object.freeze({
  items: Object.freeze([]),
  ignored: Object.freeze([]),
});

/** In one file, one bundle and all of what is at hand. */
export const MAX_ITEMS = 10_000;

/** Throws ParseError with a DER_ or X509_ code. */
export function certificateItem(der: Uint8Array): CertificateItem {
  const certificate = parseCertificate(der, { path: 'certificate' });
  return Object.freeze({ kind: 'certificate', bytes: certificate.raw, certificate });
}

/** Throws ParseError with a DER_ code or CRL_INVALID. */
export function crlItem(der: Uint8Array): CrlItem {
  const crl = parseCrl(der, { path: 'crl' });
  return Object.freeze({ kind: 'crl', bytes: crl.raw, crl });
}

/**
 * The statement of a body of Intel's service; null for JSON that is none. Throws ParseError with a JSON_ code, or
 * COLLATERAL_INVALID.
 */
export function statementItem(
  body: Uint8Array,
): TcbInfoItem | QeIdentityItem | TcbEvaluationNumbersItem | null {
  const json = readSignedJson(body);
  switch (json?.name) {
    case undefined:
      return null;
    case 'tcbInfo':
      return statement('tcb-info', body, json, readTcbInfo);
    case 'enclaveIdentity':
      return statement('qe-identity', body, json, readQeIdentity);
    case 'tcbEvaluationDataNumbers':
      return statement('tcb-evaluation-numbers', body, json, readEvaluationNumbers);
  }
}

function statement<Kind extends string, T>(
  kind: Kind,
  bytes: Uint8Array,
  { signed, signature, value, path }: SignedJson,
  read: (value: SignedJson['value'], path: string) => T,
): StatementItem<Kind, T> {
  const document = Object.freeze({ signed, signature, value: read(value, path) });
  return Object.freeze({ kind, bytes, document });
}

/** What bytes of a known kind hold. Throws COLLATERAL_INVALID for a statement of another kind, and as the readers do. */
export function itemOfKind(kind: CollateralKind, bytes: Uint8Array): CollateralItem {
  if (kind === 'certificate') return certificateItem(bytes);
  if (kind === 'crl') return crlItem(bytes);
  const item = statementItem(bytes);
  return item?.kind === kind ? item : invalid('body', `is ${item?.kind ?? 'no statement'}, not ${kind}`);
}

/** The last moment at which it is good: notAfter or nextUpdate. */
export function itemEnds(item: CollateralItem): Millis {
  switch (item.kind) {
    case 'certificate':
      return item.certificate.notAfter;
    case 'crl':
      return item.crl.nextUpdate;
    case 'tcb-info':
    case 'qe-identity':
    case 'tcb-evaluation-numbers':
      return item.document.value.nextUpdate;
  }
}

/** The first moment at which it is good: notBefore, thisUpdate or issueDate. */
export function itemBegins(item: CollateralItem): Millis {
  switch (item.kind) {
    case 'certificate':
      return item.certificate.notBefore;
    case 'crl':
      return item.crl.thisUpdate;
    case 'tcb-info':
    case 'qe-identity':
    case 'tcb-evaluation-numbers':
      return item.document.value.issueDate;
  }
}
