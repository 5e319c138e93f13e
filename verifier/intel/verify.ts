/**
 * Is a quote authentic, and at which level of Intel's trusted computing base is its platform? The steps of Intel's
 * Quote Verification Library, and what that leaves out: beginnings of validity, the raw bytes of signed JSON, roles of
 * certificates. The level is a claim here; whether it is good enough is appraised.
 */
import { concat, equalBytes, isZero } from '../../src/base/bytes.ts';
import type { Crypto, VerifyKey } from '../../src/base/crypto.ts';
import { AssayError, type Code, fail } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import type { Certificate } from '../../src/codec/x509.ts';
import { type Collateral, NO_COLLATERAL, type QeIdentity, type TcbInfo } from '../../src/collateral/index.ts';
import { type PckExtension, type Quote, readPck, type TdReport } from '../../src/evidence/intel/index.ts';
import { CHAIN_CHECKS, verifyChain } from '../chain.ts';
import type { Verified } from '../platform.ts';
import { ProofCache } from '../proof-cache.ts';
import type { RootPin } from '../roots.ts';
import { CheckLog, type PlannedCheck } from '../verdict.ts';
import {
  type Documents,
  requireSamePlatform,
  requireUnrevoked,
  selectDocuments,
  verifyDocument,
  verifyLists,
  verifySigner,
} from './documents.ts';
import { type Forecast, forecastTcb } from './forecast.ts';
import { pckPath } from './pck.ts';
import { PCK_CAS, PCK_CHAIN } from './profiles.ts';
import { explainTcb, type TcbExplanation } from './shortfall.ts';
import {
  advisesRelaunch,
  type ConvergedStatus,
  evaluateTcb,
  moduleIdentityOf,
  type PlatformVersions,
  type TcbEvaluation,
} from './tcb.ts';

export interface IntelClaims {
  readonly quote: Quote;
  readonly pck: PckExtension;
  readonly pckCa: 'platform' | 'processor';
  /** Launch and current together, as Intel's library reports them. */
  readonly status: ConvergedStatus;
  /** With the module that started the TD, or of an enclave the only one. */
  readonly launch: TcbEvaluation;
  /** With the module that runs now; null where the quote does not say. */
  readonly current: TcbEvaluation | null;
  readonly explanation: TcbExplanation;
  /** What newer collateral at hand makes of the same platform. */
  readonly forecasts: readonly Forecast[];
  readonly tcbInfo: TcbInfo;
  readonly qeIdentity: QeIdentity;
}

export interface IntelContext {
  readonly at: number;
  readonly crypto: Crypto;
  /** `INTEL_ROOTS`, and with them any simulated root that the trust policy names. */
  readonly roots: readonly RootPin[];
  readonly collateral?: Collateral;
  readonly cache?: ProofCache;
  /** Takes the outcome of each check by name; must be planned with INTEL_VERIFY_CHECKS. */
  readonly log?: CheckLog;
}

const QVL = 'Intel Quote Verification Library';

export const INTEL_VERIFY_CHECKS: readonly PlannedCheck[] = Object.freeze([
  {
    name: 'quote.certification',
    clause: `${QVL}, certification data: the PCK certificate and those above it`,
  },
  ...CHAIN_CHECKS,
  { name: 'quote.pck', clause: 'Intel SGX PCK Certificate and CRL Profile 1.3.5: the SGX extension' },
  { name: 'quote.qe-report', clause: `${QVL}, QuoteVerifier: QE report signed by the PCK` },
  { name: 'quote.attestation-key', clause: `${QVL}: SHA-256(key ‖ authentication data) in the QE report` },
  {
    name: 'quote.signature',
    clause: `${QVL}: header and body signed by the attestation key; high S accepted`,
  },
  {
    name: 'collateral.complete',
    clause: 'TCB info, QE identity, two revocation lists, their signer at hand',
  },
  { name: 'collateral.signer', clause: 'RFC 5280 6.1, role and validity of the TCB signer' },
  {
    name: 'collateral.revocation-lists',
    clause: 'RFC 5280 5, 6.3.3: issuer, signature, thisUpdate, nextUpdate',
  },
  { name: 'collateral.revocation', clause: 'RFC 5280 6.3.3: PCK CA, TCB signer and PCK are not revoked' },
  { name: 'collateral.tcb-info', clause: 'Intel PCS V4: signed bytes as served, issueDate, nextUpdate' },
  { name: 'collateral.qe-identity', clause: 'Intel PCS V4: signed bytes as served, issueDate, nextUpdate' },
  { name: 'quote.platform', clause: `${QVL}: FMSPC and PCEID of PCK and TCB info` },
  { name: 'quote.module', clause: `${QVL}, TDX: signer and attributes of the module that the version names` },
  { name: 'quote.qe-identity', clause: `${QVL}, EnclaveReportVerifier` },
  { name: 'quote.tcb', clause: `${QVL}, EvaluateTcb: a claim, not a judgement` },
]);

