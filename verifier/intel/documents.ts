/**
 * Intel's statements about a platform: which of those at hand count at the moment, who signed them, and that nothing
 * of the path is revoked. Everything that is missing is named at once, so that one look-up mends it.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { fail } from '../../src/base/errors.ts';
import type { Certificate } from '../../src/codec/x509.ts';
import type { Crl } from '../../src/codec/x509-crl.ts';
import type { Collateral, QeIdentity, SignedDocument, TcbInfo } from '../../src/collateral/index.ts';
import type { PckExtension, Tee } from '../../src/evidence/intel/index.ts';
import { CHAIN_CHECKS, type Link, type VerifiedChain, verifyChain } from '../chain.ts';
import { certificatesOf, crlOf, crlsOf, missing, newestAt, requireSigned } from '../collateral.ts';
import type { VerifyContext } from '../platform.ts';
import type { ProofCache } from '../proof-cache.ts';
import { requireFresh, requireNotRevoked, requireUnnamed, verifyCrl } from '../revocation.ts';
import type { RootPin } from '../roots.ts';
import { CheckLog } from '../verdict.ts';
import { PCK_CHAIN, TCB_SIGNING_CHAIN } from './profiles.ts';

export interface DocumentContext extends Omit<VerifyContext, 'trust' | 'log'> {
  readonly roots: readonly RootPin[];
  /** Where links of paths are kept, for one verification at least. */
  readonly links: ProofCache;
}

export interface Documents {
  readonly tcbInfo: SignedDocument<TcbInfo>;
  readonly qeIdentity: SignedDocument<QeIdentity>;
  readonly rootCrl: Crl;
  readonly pckCrl: Crl;
  readonly signer: Certificate;
}

const QE_IDS = { sgx: 'QE', tdx: 'TD_QE' } as const;
const SIGNER = TCB_SIGNING_CHAIN.roles?.[0]?.[0] as string;
const span = <T>({
  value,
}: SignedDocument<T & Validity>): { readonly from: number; readonly until: number } => ({
  from: value.issueDate,
  until: value.nextUpdate,
});

interface Validity {
  readonly issueDate: number;
  readonly nextUpdate: number;
}

/** Throws COLLATERAL_MISSING, with all that is not at hand. */
export function selectDocuments(
  tee: Tee,
  pck: PckExtension,
  chain: VerifiedChain,
  { collateral, at }: DocumentContext,
): Documents {
  const [root, authority] = chain.certificates as readonly [Certificate, Certificate, Certificate];
  const fmspc = toHex(pck.fmspc);
  const absent: string[] = [];
  const orAbsent = <T>(found: T | null | undefined, what: string): T => {
    if (found === null || found === undefined) absent.push(what);
    return found as T;
  };
  const found: Documents = {
    tcbInfo: orAbsent(
      newestAt(highestFirst(tcbInfosOf(collateral, tee, fmspc)), at, span),
      `${tee.toUpperCase()} TCB info for FMSPC ${fmspc}`,
    ),
    qeIdentity: orAbsent(
      newestAt(highestFirst(qeIdentitiesOf(collateral, tee)), at, span),
      `the identity of the ${QE_IDS[tee]}`,
    ),
    pckCrl: orAbsent(crlOf(collateral, authority.subject, at), `the list of ${authority.subject.commonName}`),
    rootCrl: orAbsent(crlOf(collateral, root.subject, at), `the list of ${root.subject.commonName}`),
    signer: orAbsent(signerOf(collateral, root, at), `the certificate of ${SIGNER}`),
  };
  return absent.length > 0 ? missing(collateral, absent.join(', ')) : found;
}

/** Of two that were issued in the same second the one of the higher evaluation counts, in whatever order they came. */
function highestFirst<T extends { readonly tcbEvaluationDataNumber: number }>(
  documents: readonly SignedDocument<T>[],
): readonly SignedDocument<T>[] {
  return documents.length < 2
    ? documents
    : documents.toSorted((a, b) => b.value.tcbEvaluationDataNumber - a.value.tcbEvaluationDataNumber);
}

export function tcbInfosOf(
  collateral: Collateral,
  tee: Tee,
  fmspc: string,
): readonly SignedDocument<TcbInfo>[] {
  const found: SignedDocument<TcbInfo>[] = [];
  for (const item of collateral.items)
    if (item.kind === 'tcb-info' && item.document.value.tee === tee && item.document.value.fmspc === fmspc)
      found.push(item.document);
  return found;
}

