/**
 * Is an attestation report authentic? It is when the key that signed it is one that AMD's authorities certify for the
 * processor, the chip and the versions that the report names (AMD 56860, ATTESTATION_REPORT; AMD 57230). The
 * signature is verified over the bytes received.
 */
import type { Millis } from '../../src/base/clock.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import type { Collateral } from '../../src/collateral/index.ts';
import type { SnpEndorsement, SnpProduct, SnpReport } from '../../src/evidence/snp/index.ts';
import { CHAIN_CHECKS, verifyChain, type VerifiedChain } from '../chain.ts';
import type { Verified } from '../platform.ts';
import type { ProofCache } from '../proof-cache.ts';
import { profileOf } from './profile.ts';
import type { RootPin } from '../roots.ts';
import { CheckLog, type PlannedCheck } from '../verdict.ts';
import {
  findAuthority,
  findReportKey,
  findRoot,
  requireChip,
  requireProduct,
  requireTcb,
} from './endorsement.ts';
import { proveUnrevoked, type RevocationProof, SNP_REVOCATION_CHECK } from './revocation.ts';
import { readLevels, type SnpLevels } from './tcb.ts';

export interface SnpClaims {
  readonly report: SnpReport;
  /** What the certificate of the report key says. */
  readonly endorsement: SnpEndorsement;
  readonly product: SnpProduct;
  /** The report's versions, part by part. */
  readonly levels: SnpLevels;
  /** Null when no revocation list was at hand: whether that will do is for the appraiser to say. */
  readonly revocation: RevocationProof | null;
}

export interface SnpContext {
  /** The moment to verify at: now, or for recorded evidence a time known from elsewhere. */
  readonly at: Millis;
  readonly crypto: Crypto;
  /** `SNP_ROOTS`, and with them any simulated root that the trust policy names. */
  readonly roots: readonly RootPin[];
  /** Certificates of VCEK or VLEK, ASK or ASVK, and ARK; the revocation list of ARK where there is one. */
  readonly collateral: Collateral;
  readonly cache?: ProofCache;
  /** Takes the outcome of each check by name; must be planned with SNP_VERIFY_CHECKS. */
  readonly log?: CheckLog;
}

export const ABI = 'AMD 56860 ATTESTATION_REPORT';

export const SNP_VERIFY_CHECKS: readonly PlannedCheck[] = Object.freeze([
  { name: 'snp.endorsement', clause: 'AMD 57230: a certificate of the kind of key that signed, at hand' },
  { name: 'snp.product', clause: 'AMD 57230: productName; CPUID of the report' },
  { name: 'snp.chip', clause: 'AMD 57230: HWID is CHIP_ID, of Turin its first 8 bytes' },
  { name: 'snp.tcb', clause: 'AMD 57230: each SPL is that part of REPORTED_TCB' },
  {
    name: 'snp.authorities',
    clause: 'AMD 57230: ASK above a VCEK, ASVK above a VLEK, ARK above both; at hand',
  },
  ...CHAIN_CHECKS,
  { name: 'snp.signature', clause: `${ABI}: ECDSA P-384 over bytes 0 to 29F, high S accepted` },
  SNP_REVOCATION_CHECK,
]);

/**
 * Proves that a processor or a provider that AMD certifies signed the report, and when the proof ends. Rejects with a
 * CHAIN_, SNP_, COLLATERAL_ or CRL_ code, or CERTIFICATE_REVOKED. Without a revocation list at hand the claims say so
 * and `snp.revocation` is not performed. Debug mode, measurements and versions are not judged here.
 */
export async function verifySnp(report: SnpReport, context: SnpContext): Promise<Verified<SnpClaims>> {
  const log = context.log ?? new CheckLog(SNP_VERIFY_CHECKS);
  const { crypto, at } = context;
  const key = await log.demandAsync('snp.endorsement', () => findReportKey(report, context));
  const { said } = key;
  const { product } = said;
  log.demand('snp.product', () => requireProduct(said, report));
  if (said.kind === 'vlek') log.notApplicable('snp.chip');
  else log.demand('snp.chip', () => requireChip(said, report));
  const levels = log.demand('snp.tcb', () => {
    requireTcb(said, report);
    return readLevels(report, product);
  });
  const above = await log.demandAsync('snp.authorities', async () => {
    const authority = await findAuthority(key, context);
    return [findRoot(key, authority, context), authority];
  });
  const profile = profileOf(said);
  const chain = await verifyChain(
    [...above, key.certificate].map(({ raw }) => raw),
    {
      profile,
      roots: context.roots.filter(({ simulated, partition }) => simulated || partition === product),
      at,
      crypto,
      log,
      ...(context.cache === undefined ? {} : { cache: context.cache }),
      pathOf: (i) => ['ARK', said.kind === 'vcek' ? 'ASK' : 'ASVK', said.kind.toUpperCase()][i] ?? '',
    },
  );
  await log.demandAsync('snp.signature', () => verifySignature(report, chain));
  const revocation = await proveUnrevoked(chain, { ...context, profile, log });
  const claims: SnpClaims = Object.freeze({ report, endorsement: said, product, levels, revocation });
  const { pin } = chain;
  return Object.freeze({
    claims,
    pin,
    chain,
    at,
    validFrom: Math.max(chain.validFrom, revocation?.thisUpdate ?? chain.validFrom),
    validUntil: Math.min(chain.validUntil, revocation?.nextUpdate ?? chain.validUntil),
  }) as Verified<SnpClaims>;
}

async function verifySignature({ signed, signature }: SnpReport, { leafKey }: VerifiedChain): Promise<void> {
  try {
    await leafKey.verify(signed, signature);
  } catch (cause) {
    if (!(cause instanceof AssayError) || cause.code !== 'SIGNATURE_INVALID') throw cause;
    fail('SNP_SIGNATURE_INVALID', 'report.signature (at byte 672) does not verify');
  }
}