/** Rejects with a CHAIN_, QUOTE_, TDX_ or COLLATERAL_ code. Debug, TCB status and measurements are not judged here. */
export async function verifyIntel(quote: Quote, given: IntelContext): Promise<Verified<IntelClaims>> {
  // Also without a cache the root, which heads both paths, is imported once.
  const links = given.cache ?? new ProofCache();
  const context = { ...given, collateral: given.collateral ?? NO_COLLATERAL, links };
  const log = context.log ?? new CheckLog(INTEL_VERIFY_CHECKS);
  const path = await log.demandAsync('quote.certification', () => pckPath(quote, context));
  const { at, crypto, roots } = context;
  const chain = await verifyChain(path, {
    profile: PCK_CHAIN,
    at,
    crypto,
    roots,
    log,
    pathOf: (i) => ['the root', 'the certificate of the PCK CA', 'the PCK certificate'][i] as string,
    cache: links,
  });
  const pck = log.demand('quote.pck', () => pckOf(chain.leaf, links));
  await log.demandAsync('quote.qe-report', () =>
    requireSignature(
      chain.leafKey,
      quote.qe.signed,
      quote.qe.signature,
      'the report of the quoting enclave',
      'QUOTE_QE_REPORT_INVALID',
    ),
  );
  log.demand('quote.attestation-key', () => checkAttestationKey(quote, crypto));
  await log.demandAsync('quote.signature', async () => {
    const key = await crypto.importKey('ES256', concat(P256_SPKI, quote.attestationKey));
    await requireSignature(key, quote.signed, quote.signature, 'the quote', 'QUOTE_SIGNATURE_INVALID');
  });
  const documents = log.demand('collateral.complete', () => selectDocuments(quote.tee, pck, chain, context));
  const signer = await log.demandAsync('collateral.signer', () =>
    verifySigner(documents.signer, chain.certificates[0] as Certificate, context),
  );
  await log.demandAsync('collateral.revocation-lists', () => verifyLists(documents, chain, context));
  await log.demandAsync('collateral.revocation', () => requireUnrevoked(documents, chain, context));
  const { tcbInfo, qeIdentity } = documents;
  await log.demandAsync('collateral.tcb-info', () =>
    verifyDocument(tcbInfo, 'the TCB info', signer, context),
  );
  await log.demandAsync('collateral.qe-identity', () =>
    verifyDocument(qeIdentity, 'the identity of the quoting enclave', signer, context),
  );
  log.demand('quote.platform', () => requireSamePlatform(tcbInfo, pck));
  if (quote.body.type === 'sgx') log.notApplicable('quote.module');
  else {
    const { body } = quote;
    log.demand('quote.module', () => checkModule(body, tcbInfo.value));
  }
  log.demand('quote.qe-identity', () => checkQuotingEnclave(quote, qeIdentity.value));
  const claims = await log.demandAsync('quote.tcb', async () => {
    const judged = judgeTcb(quote, pck, documents);
    const forecasts = await forecastTcb(versionsOf(quote, pck), documents, signer, context);
    return Object.freeze({
      quote,
      pck,
      pckCa: pckCaOf(chain.certificates[1] as Certificate),
      ...judged,
      forecasts,
    });
  });
  const begins = [
    tcbInfo.value.issueDate,
    qeIdentity.value.issueDate,
    documents.rootCrl.thisUpdate,
    documents.pckCrl.thisUpdate,
  ];
  const ends = [
    tcbInfo.value.nextUpdate,
    qeIdentity.value.nextUpdate,
    documents.rootCrl.nextUpdate,
    documents.pckCrl.nextUpdate,
  ];
  return Object.freeze({
    claims,
    pin: chain.pin,
    chain,
    at,
    validFrom: Math.max(chain.validFrom, signer.validFrom, ...begins),
    validUntil: Math.min(chain.validUntil, signer.validUntil, ...ends),
  }) as unknown as Verified<IntelClaims>;
}

/** SubjectPublicKeyInfo of an uncompressed point of P-256, up to the point's coordinates. */
const P256_SPKI = fromHex('3059301306072a8648ce3d020106082a8648ce3d03010703420004');

function pckOf(leaf: Certificate, cache: ProofCache): PckExtension {
  const pck = cache.fact<PckExtension>(leaf, PCK_EXTENSION) ?? readPck(leaf, 'the PCK certificate');
  cache.addFact(leaf, PCK_EXTENSION, pck);
  return pck;
}