export function qeIdentitiesOf(collateral: Collateral, tee: Tee): readonly SignedDocument<QeIdentity>[] {
  const found: SignedDocument<QeIdentity>[] = [];
  for (const item of collateral.items)
    if (item.kind === 'qe-identity' && item.document.value.id === QE_IDS[tee]) found.push(item.document);
  return found;
}

/** Intel re-issues the signer with the same key and serial: the newest that holds now. */
function signerOf(collateral: Collateral, root: Certificate, at: number): Certificate | null {
  const signers = certificatesOf(collateral).filter(
    ({ subject, issuer }) => subject.commonName === SIGNER && equalBytes(issuer.raw, root.subject.raw),
  );
  return newestAt(signers, at, ({ notBefore, notAfter }) => ({ from: notBefore, until: notAfter }));
}

/** Rejects with a CHAIN_ code, told as the signer's. Its own log: the checks of that name are of the evidence. */
export function verifySigner(
  signer: Certificate,
  root: Certificate,
  context: DocumentContext,
): Promise<VerifiedChain> {
  const { at, crypto, roots, links } = context;
  return verifyChain([root, signer], {
    profile: TCB_SIGNING_CHAIN,
    at,
    crypto,
    roots,
    log: new CheckLog(CHAIN_CHECKS),
    pathOf: (i) => (i === 0 ? 'the root' : `the certificate of ${SIGNER}`),
    cache: links,
  });
}

/** Both lists are by their authority and fresh. */
export async function verifyLists(
  { rootCrl, pckCrl }: Documents,
  { certificates, keys }: VerifiedChain,
  context: DocumentContext,
): Promise<void> {
  const how = { ...context, profile: PCK_CHAIN };
  await verifyCrl(rootCrl, linkOf({ certificates, keys }, 0), 'the list of the root CA', how);
  await verifyCrl(pckCrl, linkOf({ certificates, keys }, 1), 'the list of the PCK CA', how);
}

const linkOf = ({ certificates, keys }: Pick<VerifiedChain, 'certificates' | 'keys'>, i: number): Link => ({
  certificate: certificates[i] as Certificate,
  key: keys[i] as VerifiedChain['leafKey'],
});

/** Rejects with CERTIFICATE_REVOKED. */
export async function requireUnrevoked(
  { rootCrl, pckCrl, signer }: Documents,
  chain: VerifiedChain,
  context: DocumentContext,
): Promise<void> {
  const [root, authority, leaf] = chain.certificates as readonly [Certificate, Certificate, Certificate];
  const how = { ...context, profile: PCK_CHAIN };
  const below = [
    [root, rootCrl, [authority, signer]],
    [authority, pckCrl, [leaf]],
  ] as const;
  for (const [i, [issuer, fresh, certificates]] of below.entries()) {
    for (const certificate of certificates) requireNotRevoked(fresh, certificate);
    const lists = crlsOf(context.collateral, issuer.subject);
    if (lists.length > 1) await requireUnnamed(lists, fresh, linkOf(chain, i), certificates, how);
  }
}

/** Rejects with COLLATERAL_SIGNATURE_INVALID or COLLATERAL_STALE. */
export async function verifyDocument(
  document: SignedDocument<Validity>,
  name: string,
  { leaf, leafKey }: VerifiedChain,
  context: DocumentContext,
): Promise<void> {
  const { signed, signature, value } = document;
  await requireSigned({ owner: document, signed, signature, key: leafKey, signer: leaf, name }, context);
  requireFresh(name, value.issueDate, value.nextUpdate, context.at);
}

/** The platform that the PCK is of is the one that the TCB info speaks of. */
export function requireSamePlatform({ value }: SignedDocument<TcbInfo>, pck: PckExtension): void {
  if (value.fmspc !== toHex(pck.fmspc) || value.pceId !== toHex(pck.pceId))
    fail(
      'COLLATERAL_MISMATCH',
      `the TCB info is for FMSPC ${value.fmspc}, PCEID ${value.pceId}; the PCK is of ${toHex(pck.fmspc)}, ${toHex(pck.pceId)}`,
    );
}