const PCK_EXTENSION: object = {};

async function requireSignature(
  key: VerifyKey,
  message: Uint8Array,
  signature: Uint8Array,
  what: string,
  code: Code,
): Promise<void> {
  try {
    await key.verify(message, signature);
  } catch (cause) {
    if (!(cause instanceof AssayError) || cause.code !== 'SIGNATURE_INVALID') throw cause;
    fail(code, `the signature of ${what} does not verify`);
  }
}

function checkAttestationKey({ qe, attestationKey }: Quote, crypto: Crypto): void {
  const { reportData } = qe.report;
  const bound = crypto.sha256(attestationKey, qe.authData);
  if (!equalBytes(reportData.subarray(0, 32), bound) || !isZero(reportData.subarray(32)))
    fail('QUOTE_KEY_NOT_BOUND', 'the report of the quoting enclave does not vouch for the attestation key');
}

/** Which module runs: its signer and attributes are Intel's statement; its version is judged with the TCB. */
function checkModule(report: TdReport, info: TcbInfo): void {
  for (const [name, svn] of [
    ['tee_tcb_svn', report.teeTcbSvn],
    ['tee_tcb_svn2', report.teeTcbSvn2],
  ] as const) {
    if (svn === null) continue;
    const version = svn[1] as number;
    const module = version > 0 ? moduleIdentityOf(svn, info) : info.tdxModule;
    if (module === null)
      return fail('TDX_MODULE_UNKNOWN', `${name}: the TCB info knows no module of version ${version}`);
    if (!equalBytes(report.mrsignerseam, module.mrsigner))
      fail(
        'TDX_MODULE_MISMATCH',
        `mrsignerseam is ${toHex(report.mrsignerseam)}, not the signer of the module`,
      );
    // Intel's library takes none, whatever the mask.
    if (
      !isZero(report.seamAttributes) ||
      !masked(report.seamAttributes, module.attributesMask, module.attributes)
    )
      fail('TDX_MODULE_MISMATCH', `seamattributes are ${toHex(report.seamAttributes)}`);
  }
}

function checkQuotingEnclave({ qe: { report } }: Quote, identity: QeIdentity): void {
  const differs = (what: string): never =>
    fail('QUOTE_QE_MISMATCH', `the quoting enclave is not Intel's: ${what} differs from its identity`);
  if (!masked(report.miscselect, identity.miscselectMask, identity.miscselect)) differs('miscselect');
  if (!masked(report.attributes, identity.attributesMask, identity.attributes)) differs('attributes');
  if (!equalBytes(report.mrsigner, identity.mrsigner)) differs('mrsigner');
  if (report.isvProdId !== identity.isvprodid) differs('isvprodid');
  // Intel's masks leave no room for it, and a debugged quoting enclave signs what it is told.
  if (report.flags.debug) differs('debug');
}

function masked(value: Uint8Array, mask: Uint8Array, expected: Uint8Array): boolean {
  return value.every(
    (octet, i) => (octet & (mask[i] as number)) === ((expected[i] as number) & (mask[i] as number)),
  );
}

function versionsOf(quote: Quote, pck: PckExtension): PlatformVersions {
  return {
    components: pck.components,
    pceSvn: pck.pceSvn,
    teeTcbSvn: quote.body.type === 'sgx' ? null : quote.body.teeTcbSvn,
    qeIsvSvn: quote.qe.report.isvSvn,
  };
}

function judgeTcb(
  quote: Quote,
  pck: PckExtension,
  documents: Documents,
): Pick<IntelClaims, 'status' | 'launch' | 'current' | 'explanation' | 'tcbInfo' | 'qeIdentity'> {
  const [tcbInfo, qeIdentity] = [documents.tcbInfo.value, documents.qeIdentity.value];
  const versions = versionsOf(quote, pck);
  const launch = evaluateTcb(versions, tcbInfo, qeIdentity);
  const teeTcbSvn = quote.body.type === 'sgx' ? null : quote.body.teeTcbSvn2;
  const current = teeTcbSvn === null ? null : evaluateTcb({ ...versions, teeTcbSvn }, tcbInfo, qeIdentity);
  return {
    status: current === null ? launch.status : advisesRelaunch(launch.status, current.status),
    launch,
    current,
    explanation: explainTcb(versions, launch, tcbInfo, qeIdentity),
    tcbInfo,
    qeIdentity,
  };
}

function pckCaOf({ subject }: Certificate): IntelClaims['pckCa'] {
  return PCK_CAS[subject.commonName as keyof typeof PCK_CAS];
}
